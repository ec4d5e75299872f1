#include "support/allocations.hpp"
#include "support/run.hpp"

#include <array>

namespace {

using namespace eddy;
using test::wait_until_done;

Task<int> sum_to(int depth) {
  if (depth == 0) co_return 0;
  co_return depth + co_await sum_to(depth - 1);
}

// F12, F16
TEST(JoinHandle, GivesTheResultEachTime) {
  test::run([&]() -> Task<> {
    const auto value = []() -> Task<std::string> { co_return "v"; };
    const auto failure = []() -> Task<int> {
      throw std::runtime_error("same");
      co_return 1;
    };
    auto good = spawn(value());
    auto bad = spawn(failure());
    EXPECT_THROW(good.result(), InvalidState);
    EXPECT_THROW(good.exception(), InvalidState);
    EXPECT_EQ(co_await good, "v");
    EXPECT_EQ(co_await good, "v");
    EXPECT_EQ(good.result(), "v");
    EXPECT_EQ(good.exception(), nullptr);
    for (int i = 0; i < 2; ++i) {
      try {
        co_await bad;
      } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "same");
      }
    }
    EXPECT_TRUE(bad.exception());
  });
}

// F12
TEST(JoinHandle, ThrowsTheCancelledOfACancelledTask) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<> { co_await sleep(1h); });
    co_await yield();
    task.cancel("stop");
    EXPECT_FALSE(task.cancelled()) << "only asked so far";
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_THROW(task.exception(), Cancelled);
    EXPECT_THROW(task.result(), Cancelled);
  });
}

// L5, F11
TEST(JoinHandle, OfADoneTaskDoesNotSuspend) {
  test::run([&]() -> Task<> {
    auto task = spawn(sum_to(2));
    co_await test::settle();
    const auto turns = Loop::current().stats().turns;
    EXPECT_EQ(co_await task, 3);
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// C11
TEST(JoinHandle, CannotBeAwaitedByItsOwnTask) {
  test::run([&]() -> Task<> {
    EXPECT_THROW(co_await this_task(), UsageError);
    co_await yield();
  });
}

// L3
TEST(JoinHandle, CallsBackInTheOrderOfRegistrationAndNeverInline) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto task = spawn([]() -> Task<> { co_return; });
    task.on_done([&](const TaskHandle& handle) { log(handle.done() ? "first" : "?"); });
    task.on_done([&](const TaskHandle&) { log("second"); });
    co_await test::settle();
    task.on_done([&](const TaskHandle&) { log("late"); });
    log("registered");
    co_await test::settle();
    EXPECT_EQ(log.text(), "first second registered late");
  });
}

TEST(JoinHandle, HasANameAndAPlace) {
  test::run([&]() -> Task<> {
    auto named = spawn(sum_to(0), {.name = "worker"});
    auto unnamed = spawn(sum_to(0));
    EXPECT_EQ(named.name(), "worker");
    EXPECT_TRUE(unnamed.name().starts_with("Task-"));
    unnamed.set_name("other");
    EXPECT_EQ(unnamed.name(), "other");
    EXPECT_NE(std::string(named.where().file_name()).find("test_join_handle.cpp"),
              std::string::npos);
    EXPECT_EQ(this_task().name(), "main") << "set by run()";
    co_await test::settle();
  });
}

TEST(AllTasks, AreThoseThatAreNotDone) {
  test::run([&]() -> Task<> {
    auto a = spawn(test::settle(3));
    auto b = spawn(sum_to(0));
    EXPECT_EQ(all_tasks().size(), 3u);
    co_await b;
    EXPECT_EQ(all_tasks().size(), 2u);
    EXPECT_TRUE(all_tasks()[1] == a);
    co_await a;
  });
}

// F05
TEST(JoinHandle, OfManySleepersIsWaitedForAsLongAsTheLongestTakes) {
  test::run([&]() -> Task<> {
    const Instant start = Loop::current().now();
    const auto nap = [](int milliseconds) -> Task<int> {
      co_await sleep(std::chrono::milliseconds(milliseconds));
      co_return milliseconds;
    };
    auto a = spawn(nap(100));
    auto b = spawn(nap(80));
    auto c = spawn(nap(90));
    EXPECT_EQ(co_await a + co_await b + co_await c, 270);
    EXPECT_EQ(Loop::current().now() - start, 100ms);
  });
}

