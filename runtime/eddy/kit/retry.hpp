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

#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>

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

 private:
  bool is_worth_another(const Failure* failure) const;
  bool has_time_for_another();
  Duration choose_wait();
  bool end(std::size_t RetryStatistics::*how);
  template <class Hook> void tell(Hook hook) const;

  const RetryPolicy& policy_;
  RetryState state_;
  Instant started_{};
  std::optional<RetryChance> chance_;
  bool given_up_ = false;
};

// `again` says of a value that it is not wanted.
template <Factory F, class P>
Task<FactoryValue<F>> retry_of(F factory, RetryPolicy policy, P again) {
  RetryRun run(policy);
  for (;;) {
    run.begin();
    {
      auto outcome = co_await as_outcome(Attempt<F>(factory));
      if (!outcome && outcome.error().is_cancelled()) co_await fail(std::move(outcome.error()));
      const bool succeeded = outcome && !is_unwanted(again, outcome);
      Failure* failure = outcome ? nullptr : &outcome.error();
      if (!run.again(succeeded, failure)) {
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
  return internal::retry_of<std::decay_t<F>, internal::AnyValue>(std::forward<F>(factory), policy,
                                                                 {});
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
  return internal::retry_of<std::decay_t<F>, std::decay_t<P>>(
      std::forward<F>(factory), policy, std::forward<P>(again));
}

}  // namespace eddy
