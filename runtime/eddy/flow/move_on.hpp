// move_on_after, move_on_at: a deadline that is no failure, as anyio's (python/cpython#144592).
//
//   if (auto answer = co_await move_on_after(2s, fetch())) use(*answer);
#pragma once

#include <eddy/flow/timeout.hpp>

#include <optional>
#include <type_traits>
#include <utility>

namespace eddy {
namespace internal {

template <class T>
using MovedOn = std::conditional_t<std::is_void_v<T>, bool, std::optional<Held<T>>>;

// A scope that tells by end() whether it has cut short what is inside: that is no failure then.
template <class Scope>
class [[nodiscard]] MoveOn : public Scope {
 public:
  using value_type = MovedOn<typename Scope::value_type>;
  using Scope::Scope;

  value_type await_resume() { return value_or_raise(await_outcome()); }
  Expected<value_type> await_outcome() {
    bool cut = false;
    auto outcome = this->end(cut);
    if (cut) return value_type();
    if (!outcome) return std::unexpected(std::move(outcome.error()));
    if constexpr (std::is_void_v<typename Scope::value_type>) {
      return true;
    } else {
      return value_type(std::move(*outcome));
    }
  }
};

}  // namespace internal

// The value in an optional, or true where there is none; nothing, or false, when the deadline has
// passed: the awaitable was cancelled then, and has ended. What it gave all the same is given. Its
// failures come out, also a TimeoutError of its own; so does a cancellation from outside. Scopes
// nest as timeout()'s. ∅
template <Awaitable A>
auto move_on_after(AnyDuration length, A&& awaitable) {
  return internal::MoveOn<internal::TimeoutScope<internal::AwaiterOf<A>>>(
      internal::Limit(length), internal::awaiter_of(std::forward<A>(awaitable)));
}
template <Awaitable A>
auto move_on_at(std::optional<AnyInstant> deadline, A&& awaitable) {
  return internal::MoveOn<internal::TimeoutScope<internal::AwaiterOf<A>>>(
      internal::Limit(deadline), internal::awaiter_of(std::forward<A>(awaitable)));
}

}  // namespace eddy
