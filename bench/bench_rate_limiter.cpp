// RateLimiter: a token that is there, and one that is waited for.
//
// The twins: the same arithmetic by hand (GCRA, a number and a comparison) with the loop's clock
// and with the kernel's; and a sleep until the moment at which the token comes, on virtual time, so
// that nothing is waited for but the work is done.
#include "harness.hpp"

#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/core/task.hpp>
#include <eddy/kit/rate_limiter.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>

namespace {

using namespace std::chrono_literals;

// More than anybody takes while a row runs.
constexpr std::size_t plenty = 1'000'000'000;

eddy::Task<> take(eddy::RateLimiter& limiter, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) co_await limiter.acquire();
}

// One for each nanosecond, and `plenty` of them at once after a rest.
class Arithmetic {
 public:
  bool take(std::int64_t now) {
    const std::int64_t full = std::max(full_at_, now) + 1;
    if (full - now > static_cast<std::int64_t>(plenty)) return false;
    full_at_ = full;
    return true;
  }

 private:
  std::int64_t full_at_ = 0;
};

eddy::Task<> take_by_hand(Arithmetic& bucket, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const eddy::Instant now = eddy::Loop::current().now();
    if (!bucket.take(now.time_since_epoch().count())) std::abort();
    benchmark::DoNotOptimize(bucket);
  }
  co_return;
}

void take_by_the_clock(Arithmetic& bucket, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto now = std::chrono::steady_clock::now();
    if (!bucket.take(now.time_since_epoch().count())) std::abort();
    benchmark::DoNotOptimize(bucket);
  }
}

eddy::Task<> sleep_each(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) co_await eddy::sleep(1ms);
}

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  static eddy::Loop virtual_loop({.virtual_time = true});
  static eddy::RateLimiter rich(plenty, 1s, plenty);
  static eddy::RateLimiter slow(1000, 1s, 1);
  static Arithmetic bucket;
  const bench::Side at_once = [](std::size_t count) { loop.run(take(rich, count)); };
  bench::add({.name = "limiter, a token at once",
              .eddy = at_once,
              .twin_name = "by hand, the loop's clock",
              .twin = [](std::size_t count) { loop.run(take_by_hand(bucket, count)); }});
  bench::add({.name = "limiter, a token at once",
              .eddy = at_once,
              .twin_name = "by hand, steady_clock",
              .twin = [](std::size_t count) { take_by_the_clock(bucket, count); },
              .goal = bench::ahead()});
  bench::add({.name = "limiter, a token in a millisecond of virtual time",
              .eddy = [](std::size_t count) { virtual_loop.run(take(slow, count)); },
              .twin_name = "sleep",
              .twin = [](std::size_t count) { virtual_loop.run(sleep_each(count)); }});
}