// F11
TEST(JoinHandle, HasTheResultOfATaskThatEndedWhileItsCreatorDidOtherWork) {
  test::run([&]() -> Task<> {
    std::vector<JoinHandle<int>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(spawn(sum_to(i)));
    co_await sleep(1ms);
    for (auto& task : tasks) EXPECT_TRUE(task.done());
    EXPECT_EQ(co_await tasks[2], 3);
  });
}

// F13, F53, C6
TEST(JoinHandle, TellsHowEachOfManyThatWereCancelledEnded) {
  test::run([&]() -> Task<> {
    const auto work = [](int kind) -> Task<int> {
      try {
        for (;;) co_await sleep(1s);
      } catch (const Cancelled&) {
        if (kind == 1) throw std::runtime_error("cleanup failed");
        if (kind == 2) co_return 2;
        throw;
      }
    };
    std::vector<JoinHandle<int>> tasks;
    for (int kind = 0; kind < 3; ++kind) tasks.push_back(spawn(work(kind)));
    co_await sleep(5s);
    for (auto& task : tasks) EXPECT_TRUE(task.cancel());
    for (auto& task : tasks) EXPECT_FALSE(task.done()) << "cancel() only asks";
    for (auto& task : tasks) co_await wait_until_done(task);
    EXPECT_TRUE(tasks[0].cancelled());
    EXPECT_TRUE(tasks[1].exception());
    EXPECT_EQ(tasks[2].result(), 2);
  });
}

// L4
TEST(JoinHandle, HasNoResultBeforeTheTaskIsDoneNorAfterItWasCancelled) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<int> {
      co_await sleep(1h);
      co_return 1;
    });
    EXPECT_THROW(task.result(), InvalidState) << "not begun";
    co_await yield();
    EXPECT_THROW(task.result(), InvalidState) << "waiting";
    EXPECT_THROW(task.exception(), InvalidState);
    task.cancel("enough");
    EXPECT_THROW(task.result(), InvalidState) << "only asked";
    co_await wait_until_done(task);
    for (int i = 0; i < 2; ++i) {
      try {
        static_cast<void>(task.result());
        ADD_FAILURE() << "a result";
      } catch (const Cancelled& cancelled) {
        EXPECT_EQ(cancelled.message(), "enough");
      }
    }
  });
}

TEST(JoinHandle, WithoutATaskRefusesEverything) {
  JoinHandle<int> none;
  EXPECT_FALSE(none.valid());
  EXPECT_THROW(none.done(), UsageError);
  EXPECT_THROW(none.cancel(), UsageError);
  EXPECT_THROW(none.result(), UsageError);
}

// L3: each waiter is woken, in the order in which they came
TEST(JoinHandle, MayBeAwaitedByMany) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto task = spawn([]() -> Task<std::string> {
      co_await sleep(1ms);
      co_return "value";
    });
    const auto wait = [&](std::string name) -> Task<> { log(name + ":" + co_await task); };
    auto a = spawn(wait("a"));
    auto b = spawn(wait("b"));
    task.on_done([&](const TaskHandle&) { log("callback"); });
    co_await b;
    EXPECT_TRUE(a.done());
    EXPECT_EQ(log.text(), "callback a:value b:value");
  });
}

// L6
TEST(JoinHandle, ReportsWhatACallbackThrowsAndGoesOn) {
  Loop loop(test::options());
  std::vector<std::string> reports;
  loop.on_exception([&](const ExceptionReport& report) { reports.emplace_back(report.message); });
  bool second = false;
  const auto main = [&]() -> Task<> {
    auto task = spawn(sum_to(1));
    task.on_done([](const TaskHandle&) { throw std::runtime_error("callback"); });
    task.on_done([&](const TaskHandle&) { second = true; });
    co_await task;
    co_await test::settle();
  };
  loop.run(main());
  EXPECT_EQ(reports, (std::vector<std::string>{"exception in an on_done callback"}));
  EXPECT_TRUE(second);
}

