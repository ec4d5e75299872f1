#include <eddy/core/sleep.hpp>

namespace eddy {

void Sleep::await_suspend(std::coroutine_handle<> frame) {
  Loop& loop = Loop::current();
  if (until_ == Instant::min() && length_ > Duration::zero()) until_ = loop.deadline_after(length_);
  timer_.owner = this;
  park(frame);
  if (was_cancelled()) return;
  if (until_ <= loop.now()) {
    wake();  // one turn, through the ready queue
  } else {
    loop.timers().arm(timer_, until_);
  }
}

bool Sleep::stop(Waiter& waiter) {
  auto& sleep = static_cast<Sleep&>(waiter);
  Loop::current().timers().cancel(sleep.timer_);
  return leave(sleep);
}

}  // namespace eddy
