// RetryPolicy: what is worth another attempt of retry(), how often, when, and who is told.
//
//   const RetryPolicy patient = RetryPolicy()
//       .stop_after_attempt(5).stop_before_delay(30s)
//       .wait(wait_random_exponential(100ms, {.max = 5s}))
//       .retry_if<Error>();
//
// What is not said is tenacity's: no end, no wait, and any failure is worth another attempt.
// Except a UsageError: what the caller got wrong stays wrong. A cancellation is no failure: nobody
// is asked about it, and it ends everything.
//
// A policy is made once and used by any number of calls at a time; a copy shares the callables.
#pragma once

#include <eddy/base/failure.hpp>
#include <eddy/base/internal/count.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/kit/internal/attempt.hpp>
#include <eddy/kit/retry_state.hpp>
#include <eddy/kit/retry_stop.hpp>
#include <eddy/kit/retry_wait.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace eddy {

namespace internal {
class RetryRun;
}

class RetryPolicy {
 public:
  RetryPolicy() noexcept = default;

  // The first of these that is met ends it; an attempt that runs is never stopped. For that:
  // timeout(30s, retry(...)), or a timeout() in what is retried.
  RetryPolicy& stop_after_attempt(internal::Count attempts);  // UsageError for 0
  RetryPolicy& stop_after_delay(AnyDuration since_the_first);
  // ... also where the next wait would end only then, so that nobody waits for nothing.
  RetryPolicy& stop_before_delay(AnyDuration since_the_first);
  // ... and where this says so: stop(stop_after_attempt(3) & stop_after_delay(9s)) ends only when
  // both are met. See retry_stop.hpp.
  template <internal::StopsRetry S>
  RetryPolicy& stop(S&& rule) { return keep(&Hooks::stop, std::forward<S>(rule)); }

  RetryPolicy& wait(RetryWait wait) noexcept {
    wait_ = wait;
    flags_.joined = false;
    return *this;
  }
  // A sum or a chain of them.
  RetryPolicy& wait(RetryWaits waits);
  // As long as `f` says: wait_by([](const RetryState& state) { return retry_after(state); })
  template <class F>
    requires std::is_invocable_r_v<AnyDuration, const std::decay_t<F>&, const RetryState&>
  RetryPolicy& wait_by(F&& f) { return keep(&Hooks::wait_by, std::forward<F>(f)); }

  // Only what `predicate` says, or a failure of one of these types, or of none of them. The last
  // that was said holds. A predicate asks failure.error_code(), which knows a thrown Error, too.
  // Nobody is asked about a TryAgain.
  template <class P>
    requires std::predicate<const std::decay_t<P>&, const Failure&>
  RetryPolicy& retry_if(P&& predicate) {
    return keep(&Hooks::retry_if, std::forward<P>(predicate));
  }
  template <class E, class... Es>
  RetryPolicy& retry_if() { return retry_if(&internal::is_failure_of_any<E, Es...>); }
  template <class E, class... Es>
  RetryPolicy& retry_if_not() {
    return retry_if([](const Failure& failure) {
      return !internal::is_failure_of_any<E, Es...>(failure);
    });
  }

  // Called before each attempt; after each that was not cancelled; before each wait. What they
  // throw ends the call.
  template <std::invocable<const RetryState&> F>
  RetryPolicy& before(F&& hook) { return keep(&Hooks::before, std::forward<F>(hook)); }
  template <std::invocable<const RetryState&> F>
  RetryPolicy& after(F&& hook) { return keep(&Hooks::after, std::forward<F>(hook)); }
  template <std::invocable<const RetryState&> F>
  RetryPolicy& before_sleep(F&& hook) { return keep(&Hooks::before_sleep, std::forward<F>(hook)); }

  // Gives up with a RetryError that has the last failure inside, in place of that failure itself.
  RetryPolicy& wrap() noexcept {
    flags_.wrap = true;
    return *this;
  }
  // False: retry() makes one attempt, and what comes of it comes out as it is. Nothing is judged,
  // waited for, told or counted; for tests.
  RetryPolicy& enabled(bool yes) noexcept {
    flags_.disabled = !yes;
    return *this;
  }
  // Where sums are kept; must stay as long as the policy is used.
  RetryPolicy& count_in(RetryStatistics& sums) noexcept {
    sums_ = &sums;
    return *this;
  }
  // Chance is the same in each call; for tests.
  RetryPolicy& seed(std::uint64_t seed) noexcept {
    seed_ = seed;
    return *this;
  }

 private:
  friend class internal::RetryRun;
  template <class Signature>
  using Shared = std::shared_ptr<const std::function<Signature>>;

  // Behind one pointer: most policies have none, and each call has a copy.
  struct Hooks {
    std::shared_ptr<const RetryWaits> waits;
    Shared<AnyDuration(const RetryState&)> wait_by;
    Shared<bool(const RetryState&)> stop;
    Shared<bool(const Failure&)> retry_if;
    Shared<void(const RetryState&)> before;
    Shared<void(const RetryState&)> after;
    Shared<void(const RetryState&)> before_sleep;
  };

  // What other policies share stays as it is.
  template <class T>
  RetryPolicy& set(std::shared_ptr<const T> Hooks::*place, std::shared_ptr<const T> kept) {
    auto hooks = hooks_ ? std::make_shared<Hooks>(*hooks_) : std::make_shared<Hooks>();
    (*hooks).*place = std::move(kept);
    hooks_ = std::move(hooks);
    return *this;
  }
  template <class Signature, class F>
  RetryPolicy& keep(Shared<Signature> Hooks::*place, F&& f) {
    EDDY_CHECK_KEPT(F);
    using Kept = const std::function<Signature>;
    return set<std::function<Signature>>(place, std::make_shared<Kept>(std::forward<F>(f)));
  }
  // Null: there is none of that kind.
  template <class T>
  const T* hook(std::shared_ptr<const T> Hooks::*place) const noexcept {
    return hooks_ && !flags_.disabled ? ((*hooks_).*place).get() : nullptr;
  }
  // Null: nobody counts.
  RetryStatistics* sums() const noexcept { return sums_ && !flags_.disabled ? sums_ : nullptr; }

  std::size_t attempts_ = 0;  // 0: any number
  Duration stop_after_ = Duration::max();
  Duration stop_before_ = Duration::max();
  RetryWait wait_;
  std::shared_ptr<const Hooks> hooks_;
  RetryStatistics* sums_ = nullptr;
  std::optional<std::uint64_t> seed_;
  struct Flags {  // one word to copy
    bool wrap = false;
    bool joined = false;  // the wait is among the hooks
    bool disabled = false;
    bool spare = false;
  } flags_;
};

}  // namespace eddy
