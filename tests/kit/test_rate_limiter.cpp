#include "support/allocations.hpp"
#include "support/run.hpp"

#include <eddy/kit/rate_limiter.hpp>

#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

// In a task of its own.
template <class A>
Task<> only_await(A awaitable) {
  static_cast<void>(co_await std::move(awaitable));
}

// When each of so many got its token, in milliseconds from now on.
Task<std::vector<int>> times_of(RateLimiter& limiter, int count) {
  const Instant start = Loop::current().now();
  std::vector<int> times;
  for (int i = 0; i < count; ++i) {
    co_await limiter.acquire();
    times.push_back(static_cast<int>((Loop::current().now() - start) / 1ms));
  }
  co_return times;
}

TEST(RateLimiter, LetsABurstPassAndThenSoManyInATime) {
  test::run([]() -> Task<> {
    RateLimiter limiter(10, 1s, 3);
    auto times = co_await times_of(limiter, 6);
    EXPECT_EQ(times, (std::vector{0, 0, 0, 100, 200, 300}));
    co_await sleep(150ms);
    times = co_await times_of(limiter, 2);
    EXPECT_EQ(times, (std::vector{0, 50})) << "what it fills while nobody asks";
    co_await sleep(1h);
    times = co_await times_of(limiter, 5);
    EXPECT_EQ(times, (std::vector{0, 0, 0, 100, 200})) << "and no more than it holds";
  });
}

// L5
TEST(RateLimiter, DoesNotSuspendWhileThereAreTokens) {
  test::run([]() -> Task<> {
    RateLimiter limiter(3);
    const auto turns = Loop::current().stats().turns;
    co_await limiter.acquire();
    co_await limiter.acquire(2);
    co_await limiter.acquire(0);
    EXPECT_EQ(Loop::current().stats().turns, turns);
    EXPECT_EQ(limiter.available(), 0u);
    EXPECT_FALSE(limiter.try_acquire());
    EXPECT_TRUE(limiter.try_acquire(0));
  });
}

TEST(RateLimiter, ServesFirstComeFirstHoweverManyTokensAreWanted) {
  test::run([]() -> Task<> {
    RateLimiter limiter(10, 1s, 5);
    EXPECT_TRUE(limiter.try_acquire(5));
    Log log;
    const auto take = [&](std::size_t count, std::string name) -> Task<> {
      co_await limiter.acquire(count);
      log(name + std::to_string(Loop::current().now().time_since_epoch() / 1ms % 10000));
    };
    const Instant start = Loop::current().now();
    const auto at = [&](Duration after) {
      return std::to_string((start + after).time_since_epoch() / 1ms % 10000);
    };
    auto all = spawn(only_await(gather(take(5, "a"), take(1, "b"), take(2, "c"))));
    co_await sleep(200ms);
    EXPECT_EQ(limiter.available(), 2u);
    EXPECT_FALSE(limiter.try_acquire()) << "they are for who came first";
    co_await all;
    EXPECT_EQ(log.text(), "a" + at(500ms) + " b" + at(600ms) + " c" + at(800ms));
  });
}

// A waiter that leaves: those behind come forward, in time
TEST(RateLimiter, GivesTheTurnOfOneThatIsCancelledToTheNext) {
  test::run([]() -> Task<> {
    RateLimiter limiter(10, 1s, 5);
    EXPECT_TRUE(limiter.try_acquire(5));
    const Instant start = Loop::current().now();
    auto large = spawn(limiter.acquire(5));
    auto small = spawn(limiter.acquire(1));
    auto last = spawn(limiter.acquire(1));
    co_await sleep(150ms);
    EXPECT_FALSE(small.done());
    large.cancel();
    co_await small;
    EXPECT_EQ(Loop::current().now() - start, 150ms) << "there is one already";
    co_await last;
    EXPECT_EQ(Loop::current().now() - start, 200ms);
    EXPECT_TRUE(large.cancelled());
  });
}

// Woken and then cancelled: its tokens are the next one's, in the same moment
TEST(RateLimiter, LosesNoTokenOfOneThatIsCancelledWhenItWasWoken) {
  test::run([]() -> Task<> {
    RateLimiter limiter(10, 1s, 2);
    EXPECT_TRUE(limiter.try_acquire(2));
    auto first = spawn(limiter.acquire());
    auto second = spawn(limiter.acquire());
    co_await test::settle();
    limiter.give_back(1);  // wakes the first
    first.cancel();
    const Instant start = Loop::current().now();
    co_await second;
    EXPECT_EQ(Loop::current().now(), start);
    EXPECT_TRUE(first.cancelled());
    EXPECT_EQ(limiter.available(), 0u);

    auto third = spawn(limiter.acquire());
    co_await test::settle();
    limiter.give_back(1);
    third.cancel();
    co_await wait_until_done(third);
    EXPECT_EQ(limiter.available(), 1u) << "nobody waits: it is in the bucket again";
  });
}

