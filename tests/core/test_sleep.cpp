#include "support/allocations.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::wait_until_done;

TEST(Sleep, LeavesNoTimerWhenItIsCancelled) {
  test::run([&]() -> Task<> {
    std::vector<JoinHandle<>> tasks;
    for (int i = 0; i < 10'000; ++i) tasks.push_back(spawn([]() -> Task<> { co_await sleep(1h); }));
    co_await yield();
    EXPECT_EQ(Loop::current().stats().timers, 10'000u);
    for (auto& task : tasks) task.cancel();
    EXPECT_EQ(Loop::current().stats().timers, 0u);
    for (auto& task : tasks) co_await wait_until_done(task);
  });
}

// F06, L2
TEST(Sleep, OfNoLengthIsOneTurn) {
  test::run([&]() -> Task<> {
    for (const Duration length : {Duration(0), Duration(-5), Duration::min()}) {
      const auto turns = Loop::current().stats().turns;
      co_await sleep(length);
      EXPECT_EQ(Loop::current().stats().turns, turns + 1);
    }
  });
}

TEST(Sleep, RefusesWhatIsNotANumber) {
  test::run([&]() -> Task<> {
    using Seconds = std::chrono::duration<double>;
    EXPECT_THROW(static_cast<void>(sleep(Seconds(std::numeric_limits<double>::quiet_NaN()))),
                 UsageError);
    const Instant start = Loop::current().now();
    co_await sleep(Seconds(0.25));
    EXPECT_EQ(Loop::current().now() - start, 250ms);
  });
}

TEST(Sleep, IsNeverEarlyAfterAStepThatComputed) {
  Loop loop;
  const auto main = []() -> Task<> {
    const Instant begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < begin + 2ms) {
    }
    const Instant before = std::chrono::steady_clock::now();
    co_await sleep(1ms);
    EXPECT_GE(std::chrono::steady_clock::now() - before, 1ms);
  };
  loop.run(main());
}

// A cancel that comes in the turn in which the sleeper was woken wins (C4).
TEST(Sleep, CancelledInTheTurnItWasWokenIsCancelled) {
  test::run([&]() -> Task<> {
    JoinHandle<> second;
    auto first = spawn([&]() -> Task<> {
      co_await sleep(1ms);
      second.cancel();
    });
    second = spawn([]() -> Task<> { co_await sleep(1ms); });
    co_await wait_until_done(second);
    EXPECT_TRUE(second.cancelled());
    co_await first;
  });
}

TEST(Yield, DeliversACancelInTheNextTurn) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<> {
      for (;;) co_await yield();
    });
    co_await test::settle();
    task.cancel();
    EXPECT_FALSE(task.done());
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
  });
}

TEST(Sleep, AMillionTimersAtOnce) {
  test::run([&]() -> Task<> {
    // Less under AddressSanitizer.
    constexpr int count = internal::Pool::keeps_blocks ? 1'000'000 : 200'000;
    int woken = 0;
    std::vector<JoinHandle<>> tasks;
    tasks.reserve(count);
    for (int i = 0; i < count; ++i) {
      tasks.push_back(spawn([&, i]() -> Task<> {
        co_await sleep(std::chrono::microseconds(i * 7919L % 1'000'003));
        ++woken;
      }));
    }
    for (auto& task : tasks) co_await task;
    EXPECT_EQ(woken, count);
  });
}

// F06, L2
TEST(Sleep, WakesInTheOrderOfTheDeadlinesAndNeverEarly) {
  test::run([&]() -> Task<> {
    test::Log log;
    const auto nap = [&](Duration length, std::string name) -> Task<> {
      const Instant start = Loop::current().now();
      co_await sleep(length);
      EXPECT_GE(Loop::current().now() - start, length);
      log(name);
    };
    std::vector<JoinHandle<>> tasks;
    tasks.push_back(spawn(nap(3ms, "3")));
    tasks.push_back(spawn(nap(1ms, "1")));
    tasks.push_back(spawn(nap(2ms, "2")));
    tasks.push_back(spawn(nap(2ms, "2 too")));
    for (auto& task : tasks) co_await task;
    EXPECT_EQ(log.text(), "1 2 2 too 3");
  });
}

