// end_task: cancels a task, and waits until it has ended, whatever comes meanwhile.
#pragma once

#include <eddy/core/join_handle.hpp>
#include <eddy/core/task.hpp>

#include <optional>

namespace eddy::internal {

// Gives the cancellation of whoever waits, if there was one: it does not end the wait, and is not
// pending any more. How the task ended its handle tells.
Task<std::optional<Failure>> end_task(JoinHandle<> task);

}  // namespace eddy::internal
