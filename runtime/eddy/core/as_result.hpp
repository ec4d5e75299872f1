// as_result(awaitable): failure as a value. No exception is thrown and nothing is allocated on the
// way when the awaitable is an operation of eddy, alone or inside of timeout().
#pragma once

#include <eddy/core/internal/foreign_await.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/core/join_handle.hpp>
#include <eddy/core/task.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace eddy {

namespace internal {

// What co_await makes of an expression; of what is not eddy's, a wait for it.
template <class A>
decltype(auto) awaiter_of(A&& awaitable) {
  if constexpr (ForeignAwaitable<A>) {
    return ForeignAwait<A>(std::forward<A>(awaitable));
  } else {
    return plain_awaiter_of(std::forward<A>(awaitable));
  }
}

// An awaiter that can tell how it ended without throwing: every one of eddy.
template <class A>
concept Settles = requires(A& awaiter) {
  typename A::value_type;
  { awaiter.await_outcome() } -> std::same_as<Expected<Held<typename A::value_type>>>;
};

template <class A>
using AwaiterOf = std::remove_cvref_t<decltype(awaiter_of(std::declval<A>()))>;

}  // namespace internal

// Anything that can be given to as_result(), timeout(), gather() and the like.
template <class A>
concept Awaitable = internal::Settles<internal::AwaiterOf<A>>;

template <class A>
using AwaitValue = typename internal::AwaiterOf<A>::value_type;

namespace internal {

// How `awaiter` ended, for who goes on with that as a value: also when it throws while it finds
// out, for want of memory or out of a value's copy.
template <Settles A>
Expected<Held<typename A::value_type>> settle(A& awaiter) {
  try {
    return awaiter.await_outcome();
  } catch (...) {
    return std::unexpected(Failure::current());
  }
}

// Suspends `awaiter`, whatever its await_suspend returns. False: it did not suspend.
template <class A>
bool suspend(A& awaiter, std::coroutine_handle<> frame) {
  if constexpr (std::is_void_v<decltype(awaiter.await_suspend(frame))>) {
    awaiter.await_suspend(frame);
    return true;
  } else {
    return awaiter.await_suspend(frame);
  }
}

// `awaiter` is not awaited after all, on purpose: a task that never ran is not reported.
template <class A>
void drop_unrun(A& awaiter) noexcept {
  if constexpr (requires { awaiter.discard(); }) {
    awaiter.discard();
  } else if constexpr (requires { awaiter.drop_unrun(); }) {
    awaiter.drop_unrun();
  }
}

// Awaits `inner`, for those that make something else of how it ends.
template <Settles A>
class InPlaceOf {
 public:
  explicit InPlaceOf(A inner) : inner_(std::move(inner)) {}
  bool await_ready() { return inner_.await_ready(); }
  bool await_suspend(std::coroutine_handle<> frame) { return suspend(inner_, frame); }
  void drop_unrun() noexcept { internal::drop_unrun(inner_); }

 protected:
  A inner_;
};

// Ends with the Expected of `inner`: a failure, a cancellation included, is a value. For the
// library's own compositions; whoever swallows a cancellation answers for it.
template <Settles A>
class [[nodiscard]] Outcomes : public InPlaceOf<A> {
 public:
  using value_type = Expected<Held<typename A::value_type>>;
  using InPlaceOf<A>::InPlaceOf;
  value_type await_resume() { return settle(this->inner_); }
  Expected<value_type> await_outcome() { return await_resume(); }
};

}  // namespace internal

template <Awaitable A>
auto as_outcome(A&& awaitable) {
  return internal::Outcomes<internal::AwaiterOf<A>>(
      internal::awaiter_of(std::forward<A>(awaitable)));
}

namespace internal {

template <Settles A>
class [[nodiscard]] AsResult : public InPlaceOf<A>,
                               public Raises<AsResult<A>, Result<Held<typename A::value_type>>> {
 public:
  using value_type = Result<Held<typename A::value_type>>;
  using InPlaceOf<A>::InPlaceOf;
  Expected<value_type> await_outcome() {
    auto outcome = settle(this->inner_);
    if (outcome) [[likely]] {
      if constexpr (std::is_void_v<typename A::value_type>) {
        return value_type();
      } else {
        return value_type(std::move(*outcome));
      }
    }
    if (const std::error_code code = outcome.error().error_code()) {
      return value_type(std::unexpect, code);
    }
    return std::unexpected(std::move(outcome.error()));  // cancelled, or not an operation's failure
  }
};

}  // namespace internal

// co_await as_result(op) returns Result<T>: the value, or the std::error_code of a failed or timed
// out operation. Cancelled, and exceptions that are not an Error, are still thrown.
template <Awaitable A>
auto as_result(A&& awaitable) {
  return internal::AsResult<internal::AwaiterOf<A>>(
      internal::awaiter_of(std::forward<A>(awaitable)));
}

}  // namespace eddy
