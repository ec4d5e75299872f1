// retry: calls a factory until its task succeeds, by a RetryPolicy.
//
//   auto page = co_await retry([&] { return fetch(url); }, policy);
//
// A factory, since a task runs once: called afresh for each attempt, inside the calling task, it
// gives a Task or anything else to await. What it throws before that counts as the attempt's
// failure. Nothing is waited for after the last attempt, whose failure comes out as it was.
//
// Cancelled, in an attempt or between two: Cancelled comes out at once, whatever the policy. So
// timeout(30s, retry(...)) limits the whole, and timeout() in the factory an attempt: a
// TimeoutError is a failure as any other. One Cancelled that comes out of what the factory awaits,
// a task that somebody else cancelled, ends it as well.
//
// No allocation of its own while attempts succeed or fail by value (Error of eddy's calls); a
// policy that asks for a type of exception has one made, to see.
#pragma once

#include <eddy/core/sleep.hpp>
#include <eddy/core/try.hpp>
#include <eddy/kit/internal/attempt.hpp>
#include <eddy/kit/retry_policy.hpp>

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace eddy {

// retry: gave up after 3 attempts: open 'data.txt': No such file or directory
class RetryError : public std::runtime_error {
 public:
  RetryError(std::size_t attempts, std::exception_ptr last);

  std::size_t attempts() const noexcept { return attempts_; }
  // Of the last attempt. Null: it gave a value that was not wanted.
  std::exception_ptr last() const noexcept { return last_; }

 private:
  std::size_t attempts_;
  std::exception_ptr last_;
};

// Thrown by an attempt: it is to be made again, whatever the policy says of failures. After the
// last attempt its cause comes out in its place, or a RetryError where it has none.
//   catch (const Stale&) { throw TryAgain(std::current_exception()); }
class TryAgain : public std::exception {
 public:
  explicit TryAgain(std::exception_ptr cause = nullptr) noexcept : cause_(std::move(cause)) {}
  const char* what() const noexcept override { return "it asked to be tried again"; }
  const std::exception_ptr& cause() const noexcept { return cause_; }

 private:
  std::exception_ptr cause_;
};

namespace internal {

// One call of retry(): what its coroutine asks after each attempt.
class RetryRun {
 public:
  // `policy` lives as long.
  explicit RetryRun(const RetryPolicy& policy) noexcept : policy_(policy) {}

  // Before each attempt.
  void begin();
  // After each that was not cancelled: whether another one is to be made when next_wait() is over.
  bool again(bool succeeded, const Failure* failure);
  Duration next_wait() const noexcept { return state_.next_wait; }
  // What comes out of the call. REQUIRES: again() was false, and the attempt did not succeed
  Failure last_failure(Failure* failure) const;
  // Another attempt would have been worth it.
  bool has_given_up() const noexcept { return given_up_; }
  // A value is never unwanted where it is not.
  bool is_enabled() const noexcept { return !policy_.flags_.disabled; }
  const RetryState& state() const noexcept { return state_; }

 private:
  bool is_worth_another(const Failure* failure);
  bool has_time_for_another();
  Duration choose_wait();
  bool end(std::size_t RetryStatistics::*how);
  template <class Hook> void tell(Hook hook) const;

  const RetryPolicy& policy_;
  RetryState state_;
  Instant started_{};
  std::optional<RetryChance> chance_;
  bool given_up_ = false;
  bool asked_again_ = false;  // by a TryAgain
};

// What is called when it gives up: with the state, and with the last value or null where it takes
// that, too.
template <class I, class F>
concept GivesInstead =
    (std::invocable<I&, const RetryState&> &&
     (std::is_void_v<FactoryValue<F>> ||
      std::convertible_to<std::invoke_result_t<I&, const RetryState&>, FactoryValue<F>>)) ||
    (!std::is_void_v<FactoryValue<F>> &&
     std::is_invocable_r_v<FactoryValue<F>, I&, const RetryState&, Held<FactoryValue<F>>*>);

struct Nothing {};  // is given instead: the failure comes out

template <class I, class T>
T given_instead(I& instead, const RetryState& state, [[maybe_unused]] Expected<Held<T>>& last) {
  if constexpr (std::invocable<I&, const RetryState&>) {
    return static_cast<T>(std::invoke(instead, state));
  } else {
    return std::invoke(instead, state, last ? &*last : nullptr);
  }
}

// `again` says of a value that it is not wanted.
template <Factory F, class P, class I>
Task<FactoryValue<F>> retry_of(F factory, RetryPolicy policy, P again,
                               [[maybe_unused]] I instead) {
  RetryRun run(policy);
  for (;;) {
    run.begin();
    {
      auto outcome = co_await as_outcome(Attempt<F>(factory));
      if (!outcome && outcome.error().is_cancelled()) co_await fail(std::move(outcome.error()));
      const bool succeeded = outcome && !(is_unwanted(again, outcome) && run.is_enabled());
      Failure* failure = outcome ? nullptr : &outcome.error();
      if (!run.again(succeeded, failure)) {
        if constexpr (!std::is_same_v<I, Nothing>) {
          if (!succeeded && run.has_given_up()) {
            co_return given_instead<I, FactoryValue<F>>(instead, run.state(), outcome);
          }
        }
        if (!succeeded) co_await fail(run.last_failure(failure));
        if constexpr (std::is_void_v<FactoryValue<F>>) {
          co_return;
        } else {
          co_return static_cast<FactoryValue<F>&&>(*outcome);
        }
      }
    }  // nothing of the attempt is kept while it waits
    EDDY_DO(sleep(run.next_wait()));
  }
}

}  // namespace internal

// See above. The factory is kept until the call ends.
template <class F>
  requires internal::Factory<std::decay_t<F>>
Task<internal::FactoryValue<std::decay_t<F>>> retry(F&& factory, const RetryPolicy& policy = {}) {
  EDDY_CHECK_KEPT(F);
  return internal::retry_of<std::decay_t<F>, internal::AnyValue, internal::Nothing>(
      std::forward<F>(factory), policy, {}, {});
}

// The same, and a value for which `again` is true is worth another attempt as well. Gives up with a
// RetryError when the last attempt gave such a value.
//   co_await retry(fetch, policy, [](const Answer& answer) { return answer.status == 503; })
template <class F, class P>
  requires internal::Factory<std::decay_t<F>> &&
           internal::Judge<std::decay_t<P>, std::decay_t<F>>
Task<internal::FactoryValue<std::decay_t<F>>> retry(F&& factory, const RetryPolicy& policy,
                                                     P&& again) {
  EDDY_CHECK_KEPT(F, P);
  return internal::retry_of<std::decay_t<F>, std::decay_t<P>, internal::Nothing>(
      std::forward<F>(factory), policy, std::forward<P>(again), {});
}

// The same, but for giving up: then it gives what `instead` returns. That is asked with the state,
// where `failure` says why; or with the state and a pointer to the last value, which is null where
// the attempt failed. What is not worth another attempt comes out as ever.
//   co_await retry_or(fetch, policy, [](const RetryState&) { return Answer(); })
template <class F, class I>
  requires internal::Factory<std::decay_t<F>> &&
           internal::GivesInstead<std::decay_t<I>, std::decay_t<F>>
Task<internal::FactoryValue<std::decay_t<F>>> retry_or(F&& factory, const RetryPolicy& policy,
                                                        I&& instead) {
  EDDY_CHECK_KEPT(F, I);
  return internal::retry_of<std::decay_t<F>, internal::AnyValue, std::decay_t<I>>(
      std::forward<F>(factory), policy, {}, std::forward<I>(instead));
}
template <class F, class P, class I>
  requires internal::Factory<std::decay_t<F>> &&
           internal::Judge<std::decay_t<P>, std::decay_t<F>> &&
           internal::GivesInstead<std::decay_t<I>, std::decay_t<F>>
Task<internal::FactoryValue<std::decay_t<F>>> retry_or(F&& factory, const RetryPolicy& policy,
                                                        P&& again, I&& instead) {
  EDDY_CHECK_KEPT(F, P, I);
  return internal::retry_of<std::decay_t<F>, std::decay_t<P>, std::decay_t<I>>(
      std::forward<F>(factory), policy, std::forward<P>(again), std::forward<I>(instead));
}

}  // namespace eddy
