#include <eddy/core/sleep.hpp>

#include <eddy/base/description.hpp>

#include <algorithm>

namespace eddy {
using namespace internal;

void Sleep::await_suspend(std::coroutine_handle<> frame) {
  require_first_await();
  Loop& loop = Loop::current();
  if (until_ == Instant::min() && length_ > Duration::zero()) until_ = loop.deadline_after(length_);
  timer_.owner = this;
  // Before it parks, because it may throw.
  if (thread_state.task && until_ > loop.now()) loop.timers().arm(timer_, until_);
  park(frame);
  if (!was_cancelled() && !timer_.armed()) wake();  // one turn, through the ready queue
}

void Sleep::describe(WaitNote& note) const {
  note.what = "sleep";
  if (!timer_.armed()) return;
  const auto left = std::max(until_ - task()->loop().clock(), Duration::zero());
  note.what += ", " + to_text(left) + " left";
}

bool Sleep::stop(Waiter& waiter) {
  auto& sleep = static_cast<Sleep&>(waiter);
  sleep.task()->loop().timers().cancel(sleep.timer_);
  return leave(sleep);
}

}  // namespace eddy
