#include <eddy/core/ticker.hpp>

#include <eddy/base/internal/assert.hpp>
#include <eddy/core/internal/misuse.hpp>

namespace eddy {
using namespace internal;

Ticker::Ticker(AnyDuration period, MissedTicks missed)
    : Ticker(Loop::current().deadline_after(period), period, missed) {}

Ticker::Ticker(AnyInstant first, AnyDuration period, MissedTicks missed)
    : next_(first), period_(period), policy_(missed), loop_(Loop::current().id()) {
  if (period_ <= Duration::zero()) throw UsageError("the period of a Ticker is longer than zero");
}

// As for what stands in sync: where its loop cannot run any more, nobody waits.
Ticker::~Ticker() {
  if (!waiter_) [[likely]] return;
  waiter_->ticker_ = nullptr;
  if (Loop::can_run(loop_)) {
    assertion_failed("a Ticker died while a task waited for it", __FILE__, __LINE__);
  }
}

void Ticker::check_use() const {
  if (loop_ != thread_state.loop_id) throw_misuse("a Ticker is used from two loops");
  if (waiter_) throw_misuse("two tasks wait for one Ticker");
}

void Ticker::reset() {
  check_use();
  next_ = Loop::current().deadline_after(period_);
}

Instant Ticker::take() noexcept {
  const Instant due = next_;
  const Instant now = Loop::current().now();
  const Duration late = time_left(now, due);
  EDDY_ASSERT(late >= Duration::zero());
  if (policy_ == MissedTicks::burst || late < period_) {
    next_ = later(due, period_);
    return due;
  }
  missed_ += static_cast<std::uint64_t>(late / period_);
  next_ = later(now, policy_ == MissedTicks::skip ? period_ - late % period_ : period_);
  return due;
}

bool Ticker::Tick::await_ready() const {
  ticker_->check_use();
  return ticker_->next_ <= Loop::current().now();
}

void Ticker::Tick::await_suspend(std::coroutine_handle<> frame) {
  sleep_.emplace(ticker_->next_);
  sleep_->await_suspend(frame);
  ticker_->waiter_ = this;
}

Expected<Instant> Ticker::Tick::await_outcome() {
  leave();
  if (sleep_) {
    const Expected<void> slept = sleep_->await_outcome();
    sleep_.reset();
    if (!slept) return std::unexpected(slept.error());
  }
  return ticker_->take();
}

}  // namespace eddy
