#include "support/run.hpp"
#include "support/tracker.hpp"

#include <stdexcept>

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::Log;
using test::wait_until_done;

Task<int> give(int value, Duration length) {
  co_await sleep(length);
  co_return value;
}
Task<int> fail_after(Duration length, std::string what = "x") {
  co_await sleep(length);
  throw std::runtime_error(what);
}
Task<int> careful(Log& log, std::string name, Duration cleanup) {
  auto slept = co_await as_outcome(sleep(1h));
  if (!slept) {
    co_await sleep(cleanup);
    log(name);
    slept.error().raise();
  }
  co_return 0;
}

TEST(Race, GivesTheValueOfTheFirstAndEndsTheOthersBeforeItReturns) {
  test::run([]() -> Task<> {
    Log log;
    const Instant start = Loop::current().now();
    EXPECT_EQ(co_await race(give(1, 5ms), give(2, 1ms), careful(log, "loser", 2ms)), 2);
    EXPECT_EQ(log.text(), "loser");
    EXPECT_EQ(Loop::current().now() - start, 3ms);
    EXPECT_EQ(Loop::current().stats().tasks, 1u);
  });
}

TEST(Race, IsLostByAllWhenTheFirstFails) {
  test::run([]() -> Task<> {
    Log log;
    EXPECT_THROW(co_await race(fail_after(1ms), careful(log, "loser", 0ms)), std::runtime_error);
    EXPECT_EQ(log.text(), "loser");
  });
}

// H2: what a loser throws is nobody's concern
TEST(Race, IgnoresWhatALoserThrows) {
  test::run([]() -> Task<> {
    const auto throws_when_cancelled = []() -> Task<int> {
      static_cast<void>(co_await as_outcome(sleep(1h)));
      throw std::logic_error("loser");
    };
    EXPECT_EQ(co_await race(give(1, 1ms), call(throws_when_cancelled)), 1);
  });
}

// L5, C4: both are done in one turn: the one that was first
TEST(Race, IsWonByTheOneThatEndedFirstInATurn) {
  test::run([]() -> Task<> {
    EXPECT_EQ(co_await race(give(1, 1ms), give(2, 1ms)), 1);
    auto done = spawn(give(3, 1ms));
    co_await done;
    EXPECT_EQ(co_await race(give(4, 1h), done), 3);
  });
}

// C1, C5: nothing outlives it, however often it is cancelled
TEST(Race, EndsAllWhenItIsCancelled) {
  for (const int times : {1, 2, 3}) {
    test::run([&]() -> Task<> {
      Log log;
      auto task = spawn([&]() -> Task<> {
        co_await race(careful(log, "a", 5ms), careful(log, "b", 6ms));
        ADD_FAILURE() << "the cancel was lost";
      });
      co_await test::settle();
      for (int i = 0; i < times; ++i) {
        EXPECT_TRUE(task.cancel());
        co_await test::settle();
        EXPECT_FALSE(task.done());
      }
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
      EXPECT_EQ(Loop::current().stats().tasks, 1u) << "all have ended";
    });
  }
}

// C2, C3
TEST(Race, IsCancelledBeforeItWaits) {
  test::run([]() -> Task<> {
    Log log;
    auto task = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await race(careful(log, "a", 0ms), careful(log, "b", 0ms));
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(Loop::current().stats().tasks, 1u);
  });
}

// C4: the cancel comes in the turn in which one has won
TEST(Race, IsCancelledInTheTurnInWhichOneHasWon) {
  test::run([]() -> Task<> {
    auto winner = spawn(give(1, 1ms));
    auto task = spawn([&]() -> Task<> { co_await race(winner, give(2, 1h)); });
    co_await yield();
    const auto canceller = [&]() -> Task<> {
      co_await winner;
      EXPECT_TRUE(task.cancel());
    };
    auto other = spawn(canceller);
    co_await wait_until_done(task);
    co_await other;
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(co_await winner, 1);
  });
}

// F02
TEST(Race, EndsWithItsLoop) {
  Log log;
  test::run([&]() -> Task<> {
    spawn([&]() -> Task<> { co_await race(careful(log, "a", 1ms), careful(log, "b", 2ms)); });
    co_await test::settle();
  });
  EXPECT_EQ(log.text(), "a b");
}

TEST(FirstOk, TriesOneAfterTheOther) {
  test::run([]() -> Task<> {
    Log log;
    const auto fails = [&]() -> Task<int> {
      log("first");
      return fail_after(1ms);
    };
    const auto works = [&]() -> Task<int> {
      log("second");
      return give(2, 1ms);
    };
    const auto never = [&]() -> Task<int> {
      log("third");
      return give(3, 1ms);
    };
    EXPECT_EQ(co_await first_ok(fails, works, never), 2);
    EXPECT_EQ(log.text(), "first second");
  });
}

TEST(FirstOk, ThrowsAllFailuresWhenNoneWorks) {
  test::run([]() -> Task<> {
    const auto first = [] { return fail_after(1ms, "a"); };
    const auto second = []() -> Task<int> { throw std::logic_error("b"); };
    try {
      co_await first_ok(first, second);
      ADD_FAILURE() << "no exception";
    } catch (const ExceptionGroup& group) {
      EXPECT_EQ(group.exceptions().size(), 2u);
      EXPECT_TRUE(ExceptionGroup::is<std::runtime_error>(group.exceptions()[0]));
      EXPECT_TRUE(ExceptionGroup::is<std::logic_error>(group.exceptions()[1]));
    }
  });
}

// F54: a cancellation is no failure
TEST(FirstOk, EndsWhenItIsCancelled) {
  test::run([]() -> Task<> {
    bool tried = false;
    const auto waits = [] { return give(1, 1h); };
    const auto next = [&]() -> Task<int> {
      tried = true;
      co_return 2;
    };
    auto task = spawn([&]() -> Task<> { co_await first_ok(waits, next); });
    co_await test::settle();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_FALSE(tried);
  });
}

TEST(FirstOk, KeepsItsFactoriesWhileItRuns) {
  const int alive = test::Tracker::alive;
  test::run([]() -> Task<> {
    auto task = [] {
      const auto fails = [tracker = test::Tracker(1)] { return fail_after(1ms); };
      const auto works = [tracker = test::Tracker(2)]() -> Task<int> {
        co_await yield();
        co_return tracker.number();
      };
      return first_ok(fails, works);
    }();
    EXPECT_EQ(co_await std::move(task), 2);
  });
  EXPECT_EQ(test::Tracker::alive, alive);
}

}  // namespace
