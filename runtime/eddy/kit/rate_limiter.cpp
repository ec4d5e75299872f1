#include <eddy/kit/rate_limiter.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/core/internal/task_state.hpp>
#include <eddy/core/loop.hpp>

#include <algorithm>
#include <string>

namespace eddy {
using namespace internal;

RateLimiter::RateLimiter(Count tokens, AnyDuration per, Count burst)
    : tokens_(tokens.value()),
      per_(per),
      burst_(burst.value() > 0 ? burst.value() : tokens.value()),
      full_at_(-(Ticks(1) << 126)) {
  if (tokens_ == 0) throw UsageError("a rate of no tokens: nobody would ever have one");
  if (per_ <= Duration::zero()) throw UsageError("a rate in no time is none");
}

RateLimiter::~RateLimiter() {
  if (!waiters_.empty()) [[unlikely]] waiters_.front()->task()->loop().timers().cancel(refill_);
  if (given_ > 0) [[unlikely]] waiters_.owner_dies_in_use();
}

std::size_t RateLimiter::fitting(Count count) const {
  if (count.value() <= burst_) [[likely]] return count.value();
  throw UsageError("a bucket of " + std::to_string(burst_) + " never has " +
                   std::to_string(count.value()) + " tokens");
}

RateLimiter::Ticks RateLimiter::missing(Instant now) const noexcept {
  return std::max(full_at_, ticks(now)) - ticks(now);
}

bool RateLimiter::has(std::size_t count, Instant now) const noexcept {
  EDDY_ASSERT(count <= burst_);
  return missing(now) <= cost(burst_ - count);
}

// Rounded up, so that has() is true then; the end of time where it is later than that.
Instant RateLimiter::when(std::size_t count) const noexcept {
  const Ticks tokens = static_cast<Ticks>(tokens_);
  const Ticks at = due(count) / tokens + (due(count) % tokens > 0 ? 1 : 0);
  if (at >= Instant::max().time_since_epoch().count()) return Instant::max();
  if (at <= Instant::min().time_since_epoch().count()) return Instant::min();
  return Instant(Duration(static_cast<Duration::rep>(at)));
}

void RateLimiter::take(std::size_t count, Ticks now) noexcept {
  EDDY_ASSERT(due(count) <= now);
  full_at_ = std::max(full_at_, now) + cost(count);
}

void RateLimiter::put_back(std::size_t count, Instant now) noexcept {
  full_at_ -= std::min(cost(count), missing(now));
  EDDY_ASSERT(missing(now) <= cost(burst_));
}

bool RateLimiter::try_acquire(Count count) {
  const std::size_t wanted = fitting(count);
  if (wanted == 0) return true;
  const Instant now = Loop::current().now();
  if (!waiters_.empty() || !has(wanted, now)) return false;
  take(wanted, ticks(now));
  return true;
}

void RateLimiter::give_back(Count count) {
  Loop& loop = waiters_.empty() ? Loop::current() : waiters_.front()->task()->loop();
  put_back(std::min(count.value(), burst_), loop.now());
  if (!waiters_.empty()) serve(loop);
}

Task<bool> RateLimiter::exit(std::exception_ptr) { co_return false; }

std::size_t RateLimiter::available() const {
  return static_cast<std::size_t>((cost(burst_) - missing(Loop::current().now())) / per_.count());
}

Duration RateLimiter::delay(Count count) const {
  const Instant now = Loop::current().now();
  const std::size_t wanted = fitting(count);
  return has(wanted, now) ? Duration::zero() : time_left(when(wanted), now);
}

// All that may throw comes before it stands in the list.
void RateLimiter::wait(Acquire& waiter) {
  if (!thread_state.task) return;  // park() says so
  waiters_.bind();
  if (waiters_.empty() && !waiter.task()) {
    EDDY_ASSERT(!refill_.armed());
    thread_state.task->loop().timers().arm(refill_, when(waiter.count_));
  }
  waiters_.push_back(waiter);
}

// Gives those in front what there is, and has the next one's turn come in time. Who is woken less
// than a nanosecond late is served as if in time, or rounding would slow down three in a second.
// Arms the timer only after it was disarmed, which takes no memory.
void RateLimiter::serve(Loop& loop) noexcept {
  const Instant now = loop.now();
  loop.timers().cancel(refill_);
  while (!waiters_.empty() && has(waiters_.front()->count_, now)) {
    Acquire& first = *waiters_.pop();
    const bool in_time = ticks(now) - due(first.count_) < static_cast<Ticks>(tokens_);
    take(first.count_, in_time ? due(first.count_) : ticks(now));
    EDDY_ASSERT(!first.given_);
    first.given_ = true;
    ++given_;
    first.wake();
  }
  if (waiters_.empty()) return;
  const Instant next = when(waiters_.front()->count_);
  EDDY_ASSERT(next > now || next == Instant::max());
  loop.timers().arm(refill_, next);
}

void RateLimiter::fire(Timer& timer) {
  RateLimiter& limiter = static_cast<Refill&>(timer).limiter;
  EDDY_ASSERT(!limiter.waiters_.empty());
  limiter.serve(limiter.waiters_.front()->task()->loop());
}

bool RateLimiter::Acquire::stop(Waiter& waiter) {
  RateLimiter& limiter = static_cast<Acquire&>(waiter).limiter_;
  Loop& loop = waiter.task()->loop();
  const bool was_first = limiter.waiters_.front() == &waiter;
  leave(waiter);
  if (was_first) limiter.serve(loop);
  return true;
}

Expected<void> RateLimiter::Acquire::await_outcome() {
  if (!task()) [[likely]] return {};  // they were there
  if (given_) {
    EDDY_ASSERT(limiter_.given_ > 0);
    --limiter_.given_;
  }
  if (!interrupted()) [[likely]] return {};
  if (given_) limiter_.give_back(count_);
  return std::unexpected(cancelled_failure());
}

}  // namespace eddy
