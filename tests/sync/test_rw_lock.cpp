#include "support/allocations.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

Task<> reads(RwLock& lock, Log& log, std::string name, Duration length = 1ms) {
  auto guard = co_await lock.read();
  EXPECT_FALSE(lock.writing());
  log(name);
  co_await sleep(length);
}
Task<> writes(RwLock& lock, Log& log, std::string name, Duration length = 1ms) {
  auto guard = co_await lock.write();
  EXPECT_TRUE(lock.writing());
  EXPECT_EQ(lock.readers(), 0u);
  log(name);
  co_await sleep(length);
}

TEST(RwLock, LetsReadersInTogetherAndWritersAlone) {
  test::run([]() -> Task<> {
    RwLock lock;
    Log log;
    const Instant start = Loop::current().now();
    co_await gather(reads(lock, log, "r1"), reads(lock, log, "r2"), writes(lock, log, "w1"),
                    writes(lock, log, "w2"), reads(lock, log, "r3"), reads(lock, log, "r4"));
    EXPECT_EQ(log.text(), "r1 r2 w1 w2 r3 r4");
    EXPECT_EQ(Loop::current().now() - start, 4ms);
    EXPECT_EQ(lock.readers(), 0u);
    EXPECT_FALSE(lock.writing());
  });
}

// L5
TEST(RwLock, IsTakenAtOnceWhenItIsFree) {
  test::run([]() -> Task<> {
    RwLock lock;
    const auto turns = Loop::current().stats().turns;
    {
      auto a = co_await lock.read();
      auto b = co_await lock.read();
      EXPECT_EQ(lock.readers(), 2u);
      RwLock::ReadGuard c;
      c = std::move(a);
      b.release();
      b.release();
      EXPECT_EQ(lock.readers(), 1u);
    }
    { auto guard = co_await lock.write(); }
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// Writers are not starved: one that waits keeps new readers out
TEST(RwLock, KeepsNewReadersOutWhileAWriterWaits) {
  test::run([]() -> Task<> {
    RwLock lock;
    Log log;
    auto reader = spawn(reads(lock, log, "r1", 5ms));
    co_await yield();
    auto writer = spawn(writes(lock, log, "w"));
    co_await yield();
    auto late = spawn(reads(lock, log, "r2"));
    co_await test::settle();
    EXPECT_EQ(log.text(), "r1");
    co_await gather(reader, writer, late);
    EXPECT_EQ(log.text(), "r1 w r2");
  });
}

// K2: the writer that gave up lets the readers behind it in
TEST(RwLock, LetsReadersInWhenTheWriterBeforeThemIsCancelled) {
  test::run([]() -> Task<> {
    RwLock lock;
    Log log;
    auto reader = spawn(reads(lock, log, "r1", 1h));
    co_await yield();
    auto writer = spawn(writes(lock, log, "w"));
    auto second = spawn(reads(lock, log, "r2"));
    auto third = spawn(reads(lock, log, "r3"));
    co_await test::settle();
    EXPECT_TRUE(writer.cancel());
    co_await gather(second, third);
    EXPECT_TRUE(writer.cancelled());
    EXPECT_EQ(log.text(), "r1 r2 r3");
    reader.cancel();
    co_await wait_until_done(reader);
    EXPECT_EQ(lock.readers(), 0u);
  });
}

// K2: cancelled in the turn in which it was given: it goes to the next
TEST(RwLock, IsPassedOnByAWaiterThatIsCancelledWhenItWasWoken) {
  for (const bool writer : {false, true}) {
    test::run([&]() -> Task<> {
      RwLock lock;
      Log log;
      auto guard = co_await lock.write();
      auto woken = writer ? spawn(writes(lock, log, "x")) : spawn(reads(lock, log, "x"));
      auto next = spawn(writes(lock, log, "next"));
      co_await test::settle();
      guard.release();
      woken.cancel();
      co_await next;
      EXPECT_TRUE(woken.cancelled());
      EXPECT_EQ(log.text(), "next");
      EXPECT_FALSE(lock.writing());
      EXPECT_EQ(lock.readers(), 0u);
    });
  }
}

// C2, C3
TEST(RwLock, IsNotTakenByATaskThatIsCancelledBefore) {
  test::run([]() -> Task<> {
    RwLock lock;
    Log log;
    auto guard = co_await lock.read();
    auto unstarted = spawn(writes(lock, log, "w"));
    unstarted.cancel();
    auto pending = spawn([&]() -> Task<> {
      this_task().cancel();
      auto mine = co_await lock.write();
    });
    co_await wait_until_done(unstarted);
    co_await wait_until_done(pending);
    EXPECT_TRUE(pending.cancelled());
    auto another = co_await lock.read();
    EXPECT_EQ(lock.readers(), 2u);
  });
}

// F41: a limit on the wait, and nobody is kept out by it afterwards
TEST(RwLock, MayBeWaitedForWithALimit) {
  test::run([]() -> Task<> {
    RwLock lock;
    auto guard = co_await lock.read();
    EXPECT_THROW(static_cast<void>(co_await timeout(1ms, lock.write())), TimeoutError);
    auto another = co_await timeout(1ms, lock.read());
    EXPECT_EQ(lock.readers(), 2u);
  });
}

// K8, F02
TEST(RwLock, BelongsToALoopAndEndsWithIt) {
  RwLock lock;
  const auto waits = [&]() -> Task<> {
    auto guard = co_await lock.read();
    auto more = co_await timeout(1ms, lock.write());
  };
  Loop first(test::options()), second(test::options());
  EXPECT_THROW(first.run(waits()), TimeoutError);
  EXPECT_THROW(second.run(waits()), UsageError);
  RwLock left;
  test::run([&]() -> Task<> {
    auto guard = co_await left.read();
    spawn([&]() -> Task<> { auto mine = co_await left.write(); });
    co_await test::settle();
  });
  EXPECT_FALSE(left.writing());
}

TEST(RwLock, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  const auto rounds = []() -> Task<> {
    RwLock lock;
    const auto writer = [&]() -> Task<> {
      auto guard = co_await as_outcome(lock.write());
      if (guard) static_cast<void>(co_await as_outcome(yield()));
    };
    const auto reader = [&]() -> Task<> {
      auto guard = co_await as_outcome(lock.read());
      if (guard) static_cast<void>(co_await as_outcome(yield()));
    };
    auto a = spawn(writer()), b = spawn(writer()), c = spawn(reader());
    co_await yield();
    b.cancel();
    while (!a.done() || !c.done()) co_await yield();
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(rounds()); }), 0u);
}

}  // namespace
