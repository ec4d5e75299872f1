// Raises: what throws, in an awaitable that tells by await_outcome() how it ended.
#pragma once

#include <eddy/base/failure.hpp>

namespace eddy::internal {

// What is awaited itself, and tells without a throw how it ended: a Task too.
template <class A>
concept Awaiter = requires(A& awaiter) { awaiter.await_outcome(); };

// Base of `Self`. One whose value can be had for less than by way of an Expected has an
// await_resume() of its own instead.
template <class Self, class T = void>
class Raises {
 public:
  using value_type = T;
  // Part of who awaits: GCC 12 makes a call of it, a sixth of as_result() of a child.
  [[gnu::always_inline]] T await_resume() {
    return value_or_raise(static_cast<Self&>(*this).await_outcome());
  }
};

}  // namespace eddy::internal
