#include "support/allocations.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::wait_until_done;

// K1
TEST(Lock, IsFreeAtFirstAndTakenAtOnce) {
  test::run([&]() -> Task<> {
    Lock lock;
    const auto turns = Loop::current().stats().turns;
    co_await lock.acquire();
    EXPECT_TRUE(lock.locked());
    lock.release();
    EXPECT_FALSE(lock.locked());
    EXPECT_EQ(Loop::current().stats().turns, turns);
    EXPECT_THROW(lock.release(), UsageError);
  });
}

// K1, F92
TEST(Lock, ServesFirstComeFirst) {
  test::run([&]() -> Task<> {
    Lock lock;
    test::Log log;
    const auto work = [&](std::string name) -> Task<> {
      auto guard = co_await lock.scoped();
      log(name);
      co_await yield();
    };
    std::vector<JoinHandle<>> tasks;
    for (const char* name : {"a", "b", "c"}) tasks.push_back(spawn(work(name)));
    for (auto& task : tasks) co_await task;
    EXPECT_EQ(log.text(), "a b c");
    EXPECT_FALSE(lock.locked());
  });
}

// K1: not owned by a task
TEST(Lock, MayBeReleasedByAnotherTask) {
  test::run([&]() -> Task<> {
    Lock lock;
    co_await lock.acquire();
    co_await spawn([&]() -> Task<> {
      lock.release();
      co_return;
    });
    EXPECT_FALSE(lock.locked());
  });
}

// K3
TEST(Lock, CannotBeOvertakenAfterItWasReleased) {
  test::run([&]() -> Task<> {
    Lock lock;
    test::Log log;
    co_await lock.acquire();
    auto waiter = spawn([&]() -> Task<> {
      auto guard = co_await lock.scoped();
      log("waiter");
    });
    co_await yield();
    lock.release();
    EXPECT_TRUE(lock.locked()) << "it is the waiter's already";
    {
      auto guard = co_await lock.scoped();
      log("newcomer");
    }
    co_await waiter;
    EXPECT_EQ(log.text(), "waiter newcomer");
  });
}

// K2, bpo-27585
TEST(Lock, IsPassedOnByAWaiterThatIsCancelledWhenItWasWoken) {
  test::run([&]() -> Task<> {
    Lock lock;
    co_await lock.acquire();
    auto a = spawn([&]() -> Task<> { co_await lock.acquire(); });
    auto b = spawn([&]() -> Task<> { co_await lock.acquire(); });
    co_await yield();
    lock.release();
    a.cancel();
    co_await b;
    EXPECT_TRUE(a.cancelled());
    EXPECT_TRUE(lock.locked());
    lock.release();
    EXPECT_FALSE(lock.locked());
  });
}

// K2, bpo-32734
TEST(Lock, WakesOneWhenACancelAndAReleaseMeet) {
  test::run([&]() -> Task<> {
    Lock lock;
    int owners = 0;
    co_await lock.acquire();
    const auto work = [&]() -> Task<> {
      auto guard = co_await lock.scoped();
      EXPECT_EQ(++owners, 1);
      co_await yield();
      --owners;
    };
    auto a = spawn(work());
    auto b = spawn(work());
    auto c = spawn(work());
    co_await yield();
    a.cancel();
    lock.release();
    for (auto* task : {&a, &b, &c}) co_await wait_until_done(*task);
    EXPECT_TRUE(a.cancelled());
    EXPECT_FALSE(b.cancelled());
    EXPECT_FALSE(lock.locked());
  });
}

TEST(Lock, IsNotTakenByAWaiterThatIsCancelled) {
  test::run([&]() -> Task<> {
    Lock lock;
    co_await lock.acquire();
    auto a = spawn([&]() -> Task<> { auto guard = co_await lock.scoped(); });
    co_await yield();
    a.cancel();
    co_await wait_until_done(a);
    lock.release();
    EXPECT_FALSE(lock.locked());
    auto before = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await lock.acquire();  // free: taken without a wait, so the cancel comes after
      co_await yield();
    });
    co_await wait_until_done(before);
    EXPECT_TRUE(lock.locked());
    lock.release();
  });
}

TEST(Lock, LetsGoOfItsWaitersWhenTheLoopCloses) {
  Lock lock;
  {
    Loop loop(test::options());
    const auto work = [&]() -> Task<> {
      auto guard = co_await lock.scoped();
      co_await sleep(1h);
    };
    for (int i = 0; i < 3; ++i) loop.spawn(work());
    loop.turn();
  }
  EXPECT_FALSE(lock.locked());
}

