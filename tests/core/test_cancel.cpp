// The rules C1 to C13 of cancellation, one by one. What the kernel does is in test_operation.cpp.
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::wait_until_done;

Task<> sleep_for_ever(test::Log& log) {
  try {
    co_await sleep(1h);
  } catch (const Cancelled& cancelled) {
    log("cancelled:" + std::string(cancelled.message()));
    throw;
  }
}

// C1
TEST(Cancel, ReachesTheInnermostLeafThroughTasksAndCoroutines) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto inner = spawn(sleep_for_ever(log));
    const auto joins = [&]() -> Task<> { co_await inner; };
    const auto deeper = [&]() -> Task<> { co_await joins(); };
    auto outer = spawn(deeper());
    co_await test::settle();
    EXPECT_TRUE(outer.cancel());
    co_await wait_until_done(outer);
    EXPECT_TRUE(inner.cancelled());
    EXPECT_TRUE(outer.cancelled());
    EXPECT_EQ(outer.cancelling(), 1u);
    EXPECT_EQ(inner.cancelling(), 1u);
  });
}

// C1
TEST(Cancel, OfADoneTaskIsFalseAndCountsNothing) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<> { co_return; });
    co_await task;
    EXPECT_FALSE(task.cancel());
    EXPECT_EQ(task.cancelling(), 0u);
  });
}

// C2
TEST(Cancel, OfTheRunningTaskIsDeliveredAtItsNextWait) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto task = spawn([&]() -> Task<> {
      this_task().cancel();
      Lock lock;
      co_await lock.acquire();  // does not suspend, so nothing is delivered (L5)
      log("after");
      co_await sleep_for_ever(log);
    });
    co_await wait_until_done(task);
    EXPECT_EQ(log.text(), "after cancelled:");
  });
}

// C2, bpo-34872
TEST(Cancel, OfTheRunningTaskReachesTheTaskItThenAwaits) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto inner = spawn(sleep_for_ever(log));
    co_await yield();
    auto task = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await inner;
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(inner.cancelled());
    EXPECT_TRUE(task.cancelled());
  });
}

// C2
TEST(Cancel, BeforeAReturnDropsTheValue) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<std::string> {
      this_task().cancel("dropped");
      co_return "value";
    });
    try {
      co_await task;
      ADD_FAILURE() << "a value";
    } catch (const Cancelled& cancelled) {
      EXPECT_EQ(cancelled.message(), "dropped");
    }
    EXPECT_TRUE(task.cancelled());
  });
}

// C2
TEST(Cancel, LosesAgainstAnotherException) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<> {
      this_task().cancel();
      throw std::runtime_error("wins");
      co_return;
    });
    EXPECT_THROW(co_await task, std::runtime_error);
    EXPECT_FALSE(task.cancelled());
  });
}

// C5
TEST(Cancel, InterruptsACleanup) {
  test::run([&]() -> Task<> {
    bool cleaned = false;
    auto task = spawn([&]() -> Task<> {
      co_await try_finally(sleep(1h), [&]() -> Task<> {
        co_await sleep(1h);
        cleaned = true;
      });
    });
    co_await yield();
    task.cancel();
    co_await test::settle();
    EXPECT_FALSE(task.done());
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_FALSE(cleaned);
  });
}

// C1: through three tasks and the frames between them, down to the leaf, which unwinds first
TEST(Cancel, UnwindsFromTheLeafOutwards) {
  test::run([&]() -> Task<> {
    test::Log log;
    const auto layer = [&](std::string name, auto inner) -> Task<> {
      try {
        co_await std::move(inner);
      } catch (const Cancelled&) {
        log(name);
        throw;
      }
    };
    auto a = spawn(layer("a", layer("a's frame", sleep(1h))));
    auto b = spawn(layer("b", layer("b's frame", a.operator co_await())));
    auto c = spawn(layer("c", layer("c's frame", b.operator co_await())));
    co_await test::settle();
    c.cancel();
    co_await wait_until_done(c);
    EXPECT_EQ(log.text(), "a's frame a b's frame b c's frame c");
    EXPECT_TRUE(a.cancelled() && b.cancelled() && c.cancelled());
  });
}

