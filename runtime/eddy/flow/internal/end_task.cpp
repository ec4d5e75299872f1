#include <eddy/flow/internal/end_task.hpp>

#include <eddy/base/internal/assert.hpp>
#include <eddy/core/as_result.hpp>

#include <utility>

namespace eddy::internal {

Task<std::optional<Failure>> end_task(JoinHandle<> task) {
  task.cancel();
  std::optional<Failure> cancelled;
  while (!task.done()) {
    auto ended = co_await as_outcome(task);
    if (!ended && !task.done()) cancelled = std::move(ended.error());
  }
  EDDY_ASSERT(task.done());
  co_return cancelled;
}

}  // namespace eddy::internal
