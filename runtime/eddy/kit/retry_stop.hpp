// When retry() stops, for RetryPolicy::stop(): rules that & and | join.
//
//   stop_after_attempt(3) & stop_after_delay(10s)              when both are met
//   stop_before_delay(1min) | [&](const RetryState&) { return event.is_set(); }
//
// A rule is asked after each attempt that is worth another one, and when it is known how long that
// would wait. The names are tenacity's.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/base/internal/count.hpp>
#include <eddy/kit/retry_state.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

namespace eddy {

namespace internal {

// Says after an attempt whether it was the last.
template <class S>
concept StopsRetry = std::predicate<const std::decay_t<S>&, const RetryState&>;

// What & and | are made for.
struct RetryStopBase {};
template <class S>
concept RetryStop = std::derived_from<std::decay_t<S>, RetryStopBase>;

template <class Join, class A, class B>
class JoinedStops : public RetryStopBase {
 public:
  template <class One, class Other>
  JoinedStops(One&& one, Other&& other)
      : one_(std::forward<One>(one)), other_(std::forward<Other>(other)) {}
  bool operator()(const RetryState& state) const {
    return Join::join([&] { return std::invoke(one_, state); },
                      [&] { return std::invoke(other_, state); });
  }

 private:
  A one_;
  B other_;
};

struct StopsByBoth {
  static bool join(auto one, auto other) { return one() && other(); }
};
struct StopsByAny {
  static bool join(auto one, auto other) { return one() || other(); }
};

template <StopsRetry A, StopsRetry B>
  requires RetryStop<A> || RetryStop<B>
auto operator&(A&& one, B&& other) {
  return JoinedStops<StopsByBoth, std::decay_t<A>, std::decay_t<B>>(std::forward<A>(one),
                                                                    std::forward<B>(other));
}
template <StopsRetry A, StopsRetry B>
  requires RetryStop<A> || RetryStop<B>
auto operator|(A&& one, B&& other) {
  return JoinedStops<StopsByAny, std::decay_t<A>, std::decay_t<B>>(std::forward<A>(one),
                                                                   std::forward<B>(other));
}

}  // namespace internal

// After so many attempts.
class StopAfterAttempt : public internal::RetryStopBase {
 public:
  explicit StopAfterAttempt(internal::Count attempts);
  bool operator()(const RetryState& state) const noexcept { return state.attempt >= attempts_; }

 private:
  std::size_t attempts_;
};

// So long after the first attempt began.
class StopAfterDelay : public internal::RetryStopBase {
 public:
  explicit StopAfterDelay(AnyDuration since_the_first) noexcept : limit_(since_the_first) {}
  bool operator()(const RetryState& state) const noexcept { return state.elapsed >= limit_; }

 private:
  Duration limit_;
};

// The same, also where the next wait would end only then.
class StopBeforeDelay : public internal::RetryStopBase {
 public:
  explicit StopBeforeDelay(AnyDuration since_the_first) noexcept : limit_(since_the_first) {}
  bool operator()(const RetryState& state) const noexcept {
    return limit_ != Duration::max() &&
           state.next_wait >= internal::time_left(Instant(limit_), Instant(state.elapsed));
  }

 private:
  Duration limit_;
};

inline StopAfterAttempt stop_after_attempt(internal::Count attempts) {  // UsageError for 0
  return StopAfterAttempt(attempts);
}
inline StopAfterDelay stop_after_delay(AnyDuration since_the_first) noexcept {
  return StopAfterDelay(since_the_first);
}
inline StopBeforeDelay stop_before_delay(AnyDuration since_the_first) noexcept {
  return StopBeforeDelay(since_the_first);
}

}  // namespace eddy
