#include "support/allocations.hpp"
#include "support/run.hpp"
#include "support/tracker.hpp"

#include <stdexcept>

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::Log;
using test::wait_until_done;

Task<int> give(int value, Duration length = 1ms) {
  co_await sleep(length);
  co_return value;
}
Task<int> fail_after(Duration length, std::string what = "x") {
  co_await sleep(length);
  throw std::runtime_error(what);
}
Task<> nap(Duration length) { co_await sleep(length); }
// Logs its end, and cleans up for a while when it is cancelled.
Task<int> careful(Log& log, std::string name, Duration cleanup) {
  auto slept = co_await as_outcome(sleep(1h));
  if (!slept) {
    co_await sleep(cleanup);
    log(name);
    slept.error().raise();
  }
  co_return 0;
}

// F20: in the order of the arguments, whoever ends first; void is a value too
TEST(Gather, GivesTheValuesInTheOrderOfTheArguments) {
  test::run([]() -> Task<> {
    const Instant start = Loop::current().now();
    auto [a, b, nothing] = co_await gather(give(1, 3ms), give(2, 1ms), nap(2ms));
    EXPECT_EQ(a, 1);
    EXPECT_EQ(b, 2);
    EXPECT_EQ(nothing, std::monostate());
    EXPECT_EQ(Loop::current().now() - start, 3ms) << "at the same time";
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(give(i, 5ms - i * 1ms));
    const auto values = co_await gather(std::move(tasks));
    EXPECT_EQ(values, (std::vector{0, 1, 2, 3, 4}));
  });
}

// F20
TEST(Gather, StartsItsTasksInTheOrderOfTheArguments) {
  test::run([]() -> Task<> {
    Log log;
    const auto start = [&](std::string name) -> Task<> {
      log(name);
      co_return;
    };
    co_await gather(start("a"), start("b"), start("c"));
    co_await gather_settled(start("d"), start("e"), start("f"));
    EXPECT_EQ(log.text(), "a b c d e f");
  });
}

