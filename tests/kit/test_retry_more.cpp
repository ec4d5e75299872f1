#include "support/run.hpp"

#include <eddy/kit/retry.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace eddy;

// How often a failing attempt is made, and how long that takes.
struct Tried {
  std::size_t attempts = 0;
  Duration took{};
  std::string said = {};
};

Task<Tried> try_in_vain(RetryPolicy policy) {
  Tried tried;
  const auto attempt = [&tried]() -> Task<> {
    ++tried.attempts;
    co_await fail(Failure::error(EIO, "read"));
  };
  const Instant start = Loop::current().now();
  try {
    co_await retry(attempt, policy);
  } catch (const std::exception& error) {
    tried.said = error.what();
  }
  tried.took = Loop::current().now() - start;
  co_return tried;
}

// 4.1: stop_after_delay(...) & stop_after_attempt(...)
TEST(RetryStop, JoinedByAndStopsWhenBothAreMet) {
  test::run([]() -> Task<> {
    const RetryPolicy slow = RetryPolicy().wait(wait_fixed(10ms)).stop(
        stop_after_attempt(5) & stop_after_delay(15ms));
    const Tried by_attempts = co_await try_in_vain(slow);
    EXPECT_EQ(by_attempts.attempts, 5u) << "the time was over before";
    const RetryPolicy quick = RetryPolicy().wait(wait_fixed(10ms)).stop(
        stop_after_attempt(2) & stop_after_delay(35ms));
    const Tried by_time = co_await try_in_vain(quick);
    EXPECT_EQ(by_time.attempts, 5u) << "at 0, 10, 20, 30 and 40 ms";
  });
}

TEST(RetryStop, JoinedByOrStopsAtTheFirst) {
  test::run([]() -> Task<> {
    const auto late = stop_after_attempt(9) & stop_before_delay(1h);
    RetryPolicy policy = RetryPolicy().wait(wait_fixed(10ms));
    policy.stop(late | stop_before_delay(25ms));
    const Tried tried = co_await try_in_vain(policy);
    EXPECT_EQ(tried.attempts, 3u);
    EXPECT_EQ(tried.took, 20ms) << "no wait that would cross the limit";
    policy.stop_after_attempt(2);
    const Tried fewer = co_await try_in_vain(policy);
    EXPECT_EQ(fewer.attempts, 2u) << "what the policy said before still holds";
  });
}

// 4.1: stop_when_event_set
TEST(RetryStop, MayBeACallable) {
  test::run([]() -> Task<> {
    bool closing = false;
    int asked = 0;
    RetryPolicy policy = RetryPolicy().wait(wait_fixed(10ms));
    policy.stop([&](const RetryState& state) {
      EXPECT_EQ(state.next_wait, 10ms);
      EXPECT_TRUE(state.failure);
      closing = ++asked == 4;
      return closing;
    });
    const Tried alone = co_await try_in_vain(policy);
    EXPECT_EQ(alone.attempts, 4u);
    policy.stop(stop_after_attempt(6) & [&](const RetryState&) { return closing; });
    const Tried joined = co_await try_in_vain(policy);
    EXPECT_EQ(joined.attempts, 6u);
  });
}

// edges 9 and 10
TEST(RetryStop, TakesEveryTimeAndRefusesNumbersThatAreNone) {
  EXPECT_THROW(static_cast<void>(stop_after_attempt(0)), UsageError);
  EXPECT_THROW(static_cast<void>(stop_after_attempt(-1)), UsageError);
  const RetryState state{.attempt = 1, .elapsed = 1h, .next_wait = Duration::max()};
  EXPECT_FALSE(stop_before_delay(Duration::max())(state));
  EXPECT_FALSE(stop_after_delay(Duration::max())(state));
  EXPECT_TRUE(stop_before_delay(Duration::min())(state));
  EXPECT_TRUE(stop_after_delay(Duration::min())(state));
}

using Lengths = std::vector<Duration>;

Lengths waits(const RetryWaits& wait, std::size_t count) {
  internal::RetryChance chance(1);
  Lengths lengths;
  Duration previous{};
  for (std::size_t attempts = 1; attempts <= count; ++attempts) {
    lengths.push_back(previous = wait.after(attempts, previous, chance));
  }
  return lengths;
}

