#include <eddy/core/internal/operation.hpp>

#include <eddy/core/loop.hpp>

#include <cerrno>

namespace eddy::internal {

void Operation::describe(WaitNote& note) const {
  note.what = std::string(name_);
  if (request_.fd() >= 0) note.what += " of descriptor " + std::to_string(request_.fd());
}

bool Operation::cancel(Waiter& waiter) {
  auto& operation = static_cast<Operation&>(waiter);
  EDDY_ASSERT(operation.state_ != State::queued || operation.linked());
  switch (operation.state_) {
    case State::idle:  // a pending request keeps it from starting
    case State::queued:
      operation.state_ = State::ended;
      operation.result_ = -ECANCELED;
      return leave(operation);
    case State::in_flight:
      if (!std::exchange(operation.cancel_requested_, true)) operation.ask_kernel_to_cancel();
      return true;
    case State::ended:
      break;
  }
  return false;
}

void Operation::stop() noexcept {
  if (!task() || !Loop::open(task()->loop_id())) return;
  if (state_ == State::queued) {
    state_ = State::ended;
    result_ = -ECANCELED;
    unlink();
    wake();
  } else if (in_flight() && !cancel_requested_) {
    ask_kernel_to_cancel();
  }
}

// Asking twice does no harm; only its place among those that wait to ask is one.
void Operation::ask_kernel_to_cancel() noexcept {
  EDDY_ASSERT(in_flight());
  if (!linked()) task()->loop().submit_cancel(*this);
}

bool Operation::submit_again() noexcept {
  EDDY_ASSERT(state_ == State::ended);
  if (cancel_requested_) return false;
  task()->loop().submit(*this);
  return true;
}

Failure Operation::cancelled_midway() noexcept {
  EDDY_ASSERT(task());
  EDDY_ASSERT(!in_flight());
  task()->take_pending_cancel();
  return cancelled_failure();
}

void Operation::keep_pending() noexcept { task()->keep_cancel_pending(); }

// -ECANCELED, or -EINTR from a worker thread, answers our request; anything else is the result.
Expected<int> Operation::settle() noexcept {
  EDDY_ASSERT(!in_flight());
  EDDY_ASSERT(result_ < 0);
  // An open that waits (FIFO) and is interrupted in a worker leaks the kernel's private ERESTARTSYS
  // (512 to 516) instead of EINTR: seen on 6.18.
  if (result_ <= -512 && result_ >= -516) result_ = -EINTR;
  const bool stopped = was_cancelled() ||
                       (cancel_requested_ && (result_ == -ECANCELED || result_ == -EINTR));
  if (stopped) return std::unexpected(cancelled_failure());
  if (cancel_requested_) task()->keep_cancel_pending();
  return std::unexpected(Failure::error(-result_, name_));
}

}  // namespace eddy::internal