// F20, H5
TEST(Gather, OfNothingIsDoneAtOnce) {
  test::run([]() -> Task<> {
    const auto turns = Loop::current().stats().turns;
    EXPECT_EQ(co_await gather(), std::tuple<>());
    EXPECT_TRUE((co_await gather(std::vector<Task<int>>())).empty());
    EXPECT_TRUE((co_await gather_settled(std::vector<JoinHandle<int>>())).empty());
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// L5
TEST(Gather, OfDoneTasksTakesNoTurn) {
  test::run([]() -> Task<> {
    auto task = spawn(give(4));
    co_await task;
    const auto turns = Loop::current().stats().turns;
    auto [value, again] = co_await gather(task, task);
    EXPECT_EQ(value + again, 8);
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// F20, H3: one task, twice
TEST(Gather, TakesAHandleTwice) {
  test::run([]() -> Task<> {
    int runs = 0;
    auto task = spawn([&]() -> Task<int> {
      ++runs;
      co_await yield();
      co_return 3;
    });
    auto [a, b] = co_await gather(task, task);
    EXPECT_EQ(a + b, 6);
    EXPECT_EQ(runs, 1);
    std::vector<JoinHandle<int>> twice(2, task);
    const auto values = co_await gather(twice);
    EXPECT_EQ(values, (std::vector{3, 3}));
  });
}

// F21: at once, and the others run on; H2: what they throw later is not reported
TEST(Gather, ThrowsTheFirstFailureAndLetsTheOthersRunOn) {
  test::run([]() -> Task<> {
    bool ended = false;
    const auto other = [&]() -> Task<int> {
      co_await sleep(5ms);
      ended = true;
      co_return 1;
    };
    const Instant start = Loop::current().now();
    try {
      co_await gather(call(other), fail_after(1ms, "first"), fail_after(2ms, "second"));
      ADD_FAILURE() << "no exception";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "first");
    }
    EXPECT_EQ(Loop::current().now() - start, 1ms);
    EXPECT_FALSE(ended);
    co_await sleep(10ms);
    EXPECT_TRUE(ended);
  });
}

// F21: one that had failed before
TEST(Gather, ThrowsAFailureThatWasThereBefore) {
  test::run([]() -> Task<> {
    auto failed = spawn(fail_after(0ms));
    co_await wait_until_done(failed);
    EXPECT_THROW(co_await gather(failed, give(1)), std::runtime_error);
    co_await sleep(1ms);
  });
}

// F22, F23: a cancelled child is neither a value nor an error
TEST(GatherSettled, GivesEveryOutcomeInItsPlace) {
  test::run([]() -> Task<> {
    auto cancelled = spawn(give(3, 1h));
    co_await yield();
    cancelled.cancel();
    auto [value, error, none] = co_await gather_settled(give(1), fail_after(2ms), cancelled);
    EXPECT_TRUE(value.has_value());
    EXPECT_EQ(value.value(), 1);
    EXPECT_FALSE(value.exception());
    EXPECT_FALSE(error.has_value() || error.cancelled());
    EXPECT_THROW(error.value(), std::runtime_error);
    EXPECT_TRUE(none.cancelled());
    EXPECT_FALSE(none.has_value());
    EXPECT_THROW(none.value(), Cancelled);
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

// F23: good ones and bad ones of a range
TEST(GatherSettled, LetsARangeBeParted) {
  test::run([]() -> Task<> {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 10; ++i) tasks.push_back(i % 3 == 0 ? fail_after(1ms) : give(i));
    int good = 0, bad = 0;
    for (const auto& outcome : co_await gather_settled(std::move(tasks))) {
      outcome ? ++good : ++bad;
    }
    EXPECT_EQ(good, 6);
    EXPECT_EQ(bad, 4);
  });
}

// F24: resumes when the first child has ended; settled: when all have
TEST(Gather, PassesACancelToItsChildren) {
  for (const bool settled : {false, true}) {
    Log log;
    test::run([&]() -> Task<> {
      auto task = spawn([&]() -> Task<> {
        const Instant start = Loop::current().now();
        bool cancelled = false;
        try {
          if (settled) {
            co_await gather_settled(careful(log, "quick", 1ms), careful(log, "slow", 5ms));
          } else {
            co_await gather(careful(log, "quick", 1ms), careful(log, "slow", 5ms));
          }
        } catch (const Cancelled& exception) {
          EXPECT_EQ(exception.message(), "enough");
          cancelled = true;
        }
        EXPECT_TRUE(cancelled);
        EXPECT_EQ(Loop::current().now() - start, settled ? 5ms : 1ms);
        log("gathered");
      });
      co_await test::settle();
      EXPECT_TRUE(task.cancel("enough"));
      co_await task;
      co_await sleep(10ms);
    });
    EXPECT_EQ(log.text(), settled ? "quick slow gathered" : "quick gathered slow");
  }
}

// C3, C2: cancelled before it started, and with a request that is pending
TEST(Gather, IsCancelledBeforeItWaits) {
  test::run([]() -> Task<> {
    Log log;
    auto task = spawn([&]() -> Task<> { co_await gather(careful(log, "a", 0ms)); });
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(log.text(), "") << "the child was cancelled before its first step";
    auto pending = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await gather(careful(log, "b", 0ms));
    });
    co_await wait_until_done(pending);
    EXPECT_TRUE(pending.cancelled());
    EXPECT_EQ(log.text(), "");
  });
}

// H1, bpo-26923, bpo-32684: all children have ended, and the cancel comes in that turn
TEST(Gather, IsCancelledInTheTurnInWhichItsChildrenEnded) {
  for (const bool settled : {false, true}) {
    test::run([&]() -> Task<> {
      auto child = spawn(give(1, 1h));
      auto task = spawn([&]() -> Task<> {
        if (settled) {
          co_await gather_settled(child);
        } else {
          co_await gather(child);
        }
        ADD_FAILURE() << "the cancel was swallowed";
      });
      co_await test::settle();
      const auto both = [&]() -> Task<> {
        co_await sleep(1h);
        task.cancel();
      };
      auto canceller = spawn(both);
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
      co_await canceller;
      EXPECT_TRUE(child.done());
    });
  }
}

// H4: after it has raised
TEST(Gather, LeavesTheOthersAloneOnceItHasThrown) {
  test::run([]() -> Task<> {
    auto other = spawn(give(2, 5ms));
    auto task = spawn([&]() -> Task<> {
      EXPECT_THROW(co_await gather(fail_after(1ms), other), std::runtime_error);
      co_await sleep(1h);
    });
    co_await sleep(2ms);
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_EQ(co_await other, 2);
  });
}

// F25: a child that somebody else cancelled
TEST(Gather, ThrowsTheCancelledOfAChild) {
  test::run([]() -> Task<> {
    auto child = spawn(give(1, 1h));
    auto other = spawn(give(2, 5ms));
    const auto canceller = [&]() -> Task<int> {
      child.cancel("by somebody");
      co_return 0;
    };
    auto outcome = co_await as_outcome(gather(child, other, call(canceller)));
    EXPECT_TRUE(!outcome && outcome.error().is_cancelled());
    EXPECT_EQ(this_task().cancelling(), 0u);
    EXPECT_EQ(co_await other, 2);
  });
}

// F29: each branch has its own limit
TEST(Gather, TakesBranchesWithLimitsOfTheirOwn) {
  test::run([]() -> Task<> {
    const auto in_time = [](int value, Duration length) -> Task<std::optional<int>> {
      auto result = co_await as_result(timeout(5ms, give(value, length)));
      if (!result) co_return std::nullopt;
      co_return *result;
    };
    auto [a, b, c] = co_await gather(in_time(1, 1ms), in_time(2, 1h), in_time(3, 2ms));
    EXPECT_EQ(a, 1);
    EXPECT_EQ(b, std::nullopt);
    EXPECT_EQ(c, 3);
  });
}

TEST(Gather, TakesAnythingThatCanBeAwaited) {
  test::run([]() -> Task<> {
    Lock lock;
    Event event;
    event.set();
    const Instant start = Loop::current().now();
    co_await gather(sleep(1ms), sleep(2ms), lock.acquire(), event.wait());
    EXPECT_EQ(Loop::current().now() - start, 2ms);
    EXPECT_TRUE(lock.locked());
    auto [inner, outer] = co_await gather(gather(give(1), give(2)), give(3));
    EXPECT_EQ(std::get<1>(inner) + outer, 5);
  });
}

TEST(Gather, MovesValuesThatCannotBeCopied) {
  const int alive = test::Tracker::alive;
  test::run([]() -> Task<> {
    const auto make = [](int value) -> Task<std::unique_ptr<test::Tracker>> {
      co_await yield();
      co_return std::make_unique<test::Tracker>(value);
    };
    auto [a, b] = co_await gather(make(1), make(2));
    EXPECT_EQ(a->number() + b->number(), 3);
    std::vector<Task<std::unique_ptr<test::Tracker>>> more;
    more.push_back(make(4));
    const auto values = co_await gather(std::move(more));
    EXPECT_EQ(values.front()->number(), 4);
  });
  EXPECT_EQ(test::Tracker::alive, alive);
}

// F02: the loop closes while it waits
TEST(Gather, EndsWithItsLoop) {
  Log log;
  test::run([&]() -> Task<> {
    spawn([&]() -> Task<> { co_await gather(careful(log, "a", 1ms), careful(log, "b", 2ms)); });
    co_await test::settle();
  });
  EXPECT_EQ(log.text(), "a b");
}

Task<int> quick(int value) {
  co_await yield();
  co_return value;
}
Task<> gathers_three() {
  auto outcome = co_await as_outcome(gather(quick(1), quick(2), quick(3)));
  EXPECT_TRUE(!outcome || std::get<2>(*outcome) == 3);
}

TEST(Gather, OfThreeAllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  EXPECT_EQ(test::allocations_of([&] { loop.run(gathers_three()); }), 0u);
  const auto cancelled = []() -> Task<> {
    auto task = spawn(gathers_three());
    co_await yield();
    task.cancel();
    while (!task.done()) co_await yield();
  };
  EXPECT_LE(test::allocations_of([&] { loop.run(cancelled()); }), 4u)
      << "an exception per child, and one that is told";
}

}  // namespace