// 4.1: wait_incrementing
TEST(RetryWaits, AddUp) {
  EXPECT_EQ(waits(wait_incrementing(1s, 2s, 6s), 5), (Lengths{1s, 3s, 5s, 6s, 6s}));
  EXPECT_EQ(waits(wait_incrementing(3s, -2s), 3), (Lengths{3s, 1s, 0s})) << "never below zero";
  EXPECT_FALSE(wait_incrementing(1s, 1s).by_chance());
  internal::RetryChance chance(1);
  const std::size_t many = std::size_t{1} << 62;
  EXPECT_EQ(wait_incrementing(1s, 1h).after(many, {}, chance), Duration::max());
  EXPECT_EQ(wait_incrementing(1s, -1h).after(many, {}, chance), Duration::zero());
  EXPECT_EQ(wait_incrementing(-1s, Duration::min()).after(2, {}, chance), Duration::zero());
}

// 4.1: wait_chain
TEST(RetryWaits, AreTakenInTheirTurnAndTheLastStays) {
  EXPECT_EQ(waits(wait_chain(wait_fixed(3s), wait_fixed(3s), wait_fixed(7s)), 5),
            (Lengths{3s, 3s, 7s, 7s, 7s}));
  EXPECT_EQ(waits(wait_chain(wait_fixed(9s), wait_exponential(1s)), 4),
            (Lengths{9s, 2s, 4s, 8s}))
      << "each goes by the number of all attempts";
  EXPECT_EQ(waits(wait_chain(std::vector<RetryWaits>(2, wait_fixed(2s))), 3),
            (Lengths{2s, 2s, 2s}));
  EXPECT_THROW(wait_chain(std::vector<RetryWaits>()), UsageError);
}

// 4.1: the sum of waits
TEST(RetryWaits, AreSummed) {
  const RetryWaits both = wait_fixed(1s) + wait_exponential(1s) + wait_fixed(1ms);
  EXPECT_EQ(waits(both, 3), (Lengths{2001ms, 3001ms, 5001ms}));
  EXPECT_EQ(waits(wait_fixed(Duration::max()) + wait_fixed(1s), 1), (Lengths{Duration::max()}));
  EXPECT_FALSE(both.by_chance());
  EXPECT_TRUE((both + wait_random(0s, 1s)).by_chance());
  const RetryWaits chain = wait_chain(wait_fixed(1s), wait_fixed(2s));
  EXPECT_EQ(waits(wait_fixed(5s) + chain, 3), (Lengths{6s, 7s, 7s}));
  EXPECT_EQ(waits(wait_chain(chain, wait_fixed(9s), chain), 4), (Lengths{1s, 9s, 2s, 2s}));
}

TEST(Retry, WaitsAsJoinedWaitsSay) {
  test::run([]() -> Task<> {
    RetryPolicy policy = RetryPolicy().stop_after_attempt(4);
    policy.wait(wait_chain(wait_fixed(1s), wait_fixed(5s)) + wait_fixed(1ms));
    const Tried joined = co_await try_in_vain(policy);
    EXPECT_EQ(joined.took, 11003ms);
    policy.wait(wait_fixed(1s));
    const Tried plain = co_await try_in_vain(policy);
    EXPECT_EQ(plain.took, 3s) << "the last that was said holds";
    policy.seed(7).wait(wait_fixed(1s) + wait_random(0s, 1h));
    const Tried chance = co_await try_in_vain(policy);
    const Tried again = co_await try_in_vain(policy);
    EXPECT_EQ(chance.took, again.took);
    EXPECT_GT(chance.took, 3s);
  });
}

// 4.1: TryAgain always is worth another attempt
TEST(Retry, TriesAgainWhereAnAttemptAsksForIt) {
  test::run([]() -> Task<> {
    int calls = 0, asked = 0;
    const auto attempt = [&]() -> Task<int> {
      if (++calls < 3) throw TryAgain();
      co_return calls;
    };
    RetryPolicy policy = RetryPolicy().retry_if([&](const Failure&) { return ++asked < 0; });
    EXPECT_EQ(co_await retry(attempt, policy), 3);
    EXPECT_EQ(asked, 0);
  });
}

