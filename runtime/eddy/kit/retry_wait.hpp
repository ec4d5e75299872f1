// RetryWait: how long retry() waits before its next attempt, by the number of those before.
//
//   wait_exponential(1s, {.min = 2s, .max = 10s})    2s, 2s, 4s, 8s, 10s, 10s, ...
//
// Clients that failed together come back together, unless chance keeps them apart: against a server
// that many use, wait_random_exponential() is the one to take. The names are tenacity's.
//
// Waits can be joined, to RetryWaits:
//   wait_fixed(3s) + wait_random(0s, 2s)                    the one and the other
//   wait_chain(wait_fixed(1s), wait_fixed(5s), wait_fixed(1min))   1s, 5s, 1min, 1min, ...
#pragma once

#include <eddy/base/clock.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

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
  bool by_chance() const noexcept {
    return kind_ > Kind::incrementing || (kind_ == Kind::exponential && jitter_ > Duration{});
  }

 private:
  enum class Kind : std::uint8_t { exponential, incrementing, random, full_jitter, decorrelated };
  friend RetryWait wait_fixed(AnyDuration);
  friend RetryWait wait_random(AnyDuration, AnyDuration);
  friend RetryWait wait_incrementing(AnyDuration, AnyDuration, AnyDuration);
  friend RetryWait wait_exponential(AnyDuration, RetryLimits);
  friend RetryWait wait_exponential_jitter(AnyDuration, RetryLimits, AnyDuration);
  friend RetryWait wait_random_exponential(AnyDuration, RetryLimits);
  friend RetryWait wait_decorrelated(AnyDuration, AnyDuration);

  RetryWait(Kind kind, AnyDuration first, RetryLimits limits, AnyDuration jitter = {});
  Duration added_up(std::size_t attempts) const noexcept;
  Duration grown(std::size_t attempts) const noexcept;
  Duration limited(Duration length) const noexcept;

  Kind kind_ = Kind::exponential;
  double base_ = 1;
  Duration first_{};
  Duration min_{};
  Duration max_ = Duration::max();
  Duration jitter_{};  // incrementing: what is added each time, which may be below zero
};

// Sums of waits, and chains of them.
class RetryWaits {
 public:
  RetryWaits(RetryWait wait) : links_(1, Sum(1, wait)) {}  // NOLINT(*-explicit-*): is one

  // As RetryWait's; all of a sum get the same `previous`.
  Duration after(std::size_t attempts, Duration previous,
                 internal::RetryChance& chance) const noexcept;
  bool by_chance() const noexcept;

 private:
  using Sum = std::vector<RetryWait>;
  friend RetryWaits operator+(const RetryWaits&, const RetryWaits&);
  friend RetryWaits wait_chain(const std::vector<RetryWaits>&);
  // After so many attempts.
  const Sum& link(std::size_t attempts) const noexcept;

  std::vector<Sum> links_;  // after the first attempt, and so on; the last stays
};

// A sum that does not fit is the longest.
RetryWaits operator+(const RetryWaits& one, const RetryWaits& other);
// The first after the first attempt, and so on; the last from there on. Each goes by the number of
// all attempts. Throws UsageError for none.
RetryWaits wait_chain(const std::vector<RetryWaits>& waits);
template <std::convertible_to<RetryWaits>... Waits>
  requires(sizeof...(Waits) > 0)
RetryWaits wait_chain(const Waits&... waits) {
  std::vector<RetryWaits> chain;
  chain.reserve(sizeof...(Waits));
  (chain.push_back(RetryWaits(waits)), ...);
  return wait_chain(chain);
}

// All of these take lengths below zero for none, and a sum that does not fit for the longest. They
// throw UsageError for NaN, and for a base below zero.

// Always the same.
RetryWait wait_fixed(AnyDuration length);
// Any length from `min` to `max`.
RetryWait wait_random(AnyDuration min, AnyDuration max);
// `start`, and `increment` more each time, which may be below zero.
RetryWait wait_incrementing(AnyDuration start, AnyDuration increment,
                            AnyDuration max = Duration::max());
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
