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
  gather.cancel_children();
  return true;
}

std::optional<Failure> GatherWaiter::failure() {
  const bool stopped = interrupted();
  TaskState* failed = std::exchange(failed_, nullptr);
  std::optional<Failure> failure;
  if (stopped || stopping_) {  // a request wins over whatever the children made of it
    failure = cancelled_failure();
  } else if (failed) {
    failure = failed->failure();
  }
  if (failed) failed->release();
  return failure;
}

}  // namespace eddy
