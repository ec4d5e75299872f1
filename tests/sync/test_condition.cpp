#include "support/allocations.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

// D1
TEST(Condition, NeedsItsLock) {
  test::run([]() -> Task<> {
    Lock lock;
    Condition condition(lock);
    EXPECT_THROW(co_await condition.wait(), UsageError);
    EXPECT_THROW(condition.notify(), UsageError);
    EXPECT_THROW(condition.notify_all(), UsageError);
    EXPECT_FALSE(condition.locked());
  });
}

// D2, D4: first come first served, each with the lock in hand
TEST(Condition, WakesTheOldestWithTheLockInHand) {
  test::run([]() -> Task<> {
    Lock lock;
    Condition condition(lock);
    Log log;
    const auto work = [&](std::string name) -> Task<> {
      auto guard = co_await lock.scoped();
      co_await condition.wait();
      EXPECT_TRUE(lock.locked());
      log(name);
      co_await yield();
    };
    auto all =
        spawn([&]() -> Task<> { co_await gather(work("a"), work("b"), work("c"), work("d")); });
    co_await test::settle();
    EXPECT_FALSE(lock.locked()) << "those who wait have let it go";
    {
      auto guard = co_await lock.scoped();
      condition.notify(2);
      log("notified");
      co_await yield();
    }
    co_await test::settle(10);
    EXPECT_EQ(log.text(), "notified a b");
    {
      auto guard = co_await lock.scoped();
      condition.notify_all();
      condition.notify(7);  // nobody is left
    }
    co_await all;
    EXPECT_EQ(log.text(), "notified a b c d");
    EXPECT_FALSE(lock.locked());
  });
}

// D2, bpo-22970, bpo-32841 (gh-77022): cancelled while it waits, it takes the lock again before it
// ends
TEST(Condition, OwnsTheLockAgainWhenItsWaitIsCancelled) {
  test::run([]() -> Task<> {
    Lock lock;
    Condition condition(lock);
    Log log;
    auto waiter = spawn([&]() -> Task<> {
      co_await lock.acquire();
      try {
        co_await condition.wait();
      } catch (const Cancelled& cancelled) {
        EXPECT_TRUE(lock.locked());
        log(std::string(cancelled.message()));
        lock.release();
        throw;
      }
    });
    co_await test::settle();
    co_await lock.acquire();
    EXPECT_TRUE(waiter.cancel("first"));
    co_await test::settle();
    EXPECT_FALSE(waiter.done()) << "it waits for the lock";
    EXPECT_EQ(log.text(), "");
    // D2, gh-111693: cancelled again while it takes the lock; the most recent is thrown
    waiter.cancel("second");
    co_await test::settle();
    EXPECT_FALSE(waiter.done());
    lock.release();
    co_await wait_until_done(waiter);
    EXPECT_TRUE(waiter.cancelled());
    EXPECT_EQ(log.lines().size(), 1u);
    EXPECT_FALSE(lock.locked());
  });
}

// D3, gh-112202: notified and cancelled in one turn: the notification goes to the next
TEST(Condition, PassesOnTheNotificationOfAWaiterThatIsCancelled) {
  test::run([]() -> Task<> {
    Lock lock;
    Condition condition(lock);
    const auto work = [&]() -> Task<> {
      auto guard = co_await lock.scoped();
      co_await condition.wait();
    };
    auto first = spawn(work()), second = spawn(work()), third = spawn(work());
    co_await test::settle();
    {
      auto guard = co_await lock.scoped();
      condition.notify();
      first.cancel();
    }
    co_await second;
    EXPECT_TRUE(first.cancelled());
    co_await test::settle();
    EXPECT_FALSE(third.done());
    {
      auto guard = co_await lock.scoped();
      condition.notify();
    }
    co_await third;
  });
}

// D3: notified, and cancelled while it takes the lock
TEST(Condition, PassesOnItsNotificationWhenItIsCancelledWhileItTakesTheLock) {
  test::run([]() -> Task<> {
    Lock lock;
    Condition condition(lock);
    const auto work = [&]() -> Task<> {
      auto guard = co_await lock.scoped();
      co_await condition.wait();
    };
    auto first = spawn(work()), second = spawn(work());
    co_await test::settle();
    co_await lock.acquire();
    condition.notify();
    co_await test::settle();
    first.cancel();
    co_await test::settle();
    lock.release();
    co_await second;
    EXPECT_TRUE(first.cancelled());
    EXPECT_FALSE(lock.locked());
  });
}

