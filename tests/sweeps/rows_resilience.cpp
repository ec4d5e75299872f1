// Rows of kit: what keeps a program going when others fail.
#include "support/awaitables.hpp"

#include <eddy/kit/circuit_breaker.hpp>
#include <eddy/kit/rate_limiter.hpp>
#include <eddy/kit/retry.hpp>
#include <eddy/sync/event.hpp>

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace test;

// Fails until it is told to wait for what comes by wake().
struct Failing {
  auto factory() {
    return [this]() -> Task<> {
      if (failures > 0 && failures--) co_await fail(Failure::error(EIO, "read"));
      co_await event.wait();
    };
  }
  void wake() { event.set(); }
  Event event;
  int failures = 0;
};

const Rows<Failing> retries = {
    {"retry", [](Failing& w) { return retry(w.factory()); }, at_once(together)},
    {"retry after_failures",
     [](Failing& w) {
       w.failures = 3;
       return retry(w.factory());
     },
     apart},
    {"retry between_attempts",
     [](Failing& w) {
       w.failures = 3;
       w.wake();
       return retry(w.factory(), RetryPolicy().wait(wait_random(1ms, 5ms)));
     },
     by_time},
    {"retry_or",
     [](Failing& w) { return retry_or(w.factory(), {}, [](const RetryState&) {}); },
     at_once(together)},
};

// Closed, or half open: then one call at a time may pass.
struct Guarded {
  auto factory() {
    return [this] { return event.wait(); };
  }
  void wake() { event.set(); }
  Task<> check() {
    EXPECT_TRUE(breaker.try_enter()) << "the place of a call was lost";
    EXPECT_NE(breaker.state(), CircuitState::open) << "a cancel was taken for a failure";
    co_return;
  }
  Event event;
  CircuitBreaker breaker{{.failures = 1, .open_for = 0s, .successes = 2}};
};

const Rows<Guarded> guarded = {
    {"CircuitBreaker::call", [](Guarded& w) { return w.breaker.call(w.factory()); },
     at_once(together)},
    {"CircuitBreaker::call as_a_trial",
     [](Guarded& w) {
       w.breaker.trip();
       return w.breaker.call(w.factory());
     },
     at_once(apart)},
};

// An empty bucket, into which a token falls each millisecond.
struct Emptied {
  Task<> begin() {
    EXPECT_TRUE(limiter.try_acquire(5));
    begun = Loop::current().now();
    co_return;
  }
  Task<> take(std::size_t count) {
    co_await limiter.acquire(count);
    taken += count;
  }
  Task<> check() {
    const auto come = static_cast<std::size_t>((Loop::current().now() - begun) / 1ms);
    EXPECT_EQ(limiter.available(), std::min(come - taken, std::size_t{5})) << "a token was lost";
    co_return;
  }
  RateLimiter limiter{1000, 1s, 5};
  Instant begun;
  std::size_t taken = 0;
};
constexpr Traits in_order{.comes = Comes::by_time};

const Rows<Emptied> emptied = {
    {"RateLimiter::acquire", [](Emptied& w) { return w.take(1); }, in_order},
    {"RateLimiter::acquire several", [](Emptied& w) { return w.take(4); }, in_order},
    {"RateLimiter::enter",
     [](Emptied& w) -> Task<> {
       co_await w.limiter.enter();
       ++w.taken;
       EXPECT_FALSE(co_await w.limiter.exit(nullptr));
     },
     in_order},
};

// There are enough for all calls.
struct Filled {
  RateLimiter limiter{1 << 20};
};

const Rows<Filled> filled = {
    {"RateLimiter::acquire of_what_is_there",
     [](Filled& w) { return only(w.limiter.acquire()); }, at_once(by_itself)}};

}  // namespace
