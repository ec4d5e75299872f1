// Future<T>: a value that comes from a callback, a C library's or a host's, for tasks to wait for.
//
//   FutureSetter<int> setter;
//   library.on_answer([setter](int answer) mutable { setter.set_value(answer); });
//   int answer = co_await setter.future();
//
// A FutureSetter sets, once; a Future waits. Both are copyable, and copies mean the same. They
// belong to the loop's thread: another thread sets by Loop::post(). A value that is set before
// anybody waits is kept. When the last setter is gone and nothing was set, those that wait get a
// BrokenPromise, so that a callback which never comes leaves nobody hanging.
//
// One block of the Pool for both: no allocation after warm-up. ∅
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/sync/internal/future_state.hpp>

#include <cerrno>
#include <exception>
#include <type_traits>
#include <utility>

namespace eddy {

// Nobody is left who could set a Future.
class BrokenPromise : public Error {
 public:
  static constexpr int number = EPIPE;  // of its code()
  BrokenPromise() : Error(number, "wait for a Future that nobody can set any more") {}
};

template <class T = void>
class [[nodiscard]] Future {
  static_assert(!std::is_reference_v<T>, "a Future keeps its value: a pointer, maybe");

 public:
  using value_type = T;
  Future() noexcept = default;

  class [[nodiscard]] Wait : public internal::FutureWait {
   public:
    using value_type = T;
    explicit Wait(internal::Counted<internal::FutureState<T>> state)
        : FutureWait(*state), state_(std::move(state)) {}

    T await_resume() { return internal::value_or_raise(await_outcome()); }
    Expected<T> await_outcome() {
      if (interrupted()) return std::unexpected(cancelled_failure());
      return state_->outcome();
    }

   private:
    internal::Counted<internal::FutureState<T>> state_;
  };

  // Resumes in the turn after it was set, at once when it is; throws what set_exception() was
  // given, Cancelled after cancel(), BrokenPromise. Any number may wait, again and again: each gets
  // a copy; a value that can only be moved goes to the first, the second throws UsageError.
  // Cancelled: leaves the others, and the future, as they are. ∅
  Wait operator co_await() const { return Wait(to_use()); }

  bool valid() const noexcept { return static_cast<bool>(state_); }
  bool done() const { return to_use()->done(); }
  bool cancelled() const { return to_use()->cancelled(); }
  // As co_await of one that is done. Throws InvalidState before.
  T result() const {
    if (!done()) throw InvalidState("result() of a Future that nobody has set");
    return internal::value_or_raise(state_->outcome());
  }

 private:
  template <class> friend class FutureSetter;
  explicit Future(internal::Counted<internal::FutureState<T>> state) noexcept
      : state_(std::move(state)) {}
  const internal::Counted<internal::FutureState<T>>& to_use() const {
    if (!state_) [[unlikely]] throw UsageError("use of an empty Future");
    return state_;
  }

  internal::Counted<internal::FutureState<T>> state_;
};

template <class T = void>
class FutureSetter {
 public:
  FutureSetter() : state_(internal::Counted(new State)) {}

  Future<T> future() const { return Future<T>(to_use()); }

  // Those that wait run in the next turn, in the order of their coming; nobody runs within. Each
  // throws InvalidState, a UsageError, when something was set already: what a library may report
  // twice, or after the cancel() that it lost to, asks done() first.
  template <class... V>
    requires(std::is_void_v<T> == (sizeof...(V) == 0) &&
             std::is_constructible_v<typename internal::FutureState<T>::Stored, V...>)
  void set_value(V&&... value) { to_use()->set_value(std::forward<V>(value)...); }
  // Reported to the loop's exception handler where nobody ever looks at it.
  void set_exception(std::exception_ptr exception) {
    if (!exception) throw UsageError("set_exception() without an exception");
    to_use()->set_failure(Failure::from(std::move(exception)));
  }
  template <class E>
    requires(!std::is_convertible_v<E, std::exception_ptr>)
  void set_exception(E&& exception) {
    set_exception(std::make_exception_ptr(std::forward<E>(exception)));
  }
  // Those that wait get a Cancelled with that message. False, with nothing done, when something was
  // set already.
  bool cancel(Text message = {}) {
    if (to_use()->done()) return false;
    state_->set_failure(Failure::cancelled(std::move(message)));
    return true;
  }

  bool done() const { return to_use()->done(); }

 private:
  using State = internal::FutureState<T>;
  const internal::Counted<State>& to_use() const {
    if (!state_) [[unlikely]] throw UsageError("use of a FutureSetter that was moved from");
    return state_;
  }

  internal::End<State, &State::add_setter, &State::template drop_setter<BrokenPromise>> state_;
};

}  // namespace eddy
