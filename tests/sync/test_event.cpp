#include "support/allocations.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

// K6, F94
TEST(Event, WakesEverybodyInOrder) {
  test::run([]() -> Task<> {
    Event event;
    Log log;
    const auto work = [&](std::string name) -> Task<> {
      co_await event.wait();
      log(name);
    };
    auto all = spawn([&]() -> Task<> { co_await gather(work("a"), work("b"), work("c")); });
    co_await test::settle();
    EXPECT_EQ(log.text(), "");
    event.set();
    EXPECT_TRUE(event.is_set());
    co_await all;
    EXPECT_EQ(log.text(), "a b c");
  });
}

// K6: even if it is cleared in the same turn
TEST(Event, WakesThoseWhoWaitedAlthoughItIsClearedAtOnce) {
  test::run([]() -> Task<> {
    Event event;
    auto waiter = spawn([&]() -> Task<> { co_await event.wait(); });
    co_await test::settle();
    event.set();
    event.clear();
    co_await waiter;
    EXPECT_FALSE(event.is_set());
    auto later = spawn([&]() -> Task<> { co_await event.wait(); });
    co_await test::settle();
    EXPECT_FALSE(later.done());
    event.set();
    event.set();
    co_await later;
  });
}

// L5
TEST(Event, TakesNoTurnWhenItIsSet) {
  test::run([]() -> Task<> {
    Event event;
    event.set();
    const auto turns = Loop::current().stats().turns;
    co_await event.wait();
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// K6, C1, C3, C4: whoever is cancelled, at whichever turn, disturbs nobody
TEST(Event, ForgetsAWaiterThatIsCancelled) {
  for (int turns = 0; turns < 4; ++turns) {
    test::run([&]() -> Task<> {
      Event event;
      auto gone = spawn([&]() -> Task<> { co_await event.wait(); });
      auto stays = spawn([&]() -> Task<> { co_await event.wait(); });
      for (int i = 0; i < turns; ++i) co_await yield();
      if (turns == 3) event.set();  // cancelled in the turn in which it was woken
      EXPECT_TRUE(gone.cancel());
      co_await wait_until_done(gone);
      EXPECT_TRUE(gone.cancelled());
      EXPECT_EQ(stays.done(), turns == 3);
      event.set();
      co_await stays;
    });
  }
}

// K8
TEST(Event, BelongsToTheLoopThatWaitsOnIt) {
  Event event;
  Loop first(test::options()), second(test::options());
  const auto waits = [&]() -> Task<> { co_await timeout(1ms, event.wait()); };
  EXPECT_THROW(first.run(waits()), TimeoutError);
  EXPECT_THROW(second.run(waits()), UsageError);
}

// F02
TEST(Event, LetsItsWaitersEndWithTheirLoop) {
  Event event;
  test::run([&]() -> Task<> {
    spawn([&]() -> Task<> {
      co_await event.wait();
      ADD_FAILURE() << "it was never set";
    });
    co_await test::settle();
  });
}

TEST(Event, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  const auto rounds = [&]() -> Task<> {
    Event event;
    const auto waits = [&]() -> Task<> { static_cast<void>(co_await as_outcome(event.wait())); };
    auto a = spawn(waits()), b = spawn(waits()), c = spawn(waits());
    co_await yield();
    b.cancel();
    event.set();
    while (!c.done()) co_await yield();
    EXPECT_TRUE(a.done());
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(rounds()); }), 0u);
}

}  // namespace
