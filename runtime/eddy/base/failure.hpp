// Failure: why an await produced no value, before anybody decided to throw.
//
// Every awaitable of eddy can be asked for its outcome without an exception (await_outcome()), so
// that as_result() and timeout() cost none. raise() is the one place where a Failure becomes one.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/base/error.hpp>

#include <cstdint>
#include <exception>
#include <expected>
#include <functional>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace eddy {

namespace internal {

// What somebody waited for, told without work until somebody reads it.
struct AwaitedName {
  const char* signature = "";  // a coroutine's, or that of signature_of<the awaitable>
  Text subject = {};           // a task's name, a peer's address; or empty
};

// Names its type to who reads it.
template <class A>
constexpr const char* signature_of() noexcept { return __PRETTY_FUNCTION__; }

}  // namespace internal

class Failure {
 public:
  // `code` is an errno. `operation` is a view of a literal.
  static Failure error(int code, std::string_view operation, Text subject = {}) noexcept {
    Failure failure(Kind::error);
    failure.code_ = code;
    failure.operation_ = operation;
    failure.text_ = std::move(subject);
    return failure;
  }
  static Failure cancelled(Text message = {}) noexcept {
    Failure failure(Kind::cancelled);
    failure.text_ = std::move(message);
    return failure;
  }
  // `awaited` took longer than `after`, or than until its deadline where that is at_deadline.
  static Failure timed_out(internal::AwaitedName awaited, Duration after) noexcept;
  static constexpr Duration at_deadline = Duration::min();

  // An E that nobody has made yet, and nobody makes before somebody wants the exception: an Error
  // without parameters, of the errno E::number.
  template <class E>
  static Failure of() noexcept {
    Failure failure(Kind::made_late);
    failure.code_ = E::number;
    failure.throw_ = [] { throw E(); };
    return failure;
  }

  // An exception that is not thrown before somebody wants it to be.
  template <class E>
  static Failure holding(E exception) noexcept {
    static_assert(!std::is_base_of_v<Cancelled, E>, "cancelled() says that");
    Failure failure(Kind::exception);
    if constexpr (std::is_base_of_v<Error, E>) failure.keep_code(exception.code());
    failure.exception_ = std::make_exception_ptr(std::move(exception));
    return failure;
  }

  // The exception that is being handled right now. REQUIRES: called inside a catch block.
  static Failure current() noexcept;
  // A stored exception; finds out whether it is a Cancelled.
  static Failure from(std::exception_ptr exception) noexcept;

  bool is_error() const noexcept { return kind_ <= Kind::made_late; }
  // An Error with that errno.
  bool is_error(int code) const noexcept { return is_error() && code_ == code; }
  bool is_cancelled() const noexcept { return kind_ == Kind::cancelled; }
  std::string_view operation() const noexcept {
    if (kind_ == Kind::made_late || kind_ == Kind::exception) return {};
    return kind_ == Kind::timed_out ? "timeout" : operation_;
  }
  int code() const noexcept { return code_; }

  // The errno, also of an Error that was thrown; no value when it is neither.
  std::error_code error_code() const noexcept;

  // Throws Error, TimeoutError, Cancelled or the stored exception.
  [[noreturn]] void raise() const;

  // The same as an exception_ptr, for those who keep it.
  std::exception_ptr exception() const;

 private:
  enum class Kind : std::uint8_t { error, timed_out, made_late, cancelled, exception };

  struct Limit {
    const char* signature;
    Duration after;
  };

  struct Code {
    const std::error_category* category;
    int value;
  };

  explicit Failure(Kind kind) noexcept : kind_(kind), operation_() {
    if (kind == Kind::exception) error_ = {};
  }

  // Of the Error that it holds.
  void keep_code(const std::error_code& code) noexcept {
    error_ = {&code.category(), code.value()};
  }
  [[noreturn]] void raise_timed_out() const;

  Kind kind_;
  int code_ = 0;
  union {
    std::string_view operation_;
    Limit limit_;      // timed_out
    void (*throw_)();  // made_late
    Code error_;       // exception: without a category unless it is an Error
  };
  Text text_;  // an error's subject, a cancellation's message
  std::exception_ptr exception_;
};

namespace internal {

// A value as an object, also one that is a reference.
template <class T>
using Held = std::conditional_t<std::is_reference_v<T>,
                                std::reference_wrapper<std::remove_reference_t<T>>, T>;

}  // namespace internal

// What an await ends with.
template <class T>
using Expected = std::expected<T, Failure>;

namespace internal {

// The value, or the failure as an exception.
template <class T>
T value_or_raise(Expected<T>&& outcome) {
  if (!outcome) [[unlikely]] outcome.error().raise();
  if constexpr (!std::is_void_v<T>) return std::move(*outcome);
}

}  // namespace internal

// What as_result() gives to the user.
template <class T>
using Result = std::expected<T, std::error_code>;

}  // namespace eddy
