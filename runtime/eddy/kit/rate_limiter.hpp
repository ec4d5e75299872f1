// RateLimiter: so many in a time, and so many at once; who comes too early waits, first come first
// served.
//
//   RateLimiter limiter(100, 1s, 10);    // 100 a second, after a rest up to 10 at once
//   co_await limiter.acquire();
//   co_await with(limiter, [&]() -> Task<> { co_await send(request); });
//
// A bucket that holds `burst` tokens and fills evenly: never more than burst + tokens pass in any
// stretch of `per`, unlike with a counter that begins anew each second, which lets twice as many
// pass around its end. It is full at first. What is kept is one number, when it will be full again,
// as the generic cell rate algorithm (GCRA) of ATM networks does; in whole parts of a nanosecond,
// so that three in a second are three, and not one less in an hour.
//
// Tokens are not given back after use: for how many at a time see Semaphore.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/base/internal/count.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/core/internal/timers.hpp>
#include <eddy/core/task.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <chrono>
#include <cstddef>
#include <exception>

namespace eddy {

class RateLimiter {
 public:
  // `tokens` in each `per`, and `burst` at once after a rest; 0: as many as tokens. Throws
  // UsageError when there would never be one, or any number.
  explicit RateLimiter(internal::Count tokens, AnyDuration per = std::chrono::seconds(1),
                       internal::Count burst = 0);
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;
  ~RateLimiter();

  class Acquire;

  // Resumes with `count` tokens, all at once, when those who came before have theirs; at once where
  // they are there and nobody waits. Cancelled it takes none, also when they had been given to it
  // already: who comes next has its turn. Throws UsageError for more than the bucket holds. ∅
  Acquire acquire(internal::Count count = 1);

  // False: there are not so many, or somebody waits. Throws as acquire() does.
  bool try_acquire(internal::Count count = 1);

  // Tokens of which no use was made; no more than the bucket holds are kept.
  void give_back(internal::Count count = 1);

  // For with(limiter, body): a token for the body.
  Acquire enter();
  Task<bool> exit(std::exception_ptr);

  // In the bucket now, on the clock of the running loop.
  std::size_t available() const;
  // How long until so many will be in it; not counting what those who wait will take. Throws as
  // acquire() does.
  Duration delay(internal::Count count = 1) const;

 private:
  // A nanosecond brings tokens_ ticks, and a token takes per_ of them. No product of two of what
  // it is made of, and no sum of two such, overflows.
  __extension__ using Ticks = __int128;
  struct Refill : internal::Timer {
    explicit Refill(RateLimiter& owner) noexcept : Timer(&fire), limiter(owner) {}
    RateLimiter& limiter;
  };
  static void fire(internal::Timer& timer);

  std::size_t fitting(internal::Count count) const;
  Ticks cost(std::size_t count) const noexcept { return Ticks(count) * per_.count(); }
  Ticks ticks(Instant now) const noexcept {
    return Ticks(now.time_since_epoch().count()) * static_cast<std::ptrdiff_t>(tokens_);
  }
  // What the bucket lacks.
  Ticks missing(Instant now) const noexcept;
  bool has(std::size_t count, Instant now) const noexcept;
  // When it has so many, on its own, finer clock.
  Ticks due(std::size_t count) const noexcept { return full_at_ - cost(burst_ - count); }
  Instant when(std::size_t count) const noexcept;
  void take(std::size_t count, Ticks now) noexcept;
  void put_back(std::size_t count, Instant now) noexcept;
  void wait(Acquire& waiter);
  void serve(Loop& loop) noexcept;

  std::size_t tokens_;
  Duration per_;
  std::size_t burst_;
  Ticks full_at_;
  std::size_t given_ = 0;  // waiters that have theirs and have not run since
  Refill refill_{*this};   // armed for the first waiter
  internal::WaitList<Acquire> waiters_;
};

class [[nodiscard]] RateLimiter::Acquire : public internal::Waiter,
                                           public internal::Raises<Acquire> {
 public:
  static constexpr const char* died_early = "a RateLimiter died while a task waited for it";
  Acquire(RateLimiter& limiter, std::size_t count) noexcept
      : Waiter(kind<&Acquire::describe, &stop>), limiter_(limiter), count_(count) {}

  bool await_ready() { return limiter_.try_acquire(count_); }
  void await_suspend(std::coroutine_handle<> frame) {
    limiter_.wait(*this);
    park(frame);
  }
  Expected<void> await_outcome();

 private:
  friend class RateLimiter;
  static bool stop(Waiter& waiter);
  void describe(internal::WaitNote& note) const {
    note.what = "RateLimiter.acquire(" + std::to_string(count_) + ")";
  }

  RateLimiter& limiter_;
  std::size_t count_;
  bool given_ = false;
};

inline RateLimiter::Acquire RateLimiter::acquire(internal::Count count) {
  return Acquire(*this, fitting(count));
}

inline RateLimiter::Acquire RateLimiter::enter() { return acquire(); }

}  // namespace eddy