// F06: also from a second up, where a coarse clock would be tempting. A timeout may be late
// instead.
TEST(Sleep, IsNeverEarlyHoweverLong) {
  Loop loop;
  const auto main = []() -> Task<> {
    for (int i = 0; i < 100; ++i) {
      const Instant before = std::chrono::steady_clock::now();
      EXPECT_GE(Loop::current().deadline_after(1s), before + 1s);
      const Instant begin = before;
      while (std::chrono::steady_clock::now() < begin + 300us) {
      }
    }
    const Instant before = std::chrono::steady_clock::now();
    std::vector<JoinHandle<>> tasks;
    for (int i = 0; i < 20; ++i) {
      tasks.push_back(spawn([before, i]() -> Task<> {
        co_await sleep_until(before + i * 1ms);
        const Instant start = std::chrono::steady_clock::now();
        co_await sleep(1s);
        EXPECT_GE(std::chrono::steady_clock::now() - start, 1s);
      }));
    }
    for (auto& task : tasks) co_await task;
  };
  loop.run(main());
}

TEST(Sleep, UntilAnInstantThatHasPassedIsOneTurn) {
  test::run([&]() -> Task<> {
    const auto turns = Loop::current().stats().turns;
    co_await sleep_until(Loop::current().now() - 1s);
    co_await sleep_until(Instant::min());
    EXPECT_EQ(Loop::current().stats().turns, turns + 2);
    const Instant later = Loop::current().now() + 3ms;
    co_await sleep_until(later);
    EXPECT_EQ(Loop::current().now(), later);
  });
}

TEST(Sleep, ForEverEndsByCancellation) {
  test::run([&]() -> Task<> {
    auto a = spawn([]() -> Task<> { co_await sleep(Duration::max()); });
    auto b = spawn([]() -> Task<> { co_await sleep_until(Instant::max()); });
    auto c = spawn([]() -> Task<> { co_await sleep(std::chrono::duration<double>(1e300)); });
    co_await sleep(1h);
    for (auto* task : {&a, &b, &c}) {
      EXPECT_FALSE(task->done());
      task->cancel();
      co_await wait_until_done(*task);
      EXPECT_TRUE(task->cancelled());
    }
  });
}

// C2: a request that is pending when the sleep would begin
TEST(Sleep, IsNotBegunWhenACancelIsPending) {
  test::run([&]() -> Task<> {
    const Instant start = Loop::current().now();
    auto task = spawn([]() -> Task<> {
      this_task().cancel();
      co_await sleep(1h);
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(Loop::current().now(), start);
    EXPECT_EQ(Loop::current().stats().timers, 0u);
  });
}

// F06
TEST(Yield, LetsEveryOtherReadyTaskTakeOneStep) {
  test::run([&]() -> Task<> {
    test::Log log;
    const auto count = [&](std::string name) -> Task<> {
      for (int i = 0; i < 3; ++i) {
        log(name);
        co_await yield();
      }
    };
    auto a = spawn(count("a"));
    auto b = spawn(count("b"));
    co_await a;
    co_await b;
    EXPECT_EQ(log.text(), "a b a b a b");
  });
}

TEST(Sleep, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([&]() -> Task<> {
    const auto use = [&]() -> Task<> {
      co_await yield();
      co_await sleep(1ms);
      co_await sleep(0ms);
      co_await sleep_until(Loop::current().now() + 1ms);
      auto cancelled = spawn([]() -> Task<> { static_cast<void>(co_await as_outcome(sleep(1h))); });
      co_await yield();
      cancelled.cancel();
      co_await cancelled;
    };
    for (int i = 0; i < 3; ++i) co_await use();
    const auto before = test::allocations();
    for (int i = 0; i < 10; ++i) co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