// C1, C2, C3, C5
TEST(RateLimiter, LosesNoTokenWhereverAWaitIsCancelled) {
  for (int turns = 0; turns < 6; ++turns) {
    test::run([&]() -> Task<> {
      RateLimiter limiter(10, 1s, 2);
      EXPECT_TRUE(limiter.try_acquire(2));
      auto waiter = spawn(limiter.acquire());
      for (int i = 0; i < turns; ++i) {
        if (i == 3) limiter.give_back(1);
        co_await yield();
      }
      waiter.cancel();
      co_await wait_until_done(waiter);
      if (turns <= 3) limiter.give_back(1);
      EXPECT_EQ(limiter.available(), waiter.cancelled() ? 1u : 0u);
      EXPECT_EQ(waiter.cancelled(), turns < 4);
    });
  }
}

TEST(RateLimiter, LeavesNoTimerBehind) {
  test::run([]() -> Task<> {
    RateLimiter limiter(1);
    EXPECT_TRUE(limiter.try_acquire());
    const auto limited = co_await as_result(timeout(10ms, limiter.acquire()));
    EXPECT_EQ(limited.error(), std::errc::timed_out);
    EXPECT_EQ(Loop::current().stats().timers, 0u);
    EXPECT_EQ(limiter.delay(), 990ms);
    co_await limiter.acquire();
    EXPECT_EQ(Loop::current().stats().timers, 0u);
  });
}

// A bucket as one would write it, with parts of tokens
class Bucket {
 public:
  Bucket(std::int64_t tokens, std::int64_t per, std::int64_t burst)
      : tokens_(tokens), per_(per), most_(burst * per), level_(most_) {}
  bool take(std::int64_t count, std::int64_t now) {
    level_ = std::min(most_, level_ + (now - at_) * tokens_);
    at_ = now;
    if (level_ < count * per_) return false;
    level_ -= count * per_;
    return true;
  }

 private:
  std::int64_t tokens_, per_, most_, level_, at_ = 0;
};

// Two ways to the same: the time when it is full, and what is in it
TEST(RateLimiter, DoesWhatATokenBucketDoes) {
  test::run([]() -> Task<> {
    std::mt19937 random(5);
    for (int round = 0; round < 50; ++round) {
      const auto any = [&](int least, int most) {
        return std::uniform_int_distribution(least, most)(random);
      };
      const int tokens = any(1, 9), per = any(1, 50), burst = any(1, 12);
      RateLimiter limiter(tokens, std::chrono::milliseconds(per), burst);
      Bucket bucket(tokens, per, burst);
      const Instant start = Loop::current().now();
      for (int step = 0; step < 200; ++step) {
        co_await sleep(std::chrono::milliseconds(any(0, 20)));
        const auto now = (Loop::current().now() - start) / 1ms;
        const int count = any(1, burst);
        EXPECT_EQ(limiter.try_acquire(count), bucket.take(count, now)) << round << ' ' << step;
      }
    }
  });
}

// Three in a second are three, also after an hour
TEST(RateLimiter, DoesNotDrift) {
  test::run([]() -> Task<> {
    RateLimiter limiter(3, 1s, 1);
    co_await limiter.acquire();
    const Instant start = Loop::current().now();
    for (int i = 0; i < 3 * 3600; ++i) co_await limiter.acquire();
    const Duration late = Loop::current().now() - start - 1h;
    EXPECT_EQ(late, 0ns);
  });
}

// Late wake-ups are made up for, within the burst
TEST(RateLimiter, KeepsItsRateThoughTheLoopIsLate) {
  test::run([]() -> Task<> {
    RateLimiter limiter(10, 1s, 2);
    EXPECT_TRUE(limiter.try_acquire(2));
    const Instant start = Loop::current().now();
    for (int i = 0; i < 10; ++i) {
      co_await limiter.acquire();
      co_await sleep(30ms);
    }
    EXPECT_EQ(Loop::current().now() - start, 1030ms);
  });
}

TEST(RateLimiter, IsAScope) {
  test::run([]() -> Task<> {
    RateLimiter limiter(10, 1s, 1);
    const Instant start = Loop::current().now();
    int runs = 0;
    for (int i = 0; i < 3; ++i) {
      co_await with(limiter, [&]() -> Task<> {
        ++runs;
        co_return;
      });
    }
    EXPECT_EQ(runs, 3);
    EXPECT_EQ(Loop::current().now() - start, 200ms);
  });
}

TEST(RateLimiter, TakesBackNoMoreThanItHolds) {
  test::run([]() -> Task<> {
    RateLimiter limiter(10, 1s, 3);
    limiter.give_back(1000);
    EXPECT_EQ(limiter.available(), 3u);
    EXPECT_TRUE(limiter.try_acquire(2));
    limiter.give_back();
    EXPECT_EQ(limiter.available(), 2u);
    limiter.give_back(~std::size_t{0} >> 1);
    EXPECT_EQ(limiter.available(), 3u);
    co_return;
  });
}