TEST(JoinHandle, CallsBackOnlyWhileTheLoopIsOpen) {
  JoinHandle<int> task;
  bool called = false;
  {
    Loop loop(test::options());
    task = loop.spawn(sum_to(2));
    while (loop.turn()) {
    }
    task.on_done([&](const TaskHandle&) { called = true; });
    loop.turn();
    EXPECT_TRUE(called);
    task.on_done([&](const TaskHandle&) { called = false; });
    loop.close();
    EXPECT_FALSE(called) << "registered before the end, called before the end";
    EXPECT_THROW(task.on_done([](const TaskHandle&) {}), UsageError);
  }
  EXPECT_THROW(task.on_done([](const TaskHandle&) {}), UsageError);
  EXPECT_EQ(task.result(), 3) << "the result outlives the loop";
  EXPECT_FALSE(task.cancel());
}

// C11
TEST(JoinHandle, OfAnotherLoopCannotBeWaitedFor) {
  Loop other(test::options());
  auto theirs = other.spawn(sum_to(2));
  test::run([&]() -> Task<> {
    EXPECT_THROW(co_await theirs, UsageError);
    while (other.turn()) {
    }
    EXPECT_EQ(co_await theirs, 3) << "done: there is nothing to wait for";
  });
}

// Each keeps its error for whoever looks; what nobody saw is reported once, whatever saw it.
std::vector<std::string> reports_of(void (*look)(JoinHandle<int>&)) {
  std::vector<std::string> reports;
  Loop loop(test::options());
  loop.on_exception([&](const ExceptionReport& report) { reports.push_back(report.task); });
  const auto fails = []() -> Task<int> {
    co_await yield();
    throw std::runtime_error("lost");
  };
  auto task = loop.spawn(fails(), {.name = "failed"});
  auto copy = task;
  while (loop.turn()) {
  }
  EXPECT_TRUE(task.done());
  look(task);
  task = {};
  EXPECT_TRUE(reports.empty()) << "a handle is left";
  copy = {};
  loop.close();
  return reports;
}

// F15, B6
TEST(JoinHandle, ReportsAnExceptionOnceWhenTheLastOneDies) {
  const std::vector<std::string> once{"failed"};
  EXPECT_EQ(reports_of([](JoinHandle<int>&) {}), once);
  EXPECT_EQ(reports_of([](JoinHandle<int>& task) {
              EXPECT_TRUE(task.done());
              EXPECT_FALSE(task.cancelled());
            }),
            once)
      << "only looking at it retrieves it";
}

// F15, F16, B6
TEST(JoinHandle, DoesNotReportAnExceptionThatWasRetrieved) {
  const std::vector<std::string> none;
  EXPECT_EQ(reports_of([](JoinHandle<int>& task) { EXPECT_TRUE(task.exception()); }), none);
  EXPECT_EQ(
      reports_of([](JoinHandle<int>& task) { EXPECT_THROW(task.result(), std::runtime_error); }),
      none);
}

// F15: somebody tried to stop it, in vain, and so has heard of its end
TEST(JoinHandle, DoesNotReportTheExceptionOfATaskThatWasCancelledTooLate) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<> {
      co_await yield();
      throw std::runtime_error("too early");
    });
    co_await test::settle();
    EXPECT_FALSE(task.cancel());
  });  // a report would fail the test
}

// B5: a task is never destroyed while it waits
TEST(JoinHandle, OfATaskThatWasWaitingWhenItsLoopDiedIsDone) {
  JoinHandle<> task;
  bool unwound = false;
  // Outlives the loop: its frame still runs while the loop dies.
  const auto work = [&]() -> Task<> {
    try {
      co_await sleep(1h);
    } catch (const Cancelled& cancelled) {
      EXPECT_EQ(cancelled.message(), "the loop is closed");
      unwound = true;
      throw;
    }
  };
  {
    Loop loop(test::options());
    task = loop.spawn(work());
    loop.turn();
  }
  EXPECT_TRUE(unwound);
  EXPECT_TRUE(task.done());
  EXPECT_TRUE(task.cancelled());
}

TEST(JoinHandle, AllocatesNothingHoweverATaskIsJoined) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([&]() -> Task<> {
    const auto use = [&]() -> Task<> {
      std::array<JoinHandle<int>, 10> tasks;
      for (auto& task : tasks) task = spawn(sum_to(3), {.name = "a name that is long enough"});
      int callbacks = 0;
      for (auto& task : tasks) task.on_done([&](const TaskHandle&) { ++callbacks; });
      for (auto& task : tasks) co_await task;
      co_await yield();
      EXPECT_EQ(callbacks, 10);
    };
    for (int i = 0; i < 3; ++i) co_await use();
    const auto before = test::allocations();
    co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