// D5: checked again after each notification; true at once: no turn, no lock
TEST(Condition, WaitsUntilItsPredicateHolds) {
  test::run([]() -> Task<> {
    Lock lock;
    Condition condition(lock);
    int value = 0, checks = 0;
    auto waiter = spawn([&]() -> Task<> {
      auto guard = co_await lock.scoped();
      co_await condition.wait([&] {
        ++checks;
        return value >= 2;
      });
    });
    co_await test::settle();
    while (!waiter.done()) {
      auto guard = co_await lock.scoped();
      ++value;
      condition.notify_all();
      guard.release();
      co_await test::settle();
    }
    co_await waiter;
    EXPECT_EQ(value, 2);
    EXPECT_EQ(checks, 3);
    const auto turns = Loop::current().stats().turns;
    co_await condition.wait([] { return true; });
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// D6
TEST(Condition, MaySharesItsLockWithAnother) {
  test::run([]() -> Task<> {
    Lock lock;
    Condition full(lock), empty(lock);
    std::vector<int> items;
    int sum = 0;
    const auto producer = [&]() -> Task<> {
      for (int i = 1; i <= 10; ++i) {
        auto guard = co_await lock.scoped();
        co_await full.wait([&] { return items.size() < 2; });
        items.push_back(i);
        empty.notify();
      }
    };
    const auto consumer = [&]() -> Task<> {
      for (int i = 1; i <= 10; ++i) {
        auto guard = co_await lock.scoped();
        co_await empty.wait([&] { return !items.empty(); });
        sum += items.back();
        items.pop_back();
        full.notify();
      }
    };
    co_await gather(producer(), consumer());
    EXPECT_EQ(sum, 55);
  });
}

// W4, gh-86766: a limit around it waits until the lock is taken again
TEST(Condition, OwnsTheLockAfterATimeout) {
  test::run([]() -> Task<> {
    Lock lock;
    Condition condition(lock);
    auto guard = co_await lock.scoped();
    EXPECT_THROW(co_await wait_for(condition.wait(), 1ms), TimeoutError);
    EXPECT_TRUE(lock.locked());
    auto holder = spawn([&]() -> Task<> {
      auto mine = co_await lock.scoped();
      co_await sleep(10ms);
    });
    EXPECT_THROW(co_await timeout(5ms, condition.wait()), TimeoutError);
    EXPECT_TRUE(holder.done()) << "the lock was taken back when the other was through";
    EXPECT_TRUE(lock.locked());
  });
}

// D2, K8: the lock is owned also where the wait itself is refused
TEST(Condition, OwnsTheLockWhenItIsUsedFromAnotherLoop) {
  Lock lock;
  Condition condition(lock);
  test::run([&]() -> Task<> {
    auto guard = co_await lock.scoped();
    EXPECT_FALSE(co_await as_result(timeout(1ms, condition.wait())));
  });
  test::run([&]() -> Task<> {
    co_await lock.acquire();
    EXPECT_THROW(co_await condition.wait(), UsageError);
    EXPECT_TRUE(lock.locked());
    lock.release();
  });
}

// C2, C3: cancelled before it waits
TEST(Condition, DoesNotLetTheLockGoForGoodWhenACancelIsPending) {
  test::run([]() -> Task<> {
    Lock lock;
    Condition condition(lock);
    auto task = spawn([&]() -> Task<> {
      auto guard = co_await lock.scoped();
      this_task().cancel();
      co_await condition.wait();
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_FALSE(lock.locked());
  });
}

// F02
TEST(Condition, LetsItsWaitersEndWithTheirLoop) {
  Lock lock;
  Condition condition(lock);
  test::run([&]() -> Task<> {
    spawn([&]() -> Task<> {
      auto guard = co_await lock.scoped();
      co_await condition.wait();
    });
    co_await test::settle();
  });
  EXPECT_FALSE(lock.locked());
}

TEST(Condition, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  const auto rounds = []() -> Task<> {
    Lock lock;
    Condition condition(lock);
    const auto waits = [&]() -> Task<> {
      auto guard = co_await lock.scoped();
      static_cast<void>(co_await as_outcome(condition.wait()));
    };
    auto a = spawn(waits()), b = spawn(waits());
    co_await test::settle();
    a.cancel();
    co_await test::settle();
    {
      auto guard = co_await lock.scoped();
      condition.notify_all();
    }
    while (!b.done()) co_await yield();
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(rounds()); }), 0u);
}

}  // namespace
