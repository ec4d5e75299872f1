// Time as eddy counts it: nanoseconds on CLOCK_MONOTONIC, which libstdc++ calls steady_clock.
//
// An absolute deadline never drifts, so every timeout is turned into an Instant once and kept so.
// Times that come from outside are taken as AnyDuration and AnyInstant, and all arithmetic on them
// stops at the ends of time instead of wrapping around.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <chrono>
#include <compare>
#include <limits>
#include <ratio>
#include <type_traits>

namespace eddy {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

namespace internal {

// `start + length`, or the end of time, or its beginning, where that would overflow:
// sleep(Duration::max()) is legal, and so is timeout(Duration::min(), ...).
constexpr Instant later(Instant start, Duration length) noexcept {
  Duration::rep sum = 0;
  if (__builtin_add_overflow(start.time_since_epoch().count(), length.count(), &sum)) [[unlikely]] {
    return length < Duration::zero() ? Instant::min() : Instant::max();
  }
  return Instant(Duration(sum));
}

// How long it is from `now` until `deadline`, negative if that has passed; saturates as well.
constexpr Duration time_left(Instant deadline, Instant now) noexcept {
  Duration::rep left = 0;
  if (__builtin_sub_overflow(deadline.time_since_epoch().count(), now.time_since_epoch().count(),
                             &left)) [[unlikely]] {
    return deadline < now ? Duration::min() : Duration::max();
  }
  return Duration(left);
}

[[noreturn]] void throw_not_a_number();

// Any length in nanoseconds, rounded up (a wait is never short), infinity and what does not fit as
// the longest there is. Throws UsageError for NaN. The conversions of std::chrono overflow.
template <class Rep, class Period>
constexpr Duration to_duration(std::chrono::duration<Rep, Period> length) {
  using From = std::chrono::duration<Rep, Period>;
  if constexpr (std::is_same_v<From, Duration>) {
    return length;
  } else if constexpr (std::chrono::treat_as_floating_point_v<Rep>) {
    const std::chrono::duration<std::common_type_t<Rep, double>, std::nano> exact(length);
    if (exact != exact) throw_not_a_number();
    if (exact >= Duration::max()) return Duration::max();
    if (exact <= Duration::min()) return Duration::min();
    return std::chrono::ceil<Duration>(exact);
  } else {
    __extension__ using Wide = __int128;
    using Ratio = std::ratio_divide<Period, std::nano>;
    using Limits = std::numeric_limits<Duration::rep>;
    const Wide count = length.count();
    Wide scaled = 0;
    if (__builtin_mul_overflow(count, Wide(Ratio::num), &scaled)) {
      return count < 0 ? Duration::min() : Duration::max();
    }
    if constexpr (Ratio::den > 1) {
      const Wide rest = scaled % Ratio::den;
      scaled = scaled / Ratio::den + (rest > 0 ? 1 : 0);
    }
    if (scaled > Limits::max()) return Duration::max();
    if (scaled < Limits::min()) return Duration::min();
    return Duration(static_cast<Duration::rep>(scaled));
  }
}

}  // namespace internal

// A length of time as a caller gives it, of any unit and representation: 5s, 0.5s, hours::max(),
// years(1000). Costs nothing where it is in nanoseconds, or known to the compiler.
class AnyDuration {
 public:
  constexpr AnyDuration() noexcept = default;
  template <class Rep, class Period>
  constexpr AnyDuration(std::chrono::duration<Rep, Period> length)
      : value_(internal::to_duration(length)) {}
  constexpr operator Duration() const noexcept { return value_; }
  friend constexpr auto operator<=>(AnyDuration a, AnyDuration b) noexcept = default;

 private:
  Duration value_{};
};

// A point in time as a caller gives it, on the steady clock.
class AnyInstant {
 public:
  constexpr AnyInstant() noexcept = default;
  template <class Length>
  constexpr AnyInstant(std::chrono::time_point<std::chrono::steady_clock, Length> instant)
      : value_(internal::to_duration(instant.time_since_epoch())) {}
  constexpr operator Instant() const noexcept { return value_; }
  friend constexpr auto operator<=>(AnyInstant a, AnyInstant b) noexcept = default;

 private:
  Instant value_{};
};

}  // namespace eddy
