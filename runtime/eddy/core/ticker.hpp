// Ticker: instants at equal distances.
//
//   Ticker ticker(100ms);
//   for (;;) {
//     co_await ticker.tick();
//     sample();
//   }
//
// Ticks do not drift: each is due a period after the one before it was due, whenever that was
// taken. A tick is missed when the next one is due before it is taken: what then, MissedTicks says.
#pragma once

#include <eddy/core/internal/raises.hpp>
#include <eddy/core/sleep.hpp>

#include <cstdint>
#include <optional>

namespace eddy {

enum class MissedTicks : std::uint8_t {
  burst,  // they come one after the other, at once, until the ticker is even with the clock
  skip,   // one comes at once; the next is the first of the old instants that is still to come
  delay,  // one comes at once; the next a period after that: new instants from then on
};

class Ticker {
 public:
  // The first tick is due a period from now, or at `first`, also if that has passed. Of the running
  // loop. Throws UsageError when the period is not longer than zero.
  explicit Ticker(AnyDuration period, MissedTicks missed = MissedTicks::burst);
  Ticker(AnyInstant first, AnyDuration period, MissedTicks missed = MissedTicks::burst);
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;
  ~Ticker();

  class Tick;

  // Resumes when the next tick is due, at once if it is; gives the instant at which it was due.
  // Cancelled: the tick was not taken. For one task at a time: a second gets a UsageError. ∅
  Tick tick() noexcept;

  // The next tick is due a period from now, not when it was. For who does not wait just now.
  void reset();

  Instant next() const noexcept { return next_; }
  Duration period() const noexcept { return period_; }
  // How many ticks were left out, by `skip` or `delay`.
  std::uint64_t missed() const noexcept { return missed_; }

 private:
  void check_use() const;
  Instant take() noexcept;

  Instant next_;
  Duration period_;
  MissedTicks policy_;
  std::uint64_t missed_ = 0;
  std::uint64_t loop_;
  Tick* waiter_ = nullptr;
};

class [[nodiscard]] Ticker::Tick : public internal::Raises<Tick, Instant> {
 public:
  explicit Tick(Ticker& ticker) noexcept : ticker_(&ticker) {}
  Tick(const Tick& other) noexcept : Raises(other), ticker_(other.ticker_) {}
  Tick& operator=(const Tick&) = delete;
  ~Tick() { leave(); }

  bool await_ready() const;
  void await_suspend(std::coroutine_handle<> frame);
  Expected<Instant> await_outcome();

 private:
  friend class Ticker;
  void leave() noexcept {
    if (ticker_ && ticker_->waiter_ == this) ticker_->waiter_ = nullptr;
  }

  Ticker* ticker_;
  std::optional<Sleep> sleep_;
};

inline Ticker::Tick Ticker::tick() noexcept { return Tick(*this); }

}  // namespace eddy
