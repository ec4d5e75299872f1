#include <eddy/core/call_later.hpp>

#include <exception>

namespace eddy::internal {

// A cancellation is its ordinary end, and so costs no exception.
Task<> call_function_at(Instant when, std::unique_ptr<LaterFunction> function) {
  EDDY_ASSERT(function);
  const auto slept = co_await as_outcome(sleep_until(when));
  if (!slept) co_return;
  try {
    function->call();
  } catch (...) {
    Loop::current().report({.message = "exception in a function of call_later()",
                            .exception = std::current_exception()});
  }
}

}  // namespace eddy::internal
