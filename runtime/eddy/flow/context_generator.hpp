// ContextGenerator<T>: a generator that yields once, as a resource (Python's asynccontextmanager).
//
//   ContextGenerator<Connection&> connected(Address address) {
//     Connection connection = co_await connect(address);
//     co_yield connection;                       // the body of with() runs here
//     co_await connection.close();
//   }
//
// What the body throws is thrown at the co_yield: passed on from there it keeps its identity,
// caught it is suppressed. Cleanup that waits belongs behind a try block that keeps the exception,
// or into try_finally(): C++ cannot co_await in a catch block. Throws UsageError when it does not
// yield, or yields twice.
#pragma once

#include <eddy/flow/generator.hpp>

#include <functional>
#include <type_traits>

namespace eddy {

template <class T>
class [[nodiscard]] ContextGenerator {
  using Yielded = internal::Held<T>;

 public:
  using promise_type = typename Generator<Yielded>::promise_type;

  ContextGenerator(Generator<Yielded> generator) noexcept : generator_(std::move(generator)) {}

  Task<T> enter() {
    auto first = co_await generator_.next();
    if (!first) throw UsageError("a context generator ended without a co_yield");
    if constexpr (std::is_reference_v<T>) {
      co_return first->get();
    } else {
      co_return std::move(*first);
    }
  }

  Task<bool> exit(std::exception_ptr exception) {
    auto outcome = co_await as_outcome(generator_.resume_with(exception));
    if (!outcome) {
      if (exception && outcome.error().exception() == exception) co_return false;
      co_await fail(std::move(outcome.error()));
    }
    if (*outcome) {
      co_await generator_.aclose();
      throw UsageError("a context generator yielded twice");
    }
    co_return exception != nullptr;
  }

 private:
  Generator<Yielded> generator_;
};

// Any generator that yields once.
template <class T>
ContextGenerator<T> context_generator(Generator<T> generator) {
  return ContextGenerator<T>(std::move(generator));
}

}  // namespace eddy
