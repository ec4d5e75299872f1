// Time limits: as an exception, as a value, around a body that moves its own deadline, and a
// cleanup that waits although the task was cancelled.
//
// Run:    examples/run timeout
// Prints: one line per case.
#include <eddy/eddy.hpp>

#include <iostream>

using namespace eddy;
using namespace std::chrono_literals;

static Task<std::string> slow(Duration length) {
  co_await sleep(length);
  co_return "done";
}

static Task<> amain() {
  std::cout << "in time: " << co_await timeout(1s, slow(1ms)) << '\n';

  try {
    co_await timeout(5ms, slow(1h));
  } catch (const TimeoutError& error) {
    std::cout << "as an exception: " << error.what() << '\n';
  }

  const auto result = co_await as_result(timeout(5ms, slow(1h)));
  std::cout << "as a value: " << result.error().message() << '\n';

  co_await timeout(5ms, [&](Timeout& limit) -> Task<> {
    limit.reschedule(Loop::current().now() + 1s);
    std::cout << "with a new deadline: " << co_await slow(20ms) << '\n';
  });

  const auto cleanup = []() -> Task<> {
    co_await sleep(1ms);
    std::cout << "cleaned up first, then ";
  };
  const auto cleaned = co_await as_result(timeout(5ms, try_finally(slow(1h), cleanup)));
  std::cout << cleaned.error().message() << '\n';

  const auto survivor = spawn(slow(20ms));
  const auto shielded = co_await as_result(timeout(5ms, shield(survivor)));
  std::cout << "shielded: " << shielded.error().message() << ", yet " << co_await survivor << '\n';
}

int main() { run(amain()); }
