// RetryWait: how long retry() waits before its next attempt, by the number of those before.
//
//   wait_exponential(1s, {.min = 2s, .max = 10s})    2s, 2s, 4s, 8s, 10s, 10s, ...
//
// Clients that failed together come back together, unless chance keeps them apart: against a server
// that many use, wait_random_exponential() is the one to take. The names are tenacity's.
#pragma once

#include <eddy/base/clock.hpp>

#include <cstddef>
#include <cstdint>

namespace eddy {

namespace internal {

// Chance for waits: quick and small, and the same again from the same seed (splitmix64).
class RetryChance {
 public:
  explicit RetryChance(std::uint64_t seed) noexcept : state_(seed) {}
  // One that nobody knows.
  static std::uint64_t any_seed() noexcept;

  std::uint64_t bits() noexcept;
  // Any length from the one to the other, both included; `least` where there is none between.
  Duration between(Duration least, Duration most) noexcept;

 private:
  std::uint64_t state_;
};

}  // namespace internal

// Trivially copyable. What a wait grows by, and what it never leaves; `min` wins over `max`.
struct RetryLimits {
  AnyDuration min{};
  AnyDuration max = Duration::max();
  double base = 2;
};

// Trivially copyable.
class RetryWait {
 public:
  // None: the next attempt is made a turn later.
  constexpr RetryWait() noexcept = default;

  // After so many attempts, counted from 1, and a wait of `previous` before the last of them.
  Duration after(std::size_t attempts, Duration previous,
                 internal::RetryChance& chance) const noexcept;

  // True when chance has a say in it.
  bool by_chance() const noexcept { return kind_ > Kind::exponential || jitter_ > Duration{}; }

 private:
  enum class Kind : std::uint8_t { exponential, random, full_jitter, decorrelated };
  friend RetryWait wait_fixed(AnyDuration);
  friend RetryWait wait_random(AnyDuration, AnyDuration);
  friend RetryWait wait_exponential(AnyDuration, RetryLimits);
  friend RetryWait wait_exponential_jitter(AnyDuration, RetryLimits, AnyDuration);
  friend RetryWait wait_random_exponential(AnyDuration, RetryLimits);
  friend RetryWait wait_decorrelated(AnyDuration, AnyDuration);

  RetryWait(Kind kind, AnyDuration first, RetryLimits limits, AnyDuration jitter = {});
  Duration grown(std::size_t attempts) const noexcept;
  Duration limited(Duration length) const noexcept;

  Kind kind_ = Kind::exponential;
  double base_ = 1;
  Duration first_{};
  Duration min_{};
  Duration max_ = Duration::max();
  Duration jitter_{};
};

// All of these take lengths below zero for none, and a sum that does not fit for the longest. They
// throw UsageError for NaN, and for a base below zero.

// Always the same.
RetryWait wait_fixed(AnyDuration length);
// Any length from `min` to `max`.
RetryWait wait_random(AnyDuration min, AnyDuration max);
// `multiplier` times base to the power of the attempts before the last, within the limits.
RetryWait wait_exponential(AnyDuration multiplier, RetryLimits limits = {});
// The same, and up to `jitter` more, all within the limits.
RetryWait wait_exponential_jitter(AnyDuration multiplier, RetryLimits limits = {},
                                  AnyDuration jitter = std::chrono::seconds(1));
// Full jitter: any length from limits.min to what wait_exponential() would wait.
RetryWait wait_random_exponential(AnyDuration multiplier, RetryLimits limits = {});
// Decorrelated jitter: any length from `min` to three times the wait before, and `max` at the most.
RetryWait wait_decorrelated(AnyDuration min, AnyDuration max);

}  // namespace eddy
