// Instants at equal distances.
#include "support/allocations.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::wait_until_done;

Duration since(Instant start) { return Loop::current().now() - start; }

TEST(Ticker, TicksOncePerPeriod) {
  test::run([]() -> Task<> {
    const Instant start = Loop::current().now();
    Ticker ticker(10ms);
    for (int i = 1; i <= 5; ++i) {
      EXPECT_EQ(co_await ticker.tick(), start + i * 10ms);
      EXPECT_EQ(since(start), i * 10ms);
    }
    EXPECT_EQ(ticker.missed(), 0u);
    EXPECT_EQ(ticker.period(), 10ms);
  });
}

TEST(Ticker, DoesNotDriftWhateverItsUserTakes) {
  test::run([]() -> Task<> {
    for (const auto policy : {MissedTicks::burst, MissedTicks::skip, MissedTicks::delay}) {
      const Instant start = Loop::current().now();
      Ticker ticker(10ms, policy);
      for (int i = 1; i <= 100; ++i) {
        EXPECT_EQ(co_await ticker.tick(), start + i * 10ms);
        co_await sleep(i % 10 * 1ms);
      }
      EXPECT_EQ(since(start), 1s);
    }
  });
}

TEST(Ticker, StartsWhenItIsToldTo) {
  test::run([]() -> Task<> {
    const Instant start = Loop::current().now();
    Ticker now(start, 10ms);
    Ticker later(start + 3ms, 10ms);
    EXPECT_EQ(co_await now.tick(), start);
    EXPECT_EQ(since(start), 0ms) << "without waiting";
    EXPECT_EQ(co_await later.tick(), start + 3ms);
    EXPECT_EQ(co_await now.tick(), start + 10ms);
    EXPECT_EQ(co_await later.tick(), start + 13ms);
  });
}

TEST(Ticker, BringsMissedTicksAtOnceInABurst) {
  test::run([]() -> Task<> {
    const Instant start = Loop::current().now();
    Ticker ticker(10ms);
    co_await sleep(35ms);
    for (int i = 1; i <= 3; ++i) {
      EXPECT_EQ(co_await ticker.tick(), start + i * 10ms);
      EXPECT_EQ(since(start), 35ms);
    }
    EXPECT_EQ(co_await ticker.tick(), start + 40ms);
    EXPECT_EQ(since(start), 40ms);
    EXPECT_EQ(ticker.missed(), 0u);
  });
}

TEST(Ticker, LeavesMissedTicksOutAndKeepsItsInstants) {
  test::run([]() -> Task<> {
    const Instant start = Loop::current().now();
    Ticker ticker(10ms, MissedTicks::skip);
    co_await sleep(35ms);
    EXPECT_EQ(co_await ticker.tick(), start + 10ms) << "one comes at once";
    EXPECT_EQ(since(start), 35ms);
    EXPECT_EQ(ticker.missed(), 2u);
    EXPECT_EQ(co_await ticker.tick(), start + 40ms);
    EXPECT_EQ(since(start), 40ms);
    co_await sleep(20ms);  // to the very instant of another one, which is over then
    EXPECT_EQ(co_await ticker.tick(), start + 50ms);
    EXPECT_EQ(ticker.missed(), 3u);
    EXPECT_EQ(co_await ticker.tick(), start + 70ms);
  });
}

TEST(Ticker, BeginsAnewAfterMissedTicks) {
  test::run([]() -> Task<> {
    const Instant start = Loop::current().now();
    Ticker ticker(10ms, MissedTicks::delay);
    co_await sleep(35ms);
    EXPECT_EQ(co_await ticker.tick(), start + 10ms);
    EXPECT_EQ(ticker.missed(), 2u);
    EXPECT_EQ(co_await ticker.tick(), start + 45ms);
    co_await sleep(3ms);
    EXPECT_EQ(co_await ticker.tick(), start + 55ms) << "a tick that is only late is not missed";
  });
}

