#include "support/allocations.hpp"
#include "support/run.hpp"

#include <eddy/kit/circuit_breaker.hpp>

#include <limits>
#include <string_view>

namespace {

using namespace eddy;
using enum CircuitState;

// Calls one after the other: . succeeds, x fails, s succeeds late, S fails late, ? says nothing.
Task<> make_calls(CircuitBreaker& breaker, std::string_view calls) {
  for (const char how : calls) {
    const auto call = [how]() -> Task<> {
      if (how == 's' || how == 'S') co_await sleep(3s);
      if (how == '?') throw UsageError("wrong");
      if (how == 'x' || how == 'S') co_await fail(Failure::error(EIO, "read"));
    };
    static_cast<void>(co_await as_outcome(breaker.call(call)));
  }
}

// At or over the rate, and not before there are enough calls
TEST(CircuitRates, OpenWhenTooManyOfTheLastCallsFailed) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 0, .failure_rate = 0.5, .window = 8, .minimum = 4});
    co_await make_calls(breaker, "xxx");
    EXPECT_EQ(breaker.state(), closed) << "too few for a judgement";
    EXPECT_FALSE(breaker.failure_rate());
    breaker.reset();
    co_await make_calls(breaker, "...x.x.");
    EXPECT_EQ(breaker.state(), closed);
    co_await make_calls(breaker, "x");
    EXPECT_DOUBLE_EQ(breaker.failure_rate().value(), 0.375);
    co_await make_calls(breaker, "x");
    EXPECT_EQ(breaker.state(), open) << "the oldest has gone: 4 of 8";
    EXPECT_FALSE(breaker.failure_rate()) << "it begins anew";
  });
}

TEST(CircuitRates, LeaveTheFailuresInARow) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 2, .failure_rate = 0.9});
    co_await make_calls(breaker, "x.xx");
    EXPECT_EQ(breaker.state(), open);
  });
}

// A success may open it as well: of slow ones there may be too many
TEST(CircuitRates, OpenWhenTooManyOfTheLastCallsWereSlow) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker(
        {.failures = 9, .slow_rate = 0.5, .slow_after = 2s, .window = 4, .minimum = 4});
    co_await make_calls(breaker, "..s.x");
    EXPECT_EQ(breaker.state(), closed);
    EXPECT_DOUBLE_EQ(breaker.slow_rate().value(), 0.25);
    co_await make_calls(breaker, "S");
    EXPECT_EQ(breaker.state(), open);
    EXPECT_EQ(breaker.statistics().slow, 2u);
  });
}

TEST(CircuitRates, TakeASlowTrialForAFailure) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.open_for = 1s, .slow_rate = 1, .slow_after = 2s});
    breaker.trip();
    co_await sleep(1s);
    co_await make_calls(breaker, "s");
    EXPECT_EQ(breaker.state(), open);
    co_await sleep(1s);
    co_await make_calls(breaker, ".");
    EXPECT_EQ(breaker.state(), closed);
  });
}

// Neither a failure nor a success
TEST(CircuitRates, CountNothingThatSaysNothing) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 0, .failure_rate = 0.5, .window = 4, .minimum = 4});
    co_await make_calls(breaker, "x?x?");
    EXPECT_EQ(breaker.state(), closed);
    co_await make_calls(breaker, "..");
    EXPECT_EQ(breaker.state(), open) << "2 of 4";
  });
}

// As many as fit are enough where fewer than `minimum` fit; 7 of 100 are 0.07
TEST(CircuitRates, JudgeAFullWindow) {
  test::run([]() -> Task<> {
    CircuitBreaker small({.failures = 0, .failure_rate = 1, .window = 2});
    co_await make_calls(small, "xx");
    EXPECT_EQ(small.state(), open);
    CircuitBreaker exact({.failures = 0, .failure_rate = 0.07});
    for (int i = 0; i < 93; ++i) co_await make_calls(exact, ".");
    co_await make_calls(exact, "xxxxxx");
    EXPECT_EQ(exact.state(), closed);
    co_await make_calls(exact, "x");
    EXPECT_EQ(exact.state(), open);
  });
}

// edge 10
TEST(CircuitRates, RefuseWhatIsNoShare) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(CircuitBreaker({.failure_rate = nan}), UsageError);
  EXPECT_THROW(CircuitBreaker({.failure_rate = 1.5}), UsageError);
  EXPECT_THROW(CircuitBreaker({.slow_rate = -0.1}), UsageError);
  EXPECT_THROW(CircuitBreaker({.failure_rate = 0.5, .window = 0}), UsageError);
  EXPECT_NO_THROW(CircuitBreaker({.failures = 0, .slow_rate = 1, .minimum = 0}));
}

// ∅
TEST(CircuitRates, AllocateNothingForACall) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 0, .failure_rate = 1, .slow_rate = 1});
    const auto answer = []() -> Task<> { co_return; };
    std::size_t before = 0;
    for (int round = 0; round < 5; ++round) {
      before = test::allocations();
      co_await breaker.call(answer);
    }
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
