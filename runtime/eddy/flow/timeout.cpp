#include <eddy/flow/timeout.hpp>

namespace eddy {
using namespace internal;

void Timeout::enter(Instant deadline) {
  if (state_ != State::created) throw_misuse("a timeout was entered twice");
  if (!thread_state.task) throw UsageError("a timeout outside of a task");
  task_ = thread_state.task;
  EDDY_ASSERT(!armed());
  baseline_ = task_->delivered_cancels();
  state_ = State::active;
  arm(deadline);
}

void Timeout::arm(Instant deadline) {
  EDDY_ASSERT(state_ == State::active || state_ == State::moved);
  EDDY_ASSERT(!armed());
  if (deadline != Instant::max()) task_->loop().timers().arm_young(*this, deadline);
  deadline_ = deadline;
}

// T2: from the timer, in a turn of its own. The scope converts the request where it ends.
void Timeout::fire(Timer& timer) {
  auto& timeout = static_cast<Timeout&>(timer);
  EDDY_ASSERT(!timeout.armed());
  EDDY_ASSERT(!timeout.task_->done());
  const bool moved = timeout.state_ == State::moved;
  EDDY_ASSERT(moved || timeout.state_ == State::active);
  timeout.state_ = moved ? State::moved_expiring : State::expiring;
  timeout.task_->cancel(Text());
}

bool Timeout::leave() noexcept {
  disarm();
  EDDY_ASSERT(task_->running());
  EDDY_ASSERT(state_ != State::created);
  EDDY_ASSERT(state_ != State::finished);
  if (!expired()) {
    state_ = State::finished;
    return false;
  }
  state_ = State::expired;
  return task_->take_back_cancel(baseline_);
}

void Timeout::reschedule(std::optional<AnyInstant> deadline) {
  if (state_ != State::active && state_ != State::moved) {
    throw UsageError("reschedule of a timeout that is not active");
  }
  disarm();
  state_ = State::moved;
  if (deadline) {
    arm(*deadline);
  } else {
    deadline_ = Instant::max();
  }
}

}  // namespace eddy
