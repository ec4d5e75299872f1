#include <eddy/sync/signals.hpp>

#include <bit>

namespace eddy {
using namespace internal;

SignalQueue::SignalQueue(SignalMask mask) : SignalSubscription(Loop::current(), mask, &tell) {
  waiters_.bind();
}

int SignalQueue::take() noexcept {
  EDDY_ASSERT(came_ != 0);
  const int number = std::countr_zero(came_) + 1;
  came_ &= came_ - 1;
  return number;
}

void SignalQueue::tell(SignalSubscription& subscription, SignalMask came) noexcept {
  auto& queue = static_cast<SignalQueue&>(subscription);
  EDDY_ASSERT(queue.came_ == 0 || queue.waiters_.empty());
  queue.came_ |= came;
  while (queue.has_one()) {
    SignalWait* waiter = queue.waiters_.pop();
    if (!waiter) return;
    waiter->given_ = queue.take();
    waiter->wake();
  }
}

// Who is cancelled after it was given one hands it on.
Expected<int> Signals::Next::await_outcome() {
  if (!task()) return queue_->take();
  if (!interrupted()) {
    EDDY_ASSERT(given() != 0);
    return given();
  }
  if (given() != 0) queue_->put_back(given());
  return std::unexpected(cancelled_failure());
}

void Signal::await_suspend(std::coroutine_handle<> frame) {
  require_first_await();
  queue_.emplace(mask_);
  queue_->join(*this);
  park(frame);
}

// One that came counts, though a request to stop came with it: that waits for the next wait, as
// there is nobody to hand the signal on to.
Expected<int> Signal::await_outcome() {
  queue_.reset();
  if (given() != 0) return given();
  const bool stopped = interrupted();
  EDDY_VERIFY(stopped);
  return std::unexpected(cancelled_failure());
}

}  // namespace eddy
