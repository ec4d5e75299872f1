#include "support/allocations.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

// Q1, F95: first in first out; a full one holds its producer
TEST(Queue, HoldsItsProducerWhenItIsFull) {
  test::run([]() -> Task<> {
    Queue<int> queue(2);
    Log log;
    auto producer = spawn([&]() -> Task<> {
      for (int i = 1; i <= 4; ++i) {
        co_await queue.put(i);
        log("put" + std::to_string(i));
      }
    });
    co_await test::settle();
    EXPECT_EQ(log.text(), "put1 put2");
    EXPECT_TRUE(queue.full());
    EXPECT_EQ(queue.maxsize(), 2u);
    for (int i = 1; i <= 4; ++i) EXPECT_EQ(co_await queue.get(), i);
    co_await producer;
    EXPECT_TRUE(queue.empty());
  });
}

// Q1: without a bound nobody waits to put
TEST(Queue, HoldsAnyNumberWithoutABound) {
  test::run([]() -> Task<> {
    for (const long maxsize : {0L, -1L}) {
      Queue<int> queue(maxsize);
      const auto turns = Loop::current().stats().turns;
      for (int i = 0; i < 10'000; ++i) co_await queue.put(i);
      EXPECT_FALSE(queue.full());
      EXPECT_EQ(queue.size(), 10'000u);
      for (int i = 0; i < 10'000; ++i) EXPECT_EQ(co_await queue.get(), i);
      EXPECT_EQ(Loop::current().stats().turns, turns);
    }
  });
}

// Q1: getters are served in the order of coming
TEST(Queue, ServesItsGettersFirstComeFirst) {
  test::run([]() -> Task<> {
    Queue<int> queue;
    Log log;
    const auto get = [&](std::string name) -> Task<> {
      const int item = co_await queue.get();
      log(name + std::to_string(item));
    };
    auto all = spawn([&]() -> Task<> { co_await gather(get("a"), get("b"), get("c")); });
    co_await test::settle();
    for (int i = 1; i <= 3; ++i) queue.put_nowait(i);
    co_await all;
    EXPECT_EQ(log.text(), "a1 b2 c3");
  });
}

// K3, Q2: what is promised to a getter that was woken is not there for others
TEST(Queue, CannotBeOvertakenByANewcomer) {
  test::run([]() -> Task<> {
    Queue<int> queue(1);
    Log log;
    auto getter = spawn([&]() -> Task<> { log("waiter" + std::to_string(co_await queue.get())); });
    co_await test::settle();
    queue.put_nowait(1);
    EXPECT_EQ(queue.size(), 1u) << "it stays in the queue until the getter runs";
    EXPECT_THROW(queue.get_nowait(), QueueEmpty);
    EXPECT_EQ(queue.try_get(), std::nullopt);
    co_await getter;
    EXPECT_EQ(log.text(), "waiter1");
    // The same for a place.
    queue.put_nowait(1);
    auto putter = spawn([&]() -> Task<> { co_await queue.put(2); });
    co_await test::settle();
    EXPECT_EQ(queue.get_nowait(), 1);
    EXPECT_THROW(queue.put_nowait(3), QueueFull);
    EXPECT_FALSE(queue.try_put(3));
    co_await putter;
    EXPECT_EQ(queue.get_nowait(), 2);
  });
}

TEST(Queue, TellsWithoutWaiting) {
  test::run([]() -> Task<> {
    Queue<int> queue(1);
    EXPECT_THROW(queue.get_nowait(), QueueEmpty);
    EXPECT_TRUE(queue.try_put(1));
    EXPECT_FALSE(queue.try_put(2));
    EXPECT_THROW(queue.put_nowait(2), QueueFull);
    EXPECT_EQ(queue.try_get(), 1);
    EXPECT_EQ(queue.try_get(), std::nullopt);
    co_return;
  });
}

// Q2: woken and then cancelled: it has taken nothing, and the next one is woken
TEST(Queue, KeepsTheItemOfAGetterThatIsCancelledWhenItWasWoken) {
  test::run([]() -> Task<> {
    Queue<int> queue;
    int got = 0;
    auto first = spawn([&]() -> Task<> { co_await queue.get(); });
    auto second = spawn([&]() -> Task<> { got = co_await queue.get(); });
    co_await test::settle();
    queue.put_nowait(7);
    first.cancel();
    co_await second;
    EXPECT_TRUE(first.cancelled());
    EXPECT_EQ(got, 7);
    auto alone = spawn([&]() -> Task<> { co_await queue.get(); });
    co_await test::settle();
    queue.put_nowait(8);
    alone.cancel();
    co_await wait_until_done(alone);
    EXPECT_EQ(queue.get_nowait(), 8);
  });
}

// Q2: the same with a place
TEST(Queue, PassesOnThePlaceOfAPutterThatIsCancelledWhenItWasWoken) {
  test::run([]() -> Task<> {
    Queue<int> queue(1);
    queue.put_nowait(1);
    auto first = spawn([&]() -> Task<> { co_await queue.put(2); });
    auto second = spawn([&]() -> Task<> { co_await queue.put(3); });
    co_await test::settle();
    EXPECT_EQ(queue.get_nowait(), 1);
    first.cancel();
    co_await second;
    EXPECT_TRUE(first.cancelled());
    EXPECT_EQ(queue.get_nowait(), 3) << "the item of the cancelled one was not added";
    EXPECT_TRUE(queue.empty());
  });
}

// Q3: no ghosts after timeouts
TEST(Queue, ForgetsWaitersWhoseTimeIsOver) {
  test::run([]() -> Task<> {
    Queue<int> queue(1);
    for (int i = 0; i < 10; ++i) {
      EXPECT_THROW(co_await timeout(1ms, queue.get()), TimeoutError);
    }
    queue.put_nowait(1);
    for (int i = 0; i < 10; ++i) {
      EXPECT_THROW(co_await timeout(1ms, queue.put(2)), TimeoutError);
    }
    EXPECT_EQ(queue.get_nowait(), 1);
    EXPECT_TRUE(queue.empty());
    queue.put_nowait(3);
    EXPECT_EQ(co_await queue.get(), 3);
  });
}

// C2, C3
TEST(Queue, LosesNothingToTasksThatAreCancelledBefore) {
  test::run([]() -> Task<> {
    Queue<int> queue(1);
    auto unstarted = spawn([&]() -> Task<> { co_await queue.put(1); });
    unstarted.cancel();
    co_await wait_until_done(unstarted);
    EXPECT_TRUE(queue.empty());
    auto pending = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await queue.put(2);  // L5: there is room, so nothing is delivered
      co_await queue.put(3);
    });
    co_await wait_until_done(pending);
    EXPECT_TRUE(pending.cancelled());
    EXPECT_EQ(queue.get_nowait(), 2);
  });
}

// Q4
TEST(Queue, IsJoinedWhenAllIsDone) {
  test::run([]() -> Task<> {
    Queue<int> queue;
    const auto turns = Loop::current().stats().turns;
    co_await queue.join();  // nothing was put
    EXPECT_EQ(Loop::current().stats().turns, turns);
    EXPECT_THROW(queue.task_done(), UsageError);
    for (int i = 0; i < 3; ++i) queue.put_nowait(i);
    auto joiner = spawn([&]() -> Task<> { co_await queue.join(); });
    auto other = spawn([&]() -> Task<> { co_await queue.join(); });
    for (int i = 0; i < 3; ++i) {
      co_await queue.get();
      co_await test::settle();
      EXPECT_FALSE(joiner.done()) << "got is not done";
      if (i == 1) other.cancel();
      queue.task_done();
    }
    co_await joiner;
    EXPECT_TRUE(other.cancelled());
    EXPECT_THROW(queue.task_done(), UsageError);
  });
}

// F96, F97: workers that take from one queue
TEST(Queue, FeedsWorkers) {
  test::run([]() -> Task<> {
    Queue<int> queue(4);
    int sum = 0;
    const auto worker = [&]() -> Task<> {
      while (true) {
        const int item = co_await queue.get();
        co_await sleep(std::chrono::microseconds(item % 7));
        sum += item;
        queue.task_done();
      }
    };
    std::vector<JoinHandle<>> workers;
    for (int i = 0; i < 3; ++i) workers.push_back(spawn(worker()));
    for (int i = 1; i <= 100; ++i) co_await queue.put(i);
    co_await queue.join();
    EXPECT_EQ(sum, 5050);
    for (auto& task : workers) task.cancel();
    for (auto& task : workers) co_await wait_until_done(task);
  });
}

// K8, F02
TEST(Queue, BelongsToALoopAndEndsWithIt) {
  Queue<int> queue(1);
  const auto gets = [&]() -> Task<> { co_await timeout(1ms, queue.get()); };
  Loop first(test::options()), second(test::options());
  EXPECT_THROW(first.run(gets()), TimeoutError);
  EXPECT_THROW(second.run(gets()), UsageError);
  Queue<int> left(1);
  left.put_nowait(1);
  test::run([&]() -> Task<> {
    spawn([&]() -> Task<> { co_await left.put(2); });
    spawn([&]() -> Task<> { co_await left.join(); });
    co_await test::settle();
  });
  EXPECT_EQ(left.size(), 1u);
}

// Throws when it is moved for the last time.
struct Stubborn {
  Stubborn(int value, int moves) : value(value), moves(moves) {}
  Stubborn& operator=(Stubborn&& other) = default;
  Stubborn(Stubborn&& other) : value(other.value), moves(other.moves - 1) {
    if (moves == 0) throw std::runtime_error("stays");
  }
  int value, moves;
};

TEST(Queue, HasNoItemThatCouldNotBeMovedIntoIt) {
  test::run([]() -> Task<> {
    unsigned refused = 0;
    for (int moves = 1; moves < 6; ++moves) {
      Queue<Stubborn> queue;
      try {
        queue.put_nowait(Stubborn(1, moves));
      } catch (const std::runtime_error&) {
        ++refused;
        EXPECT_EQ(queue.size(), 0u) << moves;
        queue.put_nowait(Stubborn(2, 100));
        EXPECT_EQ(queue.get_nowait().value, 2);
      }
    }
    EXPECT_GT(refused, 0u);
    co_return;
  });
}

TEST(Queue, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  Queue<int> queue(4);
  const auto rounds = [&]() -> Task<> {
    const auto produce = [&]() -> Task<> {
      for (int i = 0; i < 20; ++i) co_await queue.put(i);
    };
    const auto consume = [&]() -> Task<> {
      for (int i = 0; i < 20; ++i) co_await queue.get();
    };
    const auto gets = [&]() -> Task<> { static_cast<void>(co_await as_outcome(queue.get())); };
    auto a = spawn(produce()), b = spawn(consume());
    while (!a.done() || !b.done()) co_await yield();
    auto gone = spawn(gets());
    co_await yield();
    queue.put_nowait(1);
    gone.cancel();
    while (!gone.done()) co_await yield();
    queue.get_nowait();
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(rounds()); }), 0u);
}

}  // namespace
