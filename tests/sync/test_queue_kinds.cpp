// Shutting queues down, and the queues that give in another order.
#include "support/run.hpp"
#include "support/tracker.hpp"

namespace {

using namespace eddy;
using test::Tracker;
using test::wait_until_done;

Task<> gets(Queue<int>& queue) { co_await queue.get(); }
Task<> puts(Queue<int>& queue, int item) { co_await queue.put(item); }

// Q5: put() is refused, get() drains
TEST(QueueShutDown, RefusesPutsAndDrains) {
  test::run([]() -> Task<> {
    Queue<int> queue;
    queue.put_nowait(1);
    queue.put_nowait(2);
    queue.shutdown();
    queue.shutdown();
    EXPECT_THROW(co_await queue.put(3), QueueShutDown);
    EXPECT_THROW(queue.put_nowait(3), QueueShutDown);
    EXPECT_FALSE(queue.try_put(3));
    EXPECT_EQ(co_await queue.get(), 1);
    EXPECT_EQ(queue.get_nowait(), 2);
    EXPECT_THROW(co_await queue.get(), QueueShutDown);
    EXPECT_THROW(queue.get_nowait(), QueueShutDown);
    EXPECT_EQ(queue.try_get(), std::nullopt);
  });
}

// Q5: those who wait are woken; the items of putters are not added
TEST(QueueShutDown, WakesEverybodyWhoWaits) {
  test::run([]() -> Task<> {
    Queue<int> empty;
    auto a = spawn(gets(empty)), b = spawn(gets(empty));
    Queue<int> full(1);
    full.put_nowait(1);
    auto c = spawn(puts(full, 2)), d = spawn(puts(full, 3));
    co_await test::settle();
    empty.shutdown();
    full.shutdown();
    EXPECT_THROW(co_await a, QueueShutDown);
    EXPECT_THROW(co_await b, QueueShutDown);
    EXPECT_THROW(co_await c, QueueShutDown);
    EXPECT_THROW(co_await d, QueueShutDown);
    EXPECT_EQ(full.size(), 1u);
  });
}

// Q5, Q2: a getter that was promised an item before gets it
TEST(QueueShutDown, KeepsThePromisesMadeBefore) {
  test::run([]() -> Task<> {
    Queue<int> queue;
    int got = 0;
    auto getter = spawn([&]() -> Task<> { got = co_await queue.get(); });
    co_await test::settle();
    queue.put_nowait(5);
    queue.shutdown();
    co_await getter;
    EXPECT_EQ(got, 5);
  });
}

// Q5: join() still needs task_done()
TEST(QueueShutDown, StillWaitsForWhatIsNotDone) {
  test::run([]() -> Task<> {
    Queue<int> queue;
    queue.put_nowait(1);
    queue.shutdown();
    auto joiner = spawn([&]() -> Task<> { co_await queue.join(); });
    co_await queue.get();
    co_await test::settle();
    EXPECT_FALSE(joiner.done());
    queue.task_done();
    co_await joiner;
  });
}

// Q5, gh-96471: the dropped items count as done, those that were got before do not
TEST(QueueShutDown, ImmediateDropsExactlyWhatIsThere) {
  const int alive = Tracker::alive;
  test::run([]() -> Task<> {
    Queue<Tracker> queue;
    for (int i = 0; i < 3; ++i) queue.put_nowait(Tracker(i));
    co_await queue.get();  // in somebody's hands
    auto joiner = spawn([&]() -> Task<> { co_await queue.join(); });
    co_await test::settle();
    queue.shutdown(true);
    EXPECT_TRUE(queue.empty());
    EXPECT_THROW(queue.get_nowait(), QueueShutDown);
    co_await test::settle();
    EXPECT_FALSE(joiner.done()) << "one is not done";
    queue.task_done();
    co_await joiner;
    EXPECT_THROW(queue.task_done(), UsageError);
  });
  EXPECT_EQ(Tracker::alive, alive);
}

// Q5, Q2: an item that was promised is dropped too
TEST(QueueShutDown, ImmediateVoidsPromises) {
  test::run([]() -> Task<> {
    Queue<int> queue;
    auto first = spawn(gets(queue));
    co_await test::settle();
    queue.put_nowait(1);
    queue.shutdown(true);
    EXPECT_THROW(co_await first, QueueShutDown);
    co_await queue.join();
  });
}

// Q5, C4
TEST(QueueShutDown, GivesWayToACancelInTheSameTurn) {
  test::run([]() -> Task<> {
    Queue<int> queue;
    auto getter = spawn(gets(queue));
    co_await test::settle();
    queue.shutdown();
    getter.cancel();
    co_await wait_until_done(getter);
    EXPECT_TRUE(getter.cancelled());
  });
}

// F99: the clean end of several consumers
TEST(QueueShutDown, EndsAllConsumersAndLosesNothing) {
  test::run([]() -> Task<> {
    Queue<int> queue(3);
    int sum = 0;
    const auto consumer = [&]() -> Task<> {
      for (;;) {
        auto item = co_await as_result(queue.get());
        if (!item) co_return;
        sum += *item;
        co_await yield();
      }
    };
    co_await task_group([&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 4; ++i) group.spawn(consumer());
      for (int i = 1; i <= 50; ++i) co_await queue.put(i);
      queue.shutdown();
    });
    EXPECT_EQ(sum, 1275);
  });
}

// Q6
TEST(PriorityQueue, GivesTheLowestFirst) {
  test::run([]() -> Task<> {
    PriorityQueue<int> queue;
    for (const int item : {5, 1, 4, 1, 3}) co_await queue.put(item);
    std::string order;
    while (auto item = queue.try_get()) order += std::to_string(*item);
    EXPECT_EQ(order, "11345");
    PriorityQueue<std::string, std::greater<>> highest;
    for (const char* item : {"b", "c", "a"}) highest.put_nowait(item);
    EXPECT_EQ(co_await highest.get(), "c");
  });
}

// Q6, Q2: the lowest at the time when the getter runs
TEST(PriorityQueue, GivesAWokenGetterWhatIsLowestThen) {
  test::run([]() -> Task<> {
    PriorityQueue<int> queue;
    int got = 0;
    auto getter = spawn([&]() -> Task<> { got = co_await queue.get(); });
    co_await test::settle();
    queue.put_nowait(5);
    queue.put_nowait(2);
    co_await getter;
    EXPECT_EQ(got, 2);
    EXPECT_EQ(queue.get_nowait(), 5);
  });
}

// Q6
TEST(LifoQueue, GivesTheLatestFirst) {
  test::run([]() -> Task<> {
    LifoQueue<int> queue(3);
    for (int i = 1; i <= 3; ++i) co_await queue.put(i);
    EXPECT_TRUE(queue.full());
    auto putter = spawn([&]() -> Task<> { co_await queue.put(4); });
    co_await test::settle();
    std::string order;
    order += std::to_string(co_await queue.get());
    co_await putter;
    while (auto item = queue.try_get()) order += std::to_string(*item);
    EXPECT_EQ(order, "3421");
  });
}

// F9B: of one type, also of one that can only be moved
TEST(Queue, CarriesWhatCanOnlyBeMoved) {
  test::run([]() -> Task<> {
    Queue<std::unique_ptr<int>> queue(1);
    co_await queue.put(std::make_unique<int>(1));
    auto putter = spawn([&]() -> Task<> { co_await queue.put(std::make_unique<int>(2)); });
    co_await test::settle();
    auto first = co_await queue.get();
    co_await putter;
    auto second = co_await queue.get();
    EXPECT_EQ(*first + *second, 3);
  });
}

}  // namespace
