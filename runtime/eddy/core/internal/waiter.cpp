#include <eddy/core/internal/waiter.hpp>

#include <eddy/core/internal/misuse.hpp>
#include <eddy/core/loop.hpp>

namespace eddy::internal {

void Waiter::throw_no_task() {
  throw UsageError("co_await outside of a task: use run() or spawn()");
}

void Waiter::throw_awaited_twice() {
  throw_misuse("an awaitable can be awaited once: ask for another one");
}

bool Waiter::leave(Waiter& waiter) {
  EDDY_ASSERT(waiter.task_);
  EDDY_ASSERT(!waiter.was_cancelled());
  waiter.unlink();
  waiter.mark_cancelled();
  waiter.wake();
  return true;
}

Failure Waiter::cancelled_failure() noexcept {
  EDDY_ASSERT(task_);
  return task_->cancelled_failure();
}

}  // namespace eddy::internal
