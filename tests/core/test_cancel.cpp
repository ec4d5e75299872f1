// The rules C1 to C13 of cancellation, one by one. What the kernel does is in test_operation.cpp.
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::wait_until_done;

Task<> sleep_for_ever(test::Log& log) {
  try {
    co_await sleep(1h);
  } catch (const Cancelled& cancelled) {
    log("cancelled:" + std::string(cancelled.message()));
    throw;
  }
}

// C1
TEST(Cancel, ReachesTheInnermostLeafThroughTasksAndCoroutines) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto inner = spawn(sleep_for_ever(log));
    const auto joins = [&]() -> Task<> { co_await inner; };
    const auto deeper = [&]() -> Task<> { co_await joins(); };
    auto outer = spawn(deeper());
    co_await test::settle();
    EXPECT_TRUE(outer.cancel());
    co_await wait_until_done(outer);
    EXPECT_TRUE(inner.cancelled());
    EXPECT_TRUE(outer.cancelled());
    EXPECT_EQ(outer.cancelling(), 1u);
    EXPECT_EQ(inner.cancelling(), 1u);
  });
}

// C1
TEST(Cancel, OfADoneTaskIsFalseAndCountsNothing) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<> { co_return; });
    co_await task;
    EXPECT_FALSE(task.cancel());
    EXPECT_EQ(task.cancelling(), 0u);
  });
}

// C2
TEST(Cancel, OfTheRunningTaskIsDeliveredAtItsNextWait) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto task = spawn([&]() -> Task<> {
      this_task().cancel();
      Lock lock;
      co_await lock.acquire();  // does not suspend, so nothing is delivered (L5)
      log("after");
      co_await sleep_for_ever(log);
    });
    co_await wait_until_done(task);
    EXPECT_EQ(log.text(), "after cancelled:");
  });
}

// C2, bpo-34872
TEST(Cancel, OfTheRunningTaskReachesTheTaskItThenAwaits) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto inner = spawn(sleep_for_ever(log));
    co_await yield();
    auto task = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await inner;
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(inner.cancelled());
    EXPECT_TRUE(task.cancelled());
  });
}

// C2
TEST(Cancel, BeforeAReturnDropsTheValue) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<std::string> {
      this_task().cancel("dropped");
      co_return "value";
    });
    try {
      co_await task;
      ADD_FAILURE() << "a value";
    } catch (const Cancelled& cancelled) {
      EXPECT_EQ(cancelled.message(), "dropped");
    }
    EXPECT_TRUE(task.cancelled());
  });
}

// C2
TEST(Cancel, LosesAgainstAnotherException) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<> {
      this_task().cancel();
      throw std::runtime_error("wins");
      co_return;
    });
    EXPECT_THROW(co_await task, std::runtime_error);
    EXPECT_FALSE(task.cancelled());
  });
}

// C4
TEST(Cancel, WinsOverAWakeUpOfTheSameTurn) {
  test::run([&]() -> Task<> {
    auto inner = spawn([]() -> Task<int> {
      co_await yield();
      co_return 5;
    });
    bool got = false;
    auto task = spawn([&]() -> Task<> {
      co_await inner;
      got = true;
    });
    // The turn in which `inner` ends wakes `task`; this one runs before `task` does.
    inner.on_done([&](const TaskHandle&) {});
    while (!inner.done()) co_await yield();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_EQ(inner.result(), 5) << "the value stays in the inner task";
    EXPECT_NE(got, task.cancelled());
  });
}

// C5
TEST(Cancel, ManyTimesIsDeliveredOnceAndCounted) {
  test::run([&]() -> Task<> {
    int delivered = 0;
    auto task = spawn([&]() -> Task<> {
      for (int i = 0; i < 3; ++i) {
        try {
          co_await sleep(1ms);
        } catch (const Cancelled&) {
          ++delivered;
        }
      }
    });
    co_await yield();
    for (int i = 0; i < 3; ++i) task.cancel();
    co_await task;
    EXPECT_EQ(delivered, 1);
    EXPECT_EQ(task.cancelling(), 3u);
  });
}

// C5
TEST(Cancel, InterruptsACleanup) {
  test::run([&]() -> Task<> {
    bool cleaned = false;
    auto task = spawn([&]() -> Task<> {
      co_await try_finally(sleep(1h), [&]() -> Task<> {
        co_await sleep(1h);
        cleaned = true;
      });
    });
    co_await yield();
    task.cancel();
    co_await test::settle();
    EXPECT_FALSE(task.done());
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_FALSE(cleaned);
  });
}

// C6
TEST(Cancel, IsNotNeededForACancelledTask) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<> {
      throw Cancelled();
      co_return;
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(task.cancelling(), 0u);
  });
}

// C6, C7, F52
TEST(Cancel, SwallowedLeavesATaskThatIsDoneAndItsCount) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<int> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
      }
      co_return 3;
    });
    co_await yield();
    task.cancel();
    EXPECT_EQ(co_await task, 3);
    EXPECT_FALSE(task.cancelled());
    EXPECT_EQ(task.cancelling(), 1u);
  });
}

// C7
TEST(Uncancel, ToZeroWithdrawsARequestThatWasNotDelivered) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<int> {
      auto me = this_task();
      me.cancel();
      EXPECT_EQ(me.uncancel(), 0u);
      EXPECT_EQ(me.uncancel(), 0u) << "never below zero";
      co_await yield();
      co_return 1;
    });
    EXPECT_EQ(co_await task, 1);
  });
}

// C7
TEST(Uncancel, AboveZeroWithdrawsNothing) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<> {
      auto me = this_task();
      me.cancel();
      me.cancel();
      EXPECT_EQ(me.uncancel(), 1u);
      co_await yield();
      ADD_FAILURE() << "the request was lost";
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
  });
}

// C8: a scope that cancels its own task takes its request back, and only that
TEST(Cancel, OfAScopeLeavesTheCountAsItWas) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<unsigned> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
      }
      static_cast<void>(co_await as_result(timeout(1ms, sleep(1h))));
      co_return this_task().cancelling();
    });
    co_await yield();
    task.cancel();
    EXPECT_EQ(co_await task, 1u);
  });
}

// C9
TEST(Cancel, CarriesTheFirstMessage) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto task = spawn(sleep_for_ever(log));
    co_await yield();
    task.cancel("first");
    task.cancel("second");
    try {
      co_await task;
    } catch (const Cancelled& cancelled) {
      EXPECT_EQ(cancelled.message(), "first");
    }
    EXPECT_EQ(log.text(), "cancelled:first");
  });
}

// C10
TEST(Cancel, OfAnAwaitedTaskLooksLikeOnesOwnButForTheCount) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto inner = spawn(sleep_for_ever(log));
    co_await yield();
    inner.cancel();
    try {
      co_await inner;
      ADD_FAILURE() << "no Cancelled";
    } catch (const Cancelled&) {
      EXPECT_EQ(this_task().cancelling(), 0u);
    }
  });
}

// The rest of the matrix for what only waits: yield and sleep.
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
    EXPECT_THROW(sleep(Seconds(std::numeric_limits<double>::quiet_NaN())), UsageError);
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
    int woken = 0;
    std::vector<JoinHandle<>> tasks;
    tasks.reserve(1'000'000);
    for (int i = 0; i < 1'000'000; ++i) {
      tasks.push_back(spawn([&, i]() -> Task<> {
        co_await sleep(std::chrono::microseconds(i * 7919L % 1'000'003));
        ++woken;
      }));
    }
    for (auto& task : tasks) co_await task;
    EXPECT_EQ(woken, 1'000'000);
  });
}

}  // namespace
