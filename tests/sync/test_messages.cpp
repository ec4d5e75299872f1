// Names of functions are tested here: in no namespace but its own.
// What debug mode tells of primitives that are used wrongly: the texts.
#include "support/run.hpp"
#include "support/said_by.hpp"

#include <eddy/base/description.hpp>

#include <thread>

namespace {

using namespace eddy;

#ifndef NDEBUG  // where there are no assertions, nothing is noted

std::string by() { return ", by main in " + to_text(this_task().where()); }

const LoopOptions debugging = {.debug = true};

template <class A>
Task<std::string> said_by(A awaitable) {
  return test::said_by<UsageError>(std::move(awaitable));
}

TEST(TakenTwice, ALockIsRefusedToTheTaskThatHoldsIt) {
  test::run([]() -> Task<> {
    Lock lock;
    for (int i = 0; i < 2; ++i) {
      auto guard = co_await lock.scoped();
      EXPECT_EQ(co_await said_by(lock.acquire()),
                "a lock is taken a second time by the task that holds it" + by());
      EXPECT_EQ(co_await said_by(lock.scoped()),
                "a lock is taken a second time by the task that holds it" + by());
    }
    EXPECT_FALSE(lock.locked());
  }, debugging);
}

TEST(TakenTwice, IsNotSaidOfATaskWithTheSameNumberOnAnotherLoop) {
  Lock lock;
  test::run([&]() -> Task<> { co_await lock.acquire(); }, debugging);
  test::run([&]() -> Task<> {
    auto releases = spawn([&]() -> Task<> {
      lock.release();
      co_return;
    });
    co_await lock.acquire();
    lock.release();
    co_await releases;
  }, debugging);
}

TEST(TakenTwice, ALockIsRefusedToTheTaskThatItWasHandedTo) {
  test::run([]() -> Task<> {
    Lock lock;
    const auto takes_twice = [&]() -> Task<std::string> {
      auto guard = co_await lock.scoped();
      co_return co_await said_by(lock.acquire());
    };
    co_await lock.acquire();
    auto second = spawn(takes_twice(), {.name = "second"});
    co_await test::settle();
    lock.release();
    EXPECT_EQ(co_await second, "a lock is taken a second time by the task that holds it, "
                               "by second in " + to_text(second.where()));
  }, debugging);
}

TEST(TakenTwice, ALockWaitsForAnotherTask) {
  test::run([]() -> Task<> {
    Lock lock;
    const auto takes = [&]() -> Task<> { auto guard = co_await lock.scoped(); };
    co_await lock.acquire();
    auto waits = spawn(takes());
    co_await test::settle();
    EXPECT_FALSE(waits.done());
    lock.release();
    co_await waits;
    co_await lock.acquire();
    lock.release();
  }, debugging);
}

TEST(TakenTwice, AWriterIsRefusedARead) {
  test::run([]() -> Task<> {
    RwLock lock;
    {
      auto writing = co_await lock.write();
      EXPECT_EQ(co_await said_by(lock.write()),
                "a RwLock is taken a second time by the task that holds it" + by());
      EXPECT_EQ(co_await said_by(lock.read()),
                "a RwLock is taken a second time by the task that holds it" + by());
    }
    auto reading = co_await lock.read();
    auto too = co_await lock.read();
  }, debugging);
}

TEST(TakenTwice, IsAllowedWithoutDebugMode) {
  test::run([]() -> Task<> {
    Lock lock;
    co_await lock.acquire();
    const auto releases = [&]() -> Task<> {
      lock.release();
      co_return;
    };
    auto other = spawn(releases());
    co_await lock.acquire();  // it is a signal here
    lock.release();
    co_await other;
  });
}

// -- another thread --

void touches_from_another_thread() {
  run([]() -> Task<> {
    Event event;
    const auto waits = [&]() -> Task<> { co_await event.wait(); };
    auto waiting = spawn(waits(), {.name = "waiting"});
    co_await test::settle();
    std::thread([&] { event.set(); }).join();
    co_await waiting;
  });
}

TEST(OtherThreadDeathTest, AWakeUpEndsTheProcessAndNamesTheTask) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(touches_from_another_thread(),
               "eddy: waiting in touches_from_another_thread\\(\\)::<lambda>\\(\\)::<lambda>\\(\\) "
               "\\(.*test_messages.cpp:[0-9]+\\) was woken from another thread than its loop's: "
               "use post\\(\\)");
}

#endif

}  // namespace
