// Who comes first, and what is no number of anything.
#include "support/run.hpp"

#include <limits>

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

// K4, gh-90155: one unit is given to a task that waits, another is free: who comes now is behind
TEST(Semaphore, CannotBeOvertakenByATaskThatReleasesAndAcquiresAgain) {
  test::run([]() -> Task<> {
    Semaphore semaphore(2);
    Log log;
    co_await semaphore.acquire();
    co_await semaphore.acquire();
    auto waiter = spawn([&]() -> Task<> {
      co_await semaphore.acquire();
      log("waiter");
    });
    co_await test::settle();
    semaphore.release();
    semaphore.release();
    EXPECT_TRUE(semaphore.locked()) << "acquire() would wait";
    EXPECT_EQ(semaphore.value(), 1u);
    co_await semaphore.acquire();
    log("again");
    EXPECT_EQ(log.text(), "waiter again");
    co_await waiter;
    EXPECT_EQ(semaphore.value(), 0u);
  });
}

// K4: the waiter that was woken is cancelled: its unit and the one that was kept go to those behind
TEST(Semaphore, GivesToThoseBehindAWaiterThatIsCancelledWhenItWasWoken) {
  test::run([]() -> Task<> {
    Semaphore semaphore(0);
    Log log;
    const auto work = [&](std::string name) -> Task<> {
      co_await semaphore.acquire();
      log(name);
    };
    auto first = spawn(work("first"));
    co_await test::settle();
    semaphore.release();
    semaphore.release();
    first.cancel();
    auto second = spawn(work("second")), third = spawn(work("third"));
    co_await wait_until_done(first);
    co_await second;
    co_await third;
    EXPECT_TRUE(first.cancelled());
    EXPECT_EQ(log.text(), "second third");
    EXPECT_EQ(semaphore.value(), 0u);
    semaphore.release();
    EXPECT_FALSE(semaphore.locked());
  });
}

// D2: cancelled while it waits, and again while it takes the lock
TEST(Condition, OwnsTheLockWhenItIsCancelledAgainWhileItTakesIt) {
  test::run([]() -> Task<> {
    Lock lock;
    Condition condition(lock);
    std::string message;
    auto task = spawn([&]() -> Task<> {
      co_await lock.acquire();
      try {
        co_await condition.wait();
      } catch (const Cancelled& cancelled) {
        message = cancelled.message();
      }
      EXPECT_TRUE(lock.locked());
      lock.release();
    });
    co_await test::settle();
    co_await lock.acquire();
    task.cancel("first");
    co_await test::settle();
    task.cancel("second");
    co_await test::settle();
    EXPECT_FALSE(task.done());
    lock.release();
    task.cancel("third");  // in the turn in which it was given the lock
    co_await task;
    EXPECT_EQ(message, "third");
    EXPECT_FALSE(lock.locked());
  });
}

// K4, K7: what an unsigned parameter takes for 2^64 minus 1
TEST(Counts, BelowZeroAreRefused) {
  constexpr auto largest = std::numeric_limits<std::size_t>::max();
  EXPECT_THROW(Semaphore(-1), UsageError);
  EXPECT_THROW(Semaphore{std::numeric_limits<int>::min()}, UsageError);
  EXPECT_THROW(Semaphore{largest}, UsageError);
  EXPECT_THROW(BoundedSemaphore(-1), UsageError);
  EXPECT_THROW(Barrier(-1), UsageError);
  EXPECT_THROW(Barrier(0), UsageError);
  EXPECT_THROW(Barrier{largest / 2 + 1}, UsageError);
  EXPECT_EQ(Semaphore(std::uint64_t{1} << 32).value(), std::size_t{1} << 32);
  EXPECT_EQ(Barrier(std::int64_t{1} << 31).parties(), std::size_t{1} << 31);
  try {
    Semaphore semaphore(-7);
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "a count of -7: it cannot be negative");
  }
  test::run([]() -> Task<> {
    Lock lock;
    Condition condition(lock);
    auto guard = co_await lock.scoped();
    EXPECT_THROW(condition.notify(-1), UsageError);
  });
}

// Q1: a bound that nobody reaches costs no memory
TEST(Counts, OfAQueueAreUnboundedFromZeroDownAndMayBeHuge) {
  EXPECT_EQ(Queue<int>(-1).maxsize(), 0u);
  EXPECT_EQ(Queue<int>(std::numeric_limits<long>::min()).maxsize(), 0u);
  for (const long bound : {1l << 31, 1l << 32, std::numeric_limits<long>::max()}) {
    Queue<int> first_in(bound);
    PriorityQueue<int> lowest(bound);
    LifoQueue<int> latest(bound);
    EXPECT_TRUE(first_in.try_put(1) && lowest.try_put(1) && latest.try_put(1));
    EXPECT_EQ(first_in.maxsize(), static_cast<std::size_t>(bound));
    EXPECT_EQ(first_in.get_nowait() + lowest.get_nowait() + latest.get_nowait(), 3);
  }
}

// Q5: what was promised to one that is cancelled in that turn is drained by those who still wait
TEST(QueueShutDown, LeavesNothingBehindWhenOneWithAPromiseIsCancelled) {
  test::run([]() -> Task<> {
    Queue<int> queue;
    auto first = spawn([&]() -> Task<int> { co_return co_await queue.get(); });
    auto second = spawn([&]() -> Task<int> { co_return co_await queue.get(); });
    auto third = spawn([&]() -> Task<int> { co_return co_await queue.get(); });
    co_await test::settle();
    queue.put_nowait(1);
    queue.shutdown();
    first.cancel();
    EXPECT_EQ(co_await second, 1);
    EXPECT_TRUE(first.cancelled());
    EXPECT_THROW(co_await third, QueueShutDown);
  });
}

TEST(Queue, LeavesWithItsOwnerWhatItDoesNotTake) {
  Queue<std::unique_ptr<int>> queue(1);
  auto first = std::make_unique<int>(1), second = std::make_unique<int>(2);
  EXPECT_TRUE(queue.try_put(std::move(first)));
  EXPECT_FALSE(queue.try_put(std::move(second)));
  ASSERT_TRUE(second);
  EXPECT_EQ(*second, 2);
}

}  // namespace
