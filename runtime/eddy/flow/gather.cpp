#include <eddy/flow/gather.hpp>

namespace eddy {
using namespace internal;

void GatherWaiter::child_ended(TaskState& task) noexcept {
  EDDY_ASSERT(task.done());
  EDDY_ASSERT(left_ > 0);
  --left_;
  if (!waits_) return;
  if (!settled_ && (task.failed() || task.cancelled())) {
    first_failed(task);
  } else if (left_ != 0) {
    return;
  }
  waits_ = false;
  wake();
}

void GatherWaiter::mark_retrieved(const TaskState* but) noexcept {
  for (std::size_t i = 0; i < count(); ++i) {
    if (&child(i) != but) child(i).mark_retrieved();
  }
}

// H1: refused once all have ended. Otherwise the children are asked, and their ends end the wait.
bool GatherWaiter::stop(Waiter& waiter) {
  auto& gather = static_cast<GatherWaiter&>(waiter);
  if (gather.left_ == 0 || gather.failed_) return false;
  EDDY_ASSERT(gather.waits_);
  if (gather.forwarding()) return gather.step_out();
  gather.stopping_ = true;
  gather.reason_ = gather.task()->take_cancel_reason();
  gather.asked_ = 0;
  return gather.pass_on(&ask_next);
}

bool GatherWaiter::ask_next(Forwarder& forwarder) noexcept {
  auto& gather = static_cast<GatherWaiter&>(forwarder);
  EDDY_ASSERT(gather.stopping_);
  EDDY_ASSERT(gather.asked_ <= gather.count());
  if (gather.asked_ == gather.count()) return false;
  gather.child(gather.asked_++).cancel(gather.reason_);
  return true;
}

// It waits for itself. From here on it is told of no child.
bool GatherWaiter::step_out() {
  EDDY_ASSERT(waits_);
  for (std::size_t i = 0; i < count(); ++i) hook(i).unlink();
  waits_ = false;
  return leave(*this);
}

// C4: a request that comes after the wake-up wins, and nobody has looked at the failure then. One
// that was passed on to the children ends as the first of them that ended badly.
std::optional<Failure> GatherWaiter::failure() {
  EDDY_ASSERT(begun_);
  EDDY_ASSERT(!waits_);
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