// C1: tasks that wait for each other can be stopped, by hand and when the loop closes
TEST(Cancel, BreaksACircleOfTasksThatWaitForEachOther) {
  for (const bool by_hand : {true, false}) {
    test::run([&]() -> Task<> {
      JoinHandle<> a, b, c;
      a = spawn([&]() -> Task<> { co_await b; });
      b = spawn([&]() -> Task<> { co_await c; });
      c = spawn([&]() -> Task<> { co_await a; });
      co_await test::settle();
      if (!by_hand) co_return;
      b.cancel();
      for (auto* task : {&a, &b, &c}) {
        co_await wait_until_done(*task);
        EXPECT_TRUE(task->cancelled());
      }
    });
  }
}

// C2: the task swallows the first one; the pending one comes at the next wait, not in this one
TEST(Cancel, OfTheRunningTaskIsNotDeliveredByWhatDoesNotSuspend) {
  test::run([&]() -> Task<> {
    test::Log log;
    const auto child = [&]() -> Task<int> {
      log("child");
      co_return 1;
    };
    auto done = spawn(child());
    co_await done;
    auto task = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await child();
      co_await done;
      co_await timeout(1ms, child());
      log("before the wait");
      co_await yield();
      log("after");
    });
    co_await wait_until_done(task);
    EXPECT_EQ(log.text(), "child child child before the wait");
    EXPECT_TRUE(task.cancelled());
  });
}

// C4: the value stays in the inner task, where it can be had
TEST(Cancel, WinsInTheTurnInWhichTheAwaitedTaskEnded) {
  test::run([&]() -> Task<> {
    auto inner = spawn([]() -> Task<int> {
      co_await yield();
      co_return 5;
    });
    bool got = false;
    auto outer = spawn([&]() -> Task<> {
      co_await inner;
      got = true;
    });
    co_await yield();
    EXPECT_FALSE(inner.done());
    co_await yield();  // this turn: inner ended and woke outer; outer runs in the next one
    EXPECT_TRUE(inner.done());
    EXPECT_TRUE(outer.cancel());
    co_await wait_until_done(outer);
    EXPECT_TRUE(outer.cancelled());
    EXPECT_FALSE(got);
    EXPECT_EQ(inner.result(), 5);
    EXPECT_EQ(inner.cancelling(), 0u);
  });
}

// C11
TEST(Cancel, OfATaskThatTriedToWaitForItselfFindsNothing) {
  test::run([&]() -> Task<> {
    JoinHandle<> task;
    const auto child = [&]() -> Task<> { co_await task; };
    task = spawn([&]() -> Task<> {
      EXPECT_THROW(co_await child(), UsageError);
      EXPECT_THROW(co_await timeout(1ms, task), UsageError);
      EXPECT_THROW(co_await shield(task), UsageError);
    });
    co_await task;
    EXPECT_EQ(Loop::current().stats().timers, 0u);
  });
}

// F50
TEST(Cancel, RunsTheCleanupsFromTheInsideOutAndThoseMayWait) {
  test::run([&]() -> Task<> {
    test::Log log;
    const auto cleanup = [&](std::string name) {
      return [&log, name]() -> Task<> {
        co_await sleep(1ms);
        log(name);
      };
    };
    const auto inner_cleanup = cleanup("inner");
    const auto outer_cleanup = cleanup("outer");
    const auto body = [&]() -> Task<> { co_await try_finally(sleep(1h), inner_cleanup); };
    auto task = spawn([&]() -> Task<> { co_await try_finally(body(), outer_cleanup); });
    co_await yield();
    task.cancel();
    co_await test::settle();
    EXPECT_FALSE(task.done()) << "it is not cancelled before its cleanups ended";
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(log.text(), "inner outer");
  });
}

}  // namespace