// For a server's answer: Retry-After
TEST(RateLimiter, SaysHowLongItTakes) {
  test::run([]() -> Task<> {
    RateLimiter limiter(3, 1s);
    EXPECT_EQ(limiter.delay(3), 0s);
    EXPECT_TRUE(limiter.try_acquire(3));
    EXPECT_EQ(limiter.delay(), 333333334ns) << "rounded up";
    EXPECT_EQ(limiter.delay(3), 1s);
    co_await sleep(limiter.delay());
    EXPECT_TRUE(limiter.try_acquire());
  });
}

// edge 10: no number is taken for another one
TEST(RateLimiter, RefusesNumbersThatAreNone) {
  EXPECT_THROW(RateLimiter(0), UsageError);
  EXPECT_THROW(RateLimiter(-1), UsageError);
  EXPECT_THROW(RateLimiter(~std::uint64_t{0}), UsageError);
  EXPECT_THROW(RateLimiter(1, 1s, -1), UsageError);
  EXPECT_THROW(RateLimiter(1, 0s), UsageError);
  EXPECT_THROW(RateLimiter(1, -1s), UsageError);
  EXPECT_THROW(RateLimiter(1, Duration::min()), UsageError);
  const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THROW(RateLimiter(1, nan), UsageError);
  test::run([]() -> Task<> {
    RateLimiter limiter(10, 1s, 3);
    EXPECT_THROW(static_cast<void>(limiter.acquire(4)), UsageError);
    EXPECT_THROW(static_cast<void>(limiter.acquire(-1)), UsageError);
    EXPECT_THROW(limiter.try_acquire(4), UsageError);
    EXPECT_THROW(limiter.try_acquire(std::uint64_t{1} << 63), UsageError);
    EXPECT_THROW(limiter.give_back(-1), UsageError);
    EXPECT_THROW(static_cast<void>(limiter.delay(4)), UsageError);
    try {
      limiter.try_acquire(std::uint64_t{1} << 32);
    } catch (const UsageError& error) {
      EXPECT_STREQ(error.what(), "a bucket of 3 never has 4294967296 tokens");
    }
    EXPECT_EQ(limiter.available(), 3u);
    co_return;
  });
}

// edges 9 and 10: the greatest numbers and times there are
TEST(RateLimiter, DoesNotOverflow) {
  test::run([]() -> Task<> {
    constexpr std::size_t most = std::numeric_limits<std::ptrdiff_t>::max();
    for (const Duration per : {Duration(1ns), Duration(1s), Duration::max()}) {
      for (const std::size_t tokens : {std::size_t{1}, std::size_t{1} << 32, most}) {
        RateLimiter limiter(tokens, per, most);
        EXPECT_EQ(limiter.available(), most);
        EXPECT_TRUE(limiter.try_acquire(most));
        EXPECT_EQ(limiter.available(), 0u);
        EXPECT_FALSE(limiter.try_acquire(most));
        EXPECT_GT(limiter.delay(most), 0ns);
        for (int i = 0; i < 4; ++i) limiter.give_back(most);
        EXPECT_EQ(limiter.available(), most);
        EXPECT_TRUE(limiter.try_acquire(most)) << "once";
        EXPECT_EQ(limiter.available(), 0u);
      }
    }
    RateLimiter never(1, Duration::max(), 1);
    co_await never.acquire();
    auto waiter = spawn(never.acquire());
    co_await sleep(24h * 3650);
    EXPECT_FALSE(waiter.done());
    waiter.cancel();
    co_await wait_until_done(waiter);
    EXPECT_TRUE(waiter.cancelled());
  });
}

// K8
TEST(RateLimiter, BelongsToTheLoopThatWaitsOnIt) {
  RateLimiter limiter(1, 1h);
  test::run([&]() -> Task<> {
    co_await limiter.acquire();
    auto ended = co_await as_outcome(timeout(1s, limiter.acquire()));
    EXPECT_FALSE(ended);
  });
  test::run([&]() -> Task<> {
    auto ended = co_await as_outcome(only_await(limiter.acquire()));
    EXPECT_THROW(ended.error().raise(), UsageError);
    EXPECT_EQ(Loop::current().stats().timers, 0u);
  });
}

TEST(RateLimiter, LastsAsLongAsATaskWaitsForIt) {
  const auto dies = [](bool woken) {
    test::run([&]() -> Task<> {
      auto limiter = std::make_unique<RateLimiter>(1, 1h);
      co_await limiter->acquire();
      auto waiter = spawn(limiter->acquire());
      co_await test::settle();
      if (woken) limiter->give_back();
      limiter.reset();
      co_await waiter;
    });
  };
  EXPECT_DEATH(dies(false), "a RateLimiter died while a task waited for it");
  EXPECT_DEATH(dies(true), "a RateLimiter died while a task waited for it");
}

// ∅
TEST(RateLimiter, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  test::run([]() -> Task<> {
    RateLimiter limiter(1000, 1s, 2);
    std::size_t before = 0;
    for (int round = 0; round < 5; ++round) {
      before = test::allocations();
      for (int i = 0; i < 20; ++i) co_await limiter.acquire(1 + i % 2);
      EXPECT_FALSE(co_await as_result(timeout(100us, limiter.acquire(2))));
    }
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
