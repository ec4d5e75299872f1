#include <eddy/flow/gather.hpp>

namespace eddy {

void GatherWaiter::child_ended(TaskState& task) noexcept {
  --left_;
  if (failed_) return;  // woken already
  if (!settled_ && (task.failed() || task.cancelled())) {
    first_failed(task);
    wake();
  } else if (left_ == 0) {
    wake();
  }
}

// H1: refused once all have ended. Otherwise the children are asked, and their ends end the wait.
bool GatherWaiter::stop(Waiter& waiter) {
  auto& gather = static_cast<GatherWaiter&>(waiter);
  if (gather.left_ == 0 || gather.failed_) return false;
  gather.stopping_ = true;
  gather.reason_ = gather.task()->take_cancel_reason();
  gather.cancel_children(gather.reason_);
  return true;
}

// C4: a request that comes after the wake-up wins, and nobody has looked at the failure then. One
// that was passed on to the children ends as the first of them that ended badly.
std::optional<Failure> GatherWaiter::failure() {
  const bool stopped = interrupted();
  TaskState* failed = std::exchange(failed_, nullptr);
  std::optional<Failure> failure;
  if (stopped) {
    failure = cancelled_failure();
  } else if (failed) {
    failure = failed->failure();
  } else if (stopping_) {
    failure = Failure::cancelled(std::move(reason_));
  }
  if (failure && settled_) mark_retrieved(nullptr);
  if (failed) failed->release();
  return failure;
}

}  // namespace eddy
