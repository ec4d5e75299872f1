// EDDY_TRY and EDDY_DO: go on with the value, or end this coroutine with the failure.
//
//   Task<std::size_t> count(std::string path) {
//     EDDY_TRY(auto text, read_text(path));   // text is the std::string
//     EDDY_DO(sleep(1ms));                    // for what gives nothing
//     co_return text.size();
//   }
//
// What plain co_await does, without an exception on the way: a failure, a cancellation included,
// passes from coroutine to coroutine as a value and becomes an exception where somebody awaits it
// plainly. Locals die as they do under an exception. Inside of coroutines that return Task only.
//
// Macros, since only a coroutine's own text can end it; a statement expression, which would make
// `auto x = TRY(op)` possible, is an internal error of GCC 12. A ready await costs 6 instructions
// more than plain co_await.
#pragma once

#include <eddy/core/as_result.hpp>

#include <type_traits>
#include <utility>

// `declaration` is `auto name`, `auto&& name`, or anything that takes the value: `total`.
// Two statements: needs braces under an if.
#define EDDY_TRY(declaration, ...) \
  EDDY_TRY_NAMED(EDDY_TRY_JOIN(eddy_outcome_, __COUNTER__), declaration, __VA_ARGS__)

// One statement. What owns something must be named by EDDY_TRY, or it would be gone at once: a
// lock's guard, a file.
#define EDDY_DO(...)                                                                    \
  do {                                                                                  \
    auto eddy_outcome = co_await ::eddy::as_outcome(__VA_ARGS__);                       \
    static_assert(::eddy::internal::may_be_dropped<decltype(eddy_outcome)>,             \
                  "EDDY_DO drops what this gives at once: name it, EDDY_TRY(auto x, ...)"); \
    if (!eddy_outcome) [[unlikely]] co_await ::eddy::fail(std::move(eddy_outcome.error())); \
  } while (false)

#define EDDY_TRY_NAMED(outcome, declaration, ...)                                   \
  auto outcome = co_await ::eddy::as_outcome(__VA_ARGS__);                          \
  if (!outcome) [[unlikely]] co_await ::eddy::fail(std::move(outcome.error()));     \
  declaration = *std::move(outcome)
#define EDDY_TRY_JOIN(a, b) EDDY_TRY_JOINED(a, b)
#define EDDY_TRY_JOINED(a, b) a##b

namespace eddy {

namespace internal {

template <class Outcome>
inline constexpr bool may_be_dropped =
    std::is_void_v<typename Outcome::value_type> ||
    std::is_trivially_destructible_v<typename Outcome::value_type>;

}  // namespace internal

}  // namespace eddy
