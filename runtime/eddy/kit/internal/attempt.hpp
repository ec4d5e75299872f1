// What retry() and CircuitBreaker have in common: one attempt of a factory, and what to think of
// its failure.
#pragma once

#include <eddy/base/failure.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/raises.hpp>

#include <concepts>
#include <coroutine>
#include <functional>
#include <type_traits>
#include <utility>

namespace eddy::internal {

// Gives something to await whenever it is called: a Task, or timeout(2s, a Task).
template <class F>
concept Factory = std::invocable<F&> && Awaitable<std::invoke_result_t<F&>>;

template <Factory F>
using FactoryValue = AwaitValue<std::invoke_result_t<F&>>;

// Says of a factory's value whether it is not wanted.
template <class P, class F>
concept Judge = std::predicate<P&, const Held<FactoryValue<F>>&>;

struct AnyValue {};  // is wanted

// Whether `unwanted` says so of the value; void and AnyValue are what is wanted.
template <class P, class T>
bool is_unwanted([[maybe_unused]] P& unwanted, [[maybe_unused]] const Expected<T>& outcome) {
  EDDY_ASSERT(outcome.has_value());
  if constexpr (std::is_same_v<P, AnyValue>) {
    return false;
  } else {
    return std::invoke(unwanted, *outcome);
  }
}

// Waits for what a factory gives. What it throws instead is a failure as any other.
template <Factory F>
class [[nodiscard]] Attempt : public Raises<Attempt<F>, FactoryValue<F>> {
 public:
  explicit Attempt(F& factory) : awaiter_(begin(factory)) {}

  bool await_ready() { return !awaiter_ || awaiter_->await_ready(); }
  bool await_suspend(std::coroutine_handle<> frame) { return suspend(*awaiter_, frame); }
  Expected<Held<FactoryValue<F>>> await_outcome() {
    if (!awaiter_) return std::unexpected(std::move(awaiter_.error()));
    return settle(*awaiter_);
  }

 private:
  using Awaiter = AwaiterOf<std::invoke_result_t<F&>>;
  static Expected<Awaiter> begin(F& factory) {
    try {
      return Expected<Awaiter>(awaiter_of(std::invoke(factory)));
    } catch (...) {
      return std::unexpected(Failure::current());
    }
  }

  Expected<Awaiter> awaiter_;
};

// Where the failure is no exception yet and need not become one to be told, it does not.
template <class E>
bool is_failure_of(const Failure& failure) {
  if constexpr (std::is_base_of_v<E, Error>) {
    if (failure.is_error()) return true;
  }
  try {
    failure.raise();
  } catch (const E&) {
    return true;
  } catch (...) {
    return false;
  }
}
template <class... Es>
bool is_failure_of_any(const Failure& failure) { return (is_failure_of<Es>(failure) || ...); }

// The caller's own: another attempt would not help, and nobody else is to blame.
inline bool is_mistake(const Failure& failure) {
  return !failure.is_error() && is_failure_of<UsageError>(failure);
}

}  // namespace eddy::internal
