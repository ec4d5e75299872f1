#include "support/allocations.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

// K4, F93
TEST(Semaphore, LetsSoManyInAtATime) {
  test::run([]() -> Task<> {
    Semaphore semaphore(2);
    int inside = 0, most = 0;
    const auto work = [&]() -> Task<> {
      auto guard = co_await semaphore.scoped();
      most = std::max(most, ++inside);
      co_await sleep(1ms);
      --inside;
    };
    const Instant start = Loop::current().now();
    std::vector<Task<>> tasks;
    for (int i = 0; i < 6; ++i) tasks.push_back(work());
    co_await gather(std::move(tasks));
    EXPECT_EQ(most, 2);
    EXPECT_EQ(Loop::current().now() - start, 3ms);
    EXPECT_EQ(semaphore.value(), 2u);
  });
}

// K4, L5
TEST(Semaphore, IsTakenAtOnceWhileThereAreUnits) {
  test::run([]() -> Task<> {
    Semaphore semaphore(1);
    const auto turns = Loop::current().stats().turns;
    EXPECT_FALSE(semaphore.locked());
    co_await semaphore.acquire();
    EXPECT_TRUE(semaphore.locked());
    semaphore.release();
    semaphore.release();
    EXPECT_EQ(semaphore.value(), 2u) << "any task may add one";
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// K4: a semaphore of none is opened by a release
TEST(Semaphore, MayBeginWithNone) {
  test::run([]() -> Task<> {
    Semaphore semaphore(0);
    auto waiter = spawn([&]() -> Task<> { co_await semaphore.acquire(); });
    co_await test::settle();
    EXPECT_FALSE(waiter.done());
    semaphore.release();
    co_await waiter;
    EXPECT_TRUE(semaphore.locked());
  });
}

// K3, K4, bpo-45997, gh-90155: the releaser cannot take it again ahead of those who wait
TEST(Semaphore, CannotBeOvertakenAfterARelease) {
  test::run([]() -> Task<> {
    Semaphore semaphore(1);
    Log log;
    const auto work = [&](std::string name) -> Task<> {
      for (int i = 0; i < 2; ++i) {
        auto guard = co_await semaphore.scoped();
        log(name);
        co_await yield();
      }
    };
    co_await gather(work("a"), work("b"), work("c"));
    EXPECT_EQ(log.text(), "a b c a b c");
  });
}

// K4: several units at once wake as many, in order
TEST(Semaphore, ServesFirstComeFirst) {
  test::run([]() -> Task<> {
    Semaphore semaphore(0);
    Log log;
    const auto work = [&](std::string name) -> Task<> {
      co_await semaphore.acquire();
      log(name);
    };
    auto all = spawn([&]() -> Task<> { co_await gather(work("a"), work("b"), work("c")); });
    co_await test::settle();
    semaphore.release();
    semaphore.release();
    co_await test::settle();
    EXPECT_EQ(log.text(), "a b");
    semaphore.release();
    co_await all;
    EXPECT_EQ(log.text(), "a b c");
  });
}

// K4, K2, gh-97028, gh-97545: woken and then cancelled: the unit goes to the next
TEST(Semaphore, PassesOnTheUnitOfAWaiterThatIsCancelledWhenItWasWoken) {
  test::run([]() -> Task<> {
    Semaphore semaphore(0);
    std::vector<JoinHandle<>> tasks;
    for (int i = 0; i < 4; ++i) {
      tasks.push_back(spawn([&]() -> Task<> { co_await semaphore.acquire(); }));
    }
    co_await test::settle();
    semaphore.release();
    tasks[0].cancel();
    tasks[1].cancel();  // not woken yet
    co_await tasks[2];
    EXPECT_TRUE(tasks[0].cancelled() && tasks[1].cancelled());
    EXPECT_FALSE(tasks[3].done());
    EXPECT_EQ(semaphore.value(), 0u);
    semaphore.release();
    tasks[3].cancel();
    co_await wait_until_done(tasks[3]);
    EXPECT_EQ(semaphore.value(), 1u) << "nobody waits: it is free again";
  });
}

// C1, C2, C3, C5: however a wait is cancelled, no unit is lost
TEST(Semaphore, LosesNoUnitWhereverAWaitIsCancelled) {
  for (int turns = 0; turns < 5; ++turns) {
    test::run([&]() -> Task<> {
      Semaphore semaphore(1);
      co_await semaphore.acquire();
      auto waiter = spawn([&]() -> Task<> {
        auto guard = co_await semaphore.scoped();
        co_await yield();
      });
      for (int i = 0; i < turns; ++i) {
        if (i == 2) semaphore.release();
        co_await yield();
      }
      waiter.cancel();
      waiter.cancel();
      co_await wait_until_done(waiter);
      if (turns <= 2) semaphore.release();
      EXPECT_EQ(semaphore.value(), 1u);
    });
  }
  test::run([]() -> Task<> {
    Semaphore semaphore(0);
    auto pending = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await semaphore.acquire();
    });
    co_await wait_until_done(pending);
    EXPECT_TRUE(pending.cancelled());
  });
}

// C2, L5: a request that is pending is not delivered by what does not wait
TEST(Semaphore, IsTakenByATaskWithAPendingCancelWhenItIsFree) {
  test::run([]() -> Task<> {
    Semaphore semaphore(1);
    auto task = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await semaphore.acquire();
      semaphore.release();
      co_await yield();
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(semaphore.value(), 1u);
  });
}

// A guard gives back once, and can be moved
TEST(Semaphore, HasGuardsThatGiveBackOnce) {
  test::run([]() -> Task<> {
    Semaphore semaphore(2);
    {
      auto a = co_await semaphore.scoped();
      Semaphore::Guard b;
      b = std::move(a);
      EXPECT_EQ(semaphore.value(), 1u);
      b.release();
      b.release();
      EXPECT_EQ(semaphore.value(), 2u);
    }
    EXPECT_EQ(semaphore.value(), 2u);
  });
}

// F41: a limit on the wait
TEST(Semaphore, MayBeWaitedForWithALimit) {
  test::run([]() -> Task<> {
    Semaphore semaphore(0);
    EXPECT_THROW(co_await timeout(1ms, semaphore.acquire()), TimeoutError);
    semaphore.release();
    co_await timeout(1ms, semaphore.acquire());
    EXPECT_TRUE(semaphore.locked());
  });
}

// K5
TEST(BoundedSemaphore, RefusesToGrow) {
  test::run([]() -> Task<> {
    BoundedSemaphore semaphore(1);
    EXPECT_THROW(semaphore.release(), UsageError);
    co_await semaphore.acquire();
    semaphore.release();
    EXPECT_EQ(semaphore.value(), 1u);
    { auto guard = co_await semaphore.scoped(); }
    EXPECT_THROW(semaphore.release(), UsageError);
  });
}

// K8
TEST(Semaphore, BelongsToTheLoopThatWaitsOnIt) {
  Semaphore semaphore(0);
  Loop first(test::options()), second(test::options());
  const auto waits = [&]() -> Task<> { co_await timeout(1ms, semaphore.acquire()); };
  EXPECT_THROW(first.run(waits()), TimeoutError);
  EXPECT_THROW(second.run(waits()), UsageError);
}

// F02
TEST(Semaphore, LetsItsWaitersEndWithTheirLoop) {
  Semaphore semaphore(0);
  test::run([&]() -> Task<> {
    spawn([&]() -> Task<> { co_await semaphore.acquire(); });
    co_await test::settle();
  });
  EXPECT_EQ(semaphore.value(), 0u);
}

TEST(Semaphore, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  Semaphore semaphore(1);
  const auto one = [&]() -> Task<> {
    auto guard = co_await as_outcome(semaphore.scoped());
    if (guard) static_cast<void>(co_await as_outcome(yield()));
  };
  const auto contended = [&]() -> Task<> {
    auto a = spawn(one()), b = spawn(one()), c = spawn(one());
    co_await yield();
    b.cancel();
    while (!c.done()) co_await yield();
    EXPECT_TRUE(a.done() && b.done());
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(one()); }), 0u);
  EXPECT_EQ(test::allocations_of([&] { loop.run(contended()); }), 0u);
}

}  // namespace