// tenacity#640: in the end its cause comes out
TEST(Retry, EndsWithWhatAskedForAnotherAttempt) {
  test::run([]() -> Task<> {
    const auto stale = []() -> Task<> {
      try {
        throw std::out_of_range("stale");
      } catch (const std::out_of_range&) {
        throw TryAgain(std::current_exception());
      }
      co_return;
    };
    const auto bare = []() -> Task<> {
      throw TryAgain();
      co_return;
    };
    RetryPolicy policy = RetryPolicy().stop_after_attempt(2);
    auto caused = co_await as_outcome(retry(stale, policy));
    EXPECT_THROW(caused.error().raise(), std::out_of_range);
    std::string said;
    try {
      co_await retry(bare, policy);
    } catch (const RetryError& error) {
      said = error.what();
    }
    EXPECT_EQ(said, "retry: gave up after 2 attempts: it asked to be tried again");
    try {
      co_await retry(stale, policy.wrap());
    } catch (const RetryError& error) {
      said = error.what();
    }
    EXPECT_EQ(said, "retry: gave up after 2 attempts: stale");
  });
}

// 4.1: retry_error_callback
TEST(Retry, GivesSomethingElseWhenItGivesUp) {
  test::run([]() -> Task<> {
    const auto refuse = []() -> Task<std::string> {
      co_await fail(Failure::error(EIO, "read"));
      co_return "";
    };
    const auto instead = [](const RetryState& state) {
      EXPECT_TRUE(state.failure && state.failure->is_error(EIO));
      return "after " + std::to_string(state.attempt);
    };
    RetryPolicy policy = RetryPolicy().stop_after_attempt(3);
    EXPECT_EQ(co_await retry_or(refuse, policy, instead), "after 3");
    policy.retry_if<std::out_of_range>();
    const auto passed_on = co_await as_result(retry_or(refuse, policy, instead));
    EXPECT_EQ(passed_on.error(), std::errc::io_error) << "it was not given up";
    int told = 0;
    const auto nothing = []() -> Task<> { co_await fail(Failure::error(EIO, "read")); };
    co_await retry_or(nothing, RetryPolicy().stop_after_attempt(1),
                      [&](const RetryState&) { ++told; });
    EXPECT_EQ(told, 1);
  });
}

// tenacity's return_last_value
TEST(Retry, GivesTheLastValueWhereThatIsWanted) {
  test::run([]() -> Task<> {
    int calls = 0;
    const auto attempt = [&]() -> Task<std::unique_ptr<int>> {
      if (calls < 0) co_await fail(Failure::error(EIO, "read"));
      co_return std::make_unique<int>(++calls);
    };
    const auto never = [](const std::unique_ptr<int>&) { return true; };
    const auto last = [](const RetryState&, std::unique_ptr<int>* value) {
      return value ? std::move(*value) : std::make_unique<int>(-1);
    };
    const RetryPolicy policy = RetryPolicy().stop_after_attempt(3);
    EXPECT_EQ(*co_await retry_or(attempt, policy, never, last), 3);
    calls = -9;
    EXPECT_EQ(*co_await retry_or(attempt, policy, never, last), -1);
  });
}

// 4.1: enabled=False, for tests
TEST(Retry, MakesOneAttemptAndTellsNobodyWhereItIsNotEnabled) {
  test::run([]() -> Task<> {
    RetryStatistics sums;
    int told = 0, asked = 0;
    RetryPolicy policy = RetryPolicy().wait(wait_fixed(1h)).wrap().count_in(sums);
    policy.before([&](const RetryState&) { ++told; }).after([&](const RetryState&) { ++told; });
    policy.retry_if([&](const Failure&) { return ++asked > 0; }).enabled(false);
    const Tried tried = co_await try_in_vain(policy);
    EXPECT_EQ(tried.attempts, 1u);
    EXPECT_EQ(tried.took, 0s);
    EXPECT_EQ(tried.said, "read: Input/output error") << "not wrapped";
    const auto busy = []() -> Task<int> { co_return 503; };
    const auto is_bad = [](int status) { return status == 503; };
    EXPECT_EQ(co_await retry(busy, policy, is_bad), 503);
    EXPECT_EQ(told + asked, 0);
    EXPECT_EQ(sums.calls, 0u);
    policy.stop_after_attempt(2).enabled(true);
    const Tried enabled = co_await try_in_vain(policy);
    EXPECT_EQ(enabled.attempts, 2u);
    EXPECT_EQ(told, 4);
  });
}

}  // namespace