TEST(Ticker, TakesNoTickWhenItIsCancelled) {
  test::run([]() -> Task<> {
    const Instant start = Loop::current().now();
    Ticker ticker(10ms);
    EXPECT_THROW(co_await timeout(1ms, ticker.tick()), TimeoutError);
    auto woken = spawn([&]() -> Task<> { co_await ticker.tick(); });
    auto canceller = spawn([&]() -> Task<> {
      co_await sleep_until(ticker.next());
      woken.cancel();
    }, {.eager = true});
    co_await canceller;
    co_await wait_until_done(woken);
    EXPECT_TRUE(woken.cancelled());
    EXPECT_EQ(co_await ticker.tick(), start + 10ms);
    EXPECT_EQ(Loop::current().stats().timers, 0u);
  });
}

TEST(Ticker, IsForOneTaskAtATime) {
  test::run([]() -> Task<> {
    Ticker ticker(10ms);
    auto first = spawn([&]() -> Task<> { co_await ticker.tick(); });
    co_await yield();
    EXPECT_THROW(co_await ticker.tick(), UsageError);
    EXPECT_THROW(ticker.reset(), UsageError);
    co_await first;
    co_await ticker.tick();
  });
}

TEST(Ticker, StartsItsPeriodAnewWhenItIsReset) {
  test::run([]() -> Task<> {
    const Instant start = Loop::current().now();
    Ticker ticker(10ms);
    co_await sleep(7ms);
    ticker.reset();
    EXPECT_EQ(ticker.next(), start + 17ms);
    EXPECT_EQ(co_await ticker.tick(), start + 17ms);
  });
}

TEST(Ticker, RefusesAPeriodOfNothing) {
  test::run([]() -> Task<> {
    for (const Duration period : {Duration(0), Duration(-1), Duration::min()}) {
      EXPECT_THROW(Ticker ticker(period), UsageError);
    }
    co_return;
  });
  EXPECT_THROW(Ticker ticker(1ms), UsageError) << "outside of a loop";
}

TEST(Ticker, NeverPassesTheEndOfTime) {
  test::run([]() -> Task<> {
    Ticker never(Duration::max());
    EXPECT_EQ(never.next(), Instant::max());
    EXPECT_THROW(co_await timeout(1h, never.tick()), TimeoutError);
    for (const auto policy : {MissedTicks::burst, MissedTicks::skip, MissedTicks::delay}) {
      Ticker old(Instant::min(), Duration::max(), policy);
      EXPECT_EQ(co_await old.tick(), Instant::min());
      EXPECT_GT(old.next(), Instant::min());
      Ticker dense(Instant::min(), 1ns, policy);
      EXPECT_EQ(co_await dense.tick(), Instant::min());
    }
  });
}

TEST(Ticker, BelongsToOneLoop) {
  Loop first(test::options());
  std::optional<Ticker> ticker;
  const auto make = [&]() -> Task<> {
    ticker.emplace(1ms);
    co_return;
  };
  first.run(make());
  Loop second(test::options());
  const auto use = [&]() -> Task<> { EXPECT_THROW(co_await ticker->tick(), UsageError); };
  second.run(use());
}

TEST(TickerDeathTest, EndsTheProgramWhenItDiesUnderAWaiter) {
  EXPECT_DEATH(
      {
        Loop loop(test::options());
        std::optional<Ticker> ticker;
        const auto main = [&]() -> Task<> {
          ticker.emplace(1ms);
          auto waiter = spawn([&]() -> Task<> { co_await ticker->tick(); });
          co_await yield();
          ticker.reset();
        };
        loop.run(main());
      },
      "a Ticker died while a task waited for it");
}

TEST(Ticker, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "under a sanitizer";
  Loop loop(test::options());
  const auto main = []() -> Task<> {
    Ticker ticker(1ms);
    for (int i = 0; i < 100; ++i) co_await ticker.tick();
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(main()); }), 0u);
}

}  // namespace
