// Outcome<T>: how a task ended: a value, an exception, or a cancellation, which is neither.
#pragma once

#include <eddy/core/join_handle.hpp>

#include <exception>
#include <optional>
#include <utility>
#include <variant>

namespace eddy {

namespace internal {

// A result as a value, also where there is none, or a reference.
template <class T>
using Value = std::conditional_t<std::is_void_v<T>, std::monostate, Held<T>>;

}  // namespace internal

template <class T>
class Outcome {
 public:
  explicit Outcome(internal::Value<T> value) : value_(std::move(value)) {}
  Outcome(std::exception_ptr exception, bool cancelled) noexcept
      : exception_(std::move(exception)), cancelled_(cancelled) {}

  bool has_value() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  bool cancelled() const noexcept { return cancelled_; }
  // Throws what the task ended with if that is no value.
  const internal::Value<T>& value() const& {
    if (!value_) std::rethrow_exception(exception_);
    return *value_;
  }
  internal::Value<T>&& value() && {
    if (!value_) std::rethrow_exception(exception_);
    return std::move(*value_);
  }
  // Null for a value; a Cancelled for a cancelled task.
  const std::exception_ptr& exception() const noexcept { return exception_; }

 private:
  std::optional<internal::Value<T>> value_;
  std::exception_ptr exception_;
  bool cancelled_ = false;
};

namespace internal {

// REQUIRES: done. Moves the value out of a task that nobody else holds.
template <class T>
Value<T> take_value(const JoinHandle<T>& handle, bool sole) {
  EDDY_ASSERT(handle.done());
  handle.state().rethrow();
  if constexpr (std::is_void_v<T>) {
    static_cast<void>(sole);
    return {};
  } else {
    auto& stored = static_cast<TaskResult<T>&>(handle.state()).value();
    if constexpr (std::is_reference_v<T>) {
      static_cast<void>(sole);
      return Value<T>(*stored);
    } else {
      if constexpr (std::is_copy_constructible_v<T>) {
        if (!sole) return stored;
      }
      return std::move(stored);
    }
  }
}

template <class T>
Outcome<T> outcome_of(const JoinHandle<T>& handle, bool sole) {
  TaskState& state = handle.state();
  EDDY_ASSERT(state.done());
  if (state.cancelled() || state.failed()) {
    return Outcome<T>(state.failure().exception(), state.cancelled());
  }
  return Outcome<T>(take_value(handle, sole));
}

}  // namespace internal

}  // namespace eddy
