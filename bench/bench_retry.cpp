// retry() of a child that succeeds at once: what it costs to be ready for more.
//
// The twins: the bare await of the same child, and the loop that one writes by hand, with try and
// catch around it.
#include "harness.hpp"

#include <eddy/core/spawn.hpp>
#include <eddy/core/task.hpp>
#include <eddy/kit/retry.hpp>

#include <exception>

namespace {

using namespace std::chrono_literals;

eddy::Task<int> child() { co_return 1; }

eddy::Task<int> awaited(std::size_t count) {
  int sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += co_await child();
  co_return sum;
}

eddy::Task<int> retried(std::size_t count) {
  int sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += co_await eddy::retry(child);
  co_return sum;
}

// As many programs have it: made once, used for each call.
eddy::Task<int> retried_by(const eddy::RetryPolicy& policy, std::size_t count) {
  int sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += co_await eddy::retry(child, policy);
  co_return sum;
}

eddy::Task<int> by_hand() {
  for (int left = 5;; --left) {
    try {
      co_return co_await child();
    } catch (const std::exception&) {
      if (left == 1) throw;
    }
  }
}
eddy::Task<int> retried_by_hand(std::size_t count) {
  int sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += co_await by_hand();
  co_return sum;
}

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  static eddy::RetryStatistics sums;
  static const eddy::RetryPolicy policy = eddy::RetryPolicy()
                                              .stop_after_attempt(5)
                                              .stop_before_delay(30s)
                                              .wait(eddy::wait_random_exponential(100ms))
                                              .retry_if<eddy::Error>()
                                              .count_in(sums);
  const bench::Side plain = [](std::size_t count) { loop.run(awaited(count)); };
  const bench::Side hand = [](std::size_t count) { loop.run(retried_by_hand(count)); };
  const bench::Side own = [](std::size_t count) { loop.run(retried(count)); };
  bench::add({.name = "retry, succeeds at once",
              .eddy = own,
              .twin_name = "await",
              .twin = plain});
  bench::add({.name = "retry, succeeds at once",
              .eddy = own,
              .twin_name = "try and catch by hand",
              .twin = hand});
  bench::add({.name = "retry by a policy, succeeds at once",
              .eddy = [](std::size_t count) { loop.run(retried_by(policy, count)); },
              .twin_name = "try and catch by hand",
              .twin = hand});
}