// K8, F91
TEST(Lock, IsMadeAnywhereAndBelongsToTheLoopThatWaitsOnIt) {
  static Lock lock;
  const auto contend = [&]() -> Task<> {
    co_await lock.acquire();
    auto other = spawn([&]() -> Task<> { co_await lock.acquire(); });
    co_await yield();
    lock.release();
    co_await other;
    lock.release();
  };
  test::run(contend);
  EXPECT_THROW(test::run(contend), UsageError) << "another loop waits on it";
  if (lock.locked()) lock.release();
}

TEST(Lock, AllocatesNothingFreeContendedOrCancelled) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([&]() -> Task<> {
    Lock lock;
    const auto use = [&]() -> Task<> {
      auto guard = co_await lock.scoped();
      auto other = spawn([&]() -> Task<> { auto inner = co_await lock.scoped(); });
      static_cast<void>(co_await as_result(timeout(1ms, lock.acquire())));
      guard.release();
      co_await other;
    };
    for (int i = 0; i < 5; ++i) co_await use();
    const auto before = test::allocations();
    co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

// K1: not re-entrant
TEST(Lock, IsNotTakenTwiceByTheSameTask) {
  test::run([&]() -> Task<> {
    Lock lock;
    auto guard = co_await lock.scoped();
    EXPECT_FALSE(co_await as_result(timeout(1ms, lock.acquire())));
    EXPECT_TRUE(lock.locked());
  });
}

TEST(Lock, HasGuardsThatMoveAndReleaseOnce) {
  test::run([&]() -> Task<> {
    Lock lock;
    Lock::Guard kept;
    {
      auto guard = co_await lock.scoped();
      kept = std::move(guard);
    }
    EXPECT_TRUE(lock.locked());
    kept.release();
    EXPECT_FALSE(lock.locked());
    co_await lock.acquire();
    kept.release();
    EXPECT_TRUE(lock.locked()) << "a guard that was released has nothing to release";
    lock.release();
  });
}

// K2: woken, cancelled, handed on, cancelled again: until one is left who wants it, or none
TEST(Lock, PassesThroughAnyNumberOfWaitersThatAreCancelled) {
  for (const bool one_stays : {true, false}) {
    test::run([&]() -> Task<> {
      Lock lock;
      co_await lock.acquire();
      int owners = 0;
      const auto work = [&]() -> Task<> {
        auto guard = co_await lock.scoped();
        ++owners;
      };
      std::vector<JoinHandle<>> tasks;
      for (int i = 0; i < 6; ++i) tasks.push_back(spawn(work()));
      co_await yield();
      lock.release();
      for (std::size_t i = 0; i < (one_stays ? 5u : 6u); ++i) {
        tasks[i].cancel();
        if (i % 2) co_await yield();  // some in the turn in which they were given it
      }
      for (auto& task : tasks) co_await wait_until_done(task);
      EXPECT_EQ(owners, one_stays ? 1 : 0);
      EXPECT_FALSE(lock.locked());
    });
  }
}

// K3
TEST(Lock, CannotBeOvertakenByATaskThatNeverWaitsForIt) {
  test::run([&]() -> Task<> {
    Lock lock;
    test::Log log;
    const auto greedy = [&](std::string name) -> Task<> {
      for (int i = 0; i < 3; ++i) {
        auto guard = co_await lock.scoped();
        log(name);
        co_await yield();
      }
    };
    auto a = spawn(greedy("a"));
    auto b = spawn(greedy("b"));
    co_await a;
    co_await b;
    EXPECT_EQ(log.text(), "a b a b a b");
  });
}

// F92
TEST(Lock, ProtectsWhatIsReadAndWrittenAcrossAnAwait) {
  test::run([&]() -> Task<> {
    Lock lock;
    int counter = 0;
    const auto increment = [&]() -> Task<> {
      auto guard = co_await lock.scoped();
      const int read = counter;
      co_await sleep(1us);
      counter = read + 1;
    };
    std::vector<JoinHandle<>> tasks;
    for (int i = 0; i < 100; ++i) tasks.push_back(spawn(increment()));
    for (auto& task : tasks) co_await task;
    EXPECT_EQ(counter, 100);
  });
}

}  // namespace
