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

// What a hook is told.
struct RetryState {
  std::size_t attempt = 0;  // this one, or that which has just ended; counted from 1
  Duration elapsed{};       // since the first began, on the loop's clock
  Duration idle{};          // of that, between attempts
  Duration next_wait{};     // what will be waited, where that is known
  // Why the attempt has failed: as long as the hook runs. Null where it has not, or its value was
  // not what is wanted.
  const Failure* failure = nullptr;
};

// Sums over all calls of a policy.
struct RetryStatistics {
  std::size_t calls = 0;
  std::size_t attempts = 0;
  std::size_t succeeded = 0;
  std::size_t passed_on = 0;  // failures that are not worth another attempt
  std::size_t given_up = 0;   // no more attempts, or no more time; what is left was cancelled
  Duration idle{};
};

class RetryPolicy {
 public:
  RetryPolicy() noexcept = default;

  // The first of these that is met ends it; an attempt that runs is never stopped. For that:
  // timeout(30s, retry(...)), or a timeout() in what is retried.
  RetryPolicy& stop_after_attempt(internal::Count attempts);  // UsageError for 0
  RetryPolicy& stop_after_delay(AnyDuration since_the_first);
  // ... also where the next wait would end only then, so that nobody waits for nothing.
  RetryPolicy& stop_before_delay(AnyDuration since_the_first);

  RetryPolicy& wait(RetryWait wait) noexcept {
    wait_ = wait;
    return *this;
  }
  // As long as `f` says: wait_by([](const RetryState& state) { return retry_after(state); })
  template <class F>
    requires std::is_invocable_r_v<AnyDuration, const std::decay_t<F>&, const RetryState&>
  RetryPolicy& wait_by(F&& f) { return keep(&Hooks::wait_by, std::forward<F>(f)); }

  // Only what `predicate` says, or a failure of one of these types, or of none of them. The last
  // that was said holds. A predicate asks failure.error_code(), which knows a thrown Error, too.
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
    wrap_ = true;
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
    Shared<AnyDuration(const RetryState&)> wait_by;
    Shared<bool(const Failure&)> retry_if;
    Shared<void(const RetryState&)> before;
    Shared<void(const RetryState&)> after;
    Shared<void(const RetryState&)> before_sleep;
  };

  // What other policies share stays as it is.
  template <class Signature, class F>
  RetryPolicy& keep(Shared<Signature> Hooks::*place, F&& f) {
    EDDY_CHECK_KEPT(F);
    auto hooks = hooks_ ? std::make_shared<Hooks>(*hooks_) : std::make_shared<Hooks>();
    (*hooks).*place = std::make_shared<const std::function<Signature>>(std::forward<F>(f));
    hooks_ = std::move(hooks);
    return *this;
  }
  // Null: there is none of that kind.
  template <class Signature>
  const std::function<Signature>* hook(Shared<Signature> Hooks::*place) const noexcept {
    return hooks_ ? ((*hooks_).*place).get() : nullptr;
  }

  std::size_t attempts_ = 0;  // 0: any number
  Duration stop_after_ = Duration::max();
  Duration stop_before_ = Duration::max();
  RetryWait wait_;
  std::shared_ptr<const Hooks> hooks_;
  RetryStatistics* sums_ = nullptr;
  std::optional<std::uint64_t> seed_;
  bool wrap_ = false;
};

}  // namespace eddy
