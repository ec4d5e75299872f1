#include <eddy/flow/internal/end_task.hpp>

#include <eddy/base/internal/assert.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/flow/shield.hpp>

#include <utility>

namespace eddy::internal {

Task<std::optional<Failure>> end_task(JoinHandle<> task) {
  task.cancel();
  std::optional<Failure> cancelled;
  while (!task.done()) {
    // Not handed on: the task was asked, and may be cleaning up. Whose Cancelled it is, a request
    // that was pending tells, or the count of them.
    const bool pending = thread_state.task->cancel_pending();
    const unsigned requests = this_task().cancelling();
    auto ended = co_await as_outcome(shield(task));
    const bool asked = pending || this_task().cancelling() > requests;
    if (!ended && asked) cancelled = std::move(ended.error());
  }
  EDDY_ASSERT(task.done());
  co_return cancelled;
}

}  // namespace eddy::internal
