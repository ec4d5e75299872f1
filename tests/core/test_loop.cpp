#include "kernel.hpp"
#include "support/run.hpp"

#include <thread>

namespace {

using namespace eddy;
using namespace std::chrono_literals;

// L1
TEST(Loop, RunsWhatWasReadyWhenTheTurnBegan) {
  Loop loop(test::options());
  test::Log log;
  const auto second = [&]() -> Task<> {
    log("second");
    co_return;
  };
  const auto first = [&]() -> Task<> {
    log("first");
    spawn(second());
    co_return;
  };
  loop.spawn(first());
  loop.turn();
  EXPECT_EQ(log.text(), "first");
  loop.turn();
  EXPECT_EQ(log.text(), "first second");
}

// L1: the starvation guard
TEST(Loop, LetsOperationsAndTimersThroughATaskThatYieldsForEver) {
  Loop loop;
  const auto greedy = []() -> Task<> {
    for (;;) co_await yield();
  };
  const auto main = [&]() -> Task<> {
    spawn(greedy());
    co_await test::nop();
    co_await sleep(1ms);
  };
  loop.run(main());
}

// A batch is what there may be more of, not what must come.
TEST(Loop, DoesNotWaitForABatchThatNeverComes) {
  for (const Duration wait : {Duration::zero(), Duration(1ms)}) {
    Loop loop({.batch = 8, .batch_wait = wait});
    const auto main = [&]() -> Task<> {
      test::Pipe silent, pipe;
      auto never = spawn([&]() -> Task<> {
        char byte;
        co_await test::read(silent.out.get(), &byte, 1);
      });
      auto one = spawn([&]() -> Task<int> {
        char byte;
        co_return co_await test::read(pipe.out.get(), &byte, 1);
      });
      co_await yield();
      pipe.put("x");
      EXPECT_EQ(co_await one, 1);
      never.cancel();
      co_await test::wait_until_done(never);
    };
    loop.run(main());
  }
}

// L7
TEST(Loop, StopsAfterTheTurn) {
  Loop loop(test::options());
  const auto stopper = [&]() -> Task<> {
    loop.stop();
    co_await yield();
    co_await yield();
  };
  EXPECT_THROW(loop.run(stopper()), UsageError);
  const auto other = []() -> Task<int> { co_return 4; };
  EXPECT_EQ(loop.run(other()), 4) << "the loop goes on, and so does the task";
}

// L8, R2
TEST(Loop, ClosesOnceAndRefusesEverythingAfter) {
  Loop loop(test::options());
  loop.close();
  loop.close();
  const auto task = []() -> Task<> { co_return; };
  EXPECT_THROW(loop.run(task()), UsageError);
  EXPECT_THROW(loop.spawn(task()), UsageError);
  EXPECT_THROW(loop.turn(), UsageError);
  EXPECT_THROW(loop.post([] {}), UsageError);
}

TEST(Loop, RefusesToCloseWhileItRuns) {
  Loop loop(test::options());
  const auto main = [&]() -> Task<> {
    EXPECT_THROW(loop.close(), UsageError);
    co_return;
  };
  loop.run(main());
}

// F03
TEST(Loop, RefusesToRunInsideOfARun) {
  Loop loop(test::options());
  const auto inner = []() -> Task<> { co_return; };
  const auto main = [&]() -> Task<int> {
    EXPECT_THROW(run(inner()), UsageError);
    EXPECT_THROW(loop.run(inner()), UsageError);
    EXPECT_THROW(loop.turn(), UsageError);
    co_return 5;
  };
  EXPECT_EQ(loop.run(main()), 5) << "the outer loop goes on";
}

// F02
TEST(Loop, RunsOneAfterTheOther) {
  for (int i = 0; i < 3; ++i) {
    const auto main = [i]() -> Task<int> {
      co_await sleep(1us);
      co_return i;
    };
    EXPECT_EQ(run(main()), i);
  }
}

// F02, R4: what is left is cancelled, and its cleanup has run before run() returns
TEST(Loop, CancelsWhatIsLeftWhenRunEnds) {
  test::Log log;
  const auto left = [&]() -> Task<> {
    co_await try_finally(sleep(1h), [&]() -> Task<> {
      co_await yield();
      log("cleanup");
    });
  };
  const auto main = [&]() -> Task<int> {
    spawn(left());
    co_await yield();
    log("main");
    co_return 1;
  };
  EXPECT_EQ(run(main()), 1);
  EXPECT_EQ(log.text(), "main cleanup");
}

// R4: also when main throws; errors of the others go to the handler
TEST(Loop, ReportsWhatFailsWhileItCloses) {
  std::vector<std::string> reports;
  {
    Loop loop(test::options());
    loop.on_exception([&](const ExceptionReport& report) { reports.push_back(report.task); });
    const auto left = []() -> Task<> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
        throw std::runtime_error("cleanup failed");
      }
    };
    const auto main = [&]() -> Task<> {
      spawn(left(), {.name = "left"});
      co_await yield();
      throw std::runtime_error("main failed");
    };
    EXPECT_THROW(loop.run(main()), std::runtime_error);
  }
  EXPECT_EQ(reports, (std::vector<std::string>{"left"}));
}

// F04, L9
TEST(Loop, IsCurrentOnlyWhileItRuns) {
  EXPECT_THROW(Loop::current(), UsageError);
  EXPECT_THROW(this_task(), UsageError);
  Loop loop(test::options());
  EXPECT_THROW(Loop::current(), UsageError);
  const auto main = [&]() -> Task<> {
    EXPECT_EQ(&Loop::current(), &loop);
    co_return;
  };
  loop.run(main());
  EXPECT_THROW(spawn(main()), UsageError);
}

TEST(Loop, TurnsInsideATaskOfAnotherLoop) {
  Loop inner(test::options());
  test::Log log;
  const auto inner_task = [&]() -> Task<> {
    EXPECT_EQ(&Loop::current(), &inner);
    log("inner");
    co_return;
  };
  test::run([&]() -> Task<> {
    Loop& outer = Loop::current();
    inner.spawn(inner_task());
    inner.turn();
    EXPECT_EQ(&Loop::current(), &outer);
    EXPECT_TRUE(this_task().valid());
    log("outer");
    co_return;
  });
  EXPECT_EQ(log.text(), "inner outer");
}

TEST(Loop, SaysWhenNothingIsLeftToDo) {
  Loop loop(test::options());
  EXPECT_FALSE(loop.turn());
  const auto task = []() -> Task<> {
    co_await yield();
    co_await yield();
  };
  loop.spawn(task());
  EXPECT_TRUE(loop.turn());
  EXPECT_TRUE(loop.turn());
  EXPECT_FALSE(loop.turn());
}

TEST(Loop, FreezesTheTimeDuringATurn) {
  Loop loop;
  const auto main = [&]() -> Task<> {
    const Instant before = loop.now();
    while (std::chrono::steady_clock::now() <= before + 10us) {
    }
    EXPECT_EQ(loop.now(), before);
    co_await yield();
    EXPECT_GT(loop.now(), before);
  };
  loop.run(main());
}

TEST(Loop, TellsItsDeadline) {
  Loop loop(test::options());
  EXPECT_EQ(loop.deadline().has_value(), true) << "its own poll is not submitted yet";
  loop.turn();
  EXPECT_EQ(loop.deadline(), std::nullopt);
  const auto sleeper = []() -> Task<> { co_await sleep(1h); };
  loop.spawn(sleeper());
  EXPECT_LE(*loop.deadline(), loop.now());
  loop.turn();
  loop.turn();
  EXPECT_GE(*loop.deadline(), loop.now());
}

TEST(Loop, CountsWhatItDoes) {
  test::run([&]() -> Task<> {
    const Stats before = Loop::current().stats();
    for (int i = 0; i < 10; ++i) co_await test::nop();
    const Stats after = Loop::current().stats();
    EXPECT_EQ(after.completed - before.completed, 10u);
    EXPECT_EQ(after.submitted - before.submitted, 10u);
    EXPECT_EQ(after.turns - before.turns, 10u);
    EXPECT_EQ(after.steps - before.steps, 10u);
    EXPECT_EQ(after.tasks, 1u);
  });
}

TEST(Loop, SpinsAndBatchesWithTheSameResults) {
  for (const LoopOptions& options :
       {LoopOptions{.spin = 50us}, LoopOptions{.batch = 8, .batch_wait = 100us},
        LoopOptions{.timer_slack = 1ms}}) {
    Loop loop(options);
    const auto main = []() -> Task<int> {
      int sum = 0;
      std::vector<JoinHandle<int>> tasks;
      for (int i = 0; i < 20; ++i) {
        tasks.push_back(spawn([]() -> Task<int> {
          co_await test::nop();
          co_await sleep(200us);
          co_return 1;
        }));
      }
      for (auto& task : tasks) sum += co_await task;
      co_return sum;
    };
    EXPECT_EQ(loop.run(main()), 20);
  }
}

TEST(Loop, RunsAHundredThousandTasks) {
  test::run([&]() -> Task<> {
    int done = 0;
    std::vector<JoinHandle<>> tasks;
    for (int i = 0; i < 100'000; ++i) {
      tasks.push_back(spawn([&, i]() -> Task<> {
        co_await sleep(std::chrono::microseconds(i % 1000));
        ++done;
      }));
    }
    for (auto& task : tasks) co_await task;
    EXPECT_EQ(done, 100'000);
  });
}

// -- diagnosis --

struct Reports {
  explicit Reports(Loop& loop) {
    loop.on_exception([this](const ExceptionReport& report) {
      lines.push_back(std::string(report.message) + " [" + report.task + "]");
      where = report.where.file_name();
    });
  }
  std::vector<std::string> lines;
  std::string where;
};

// F08, B1
TEST(Debug, ReportsAStepThatHeldTheLoop) {
  Loop loop({.slow_step = 1ms, .debug = true});
  Reports reports(loop);
  const auto slow = []() -> Task<> {
    const Instant start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < start + 2ms) {
    }
    co_await yield();
  };
  loop.spawn(slow(), {.name = "slow"});
  while (loop.turn()) {
  }
  EXPECT_EQ(reports.lines, (std::vector<std::string>{"a step held the loop [slow]"}));
  EXPECT_NE(reports.where.find("test_loop.cpp"), std::string::npos);
}

// R5
TEST(Debug, IsOnInAllLoopsWhenTheEnvironmentSaysSo) {
  EXPECT_FALSE(Loop().debug());
  ::setenv("EDDY_DEBUG", "1", 1);
  EXPECT_TRUE(Loop().debug());
  ::setenv("EDDY_DEBUG", "0", 1);
  EXPECT_FALSE(Loop().debug());
  ::unsetenv("EDDY_DEBUG");
}

// F07, B3
TEST(Debug, ReportsATaskThatWasNeverAwaitedOnce) {
  Loop loop({.debug = true, .virtual_time = true});
  Reports reports(loop);
  const auto forgotten = []() -> Task<> { co_return; };
  const auto main = [&]() -> Task<> {
    { auto task = forgotten(); }
    auto refused = forgotten();
    refused.discard();
    co_await forgotten();
  };
  loop.run(main());
  EXPECT_EQ(reports.lines, (std::vector<std::string>{"a task was never awaited []"}));
  EXPECT_NE(reports.where.find("test_loop.cpp"), std::string::npos);
}

// F14, F15, B6
TEST(Debug, ReportsAnExceptionThatNobodyTookOnce) {
  Loop loop(test::options());
  Reports reports(loop);
  const auto fails = []() -> Task<> {
    throw std::runtime_error("lost");
    co_return;
  };
  const auto main = [&]() -> Task<> {
    spawn(fails(), {.name = "dropped"});
    auto kept = spawn(fails(), {.name = "taken"});
    auto looked_at = spawn(fails());
    auto cancelled = spawn(fails());
    co_await yield();
    try {
      co_await kept;
    } catch (const std::runtime_error&) {
    }
    EXPECT_TRUE(looked_at.exception());
    static_cast<void>(cancelled);
  };
  loop.run(main());
  loop.close();
  EXPECT_EQ(reports.lines,
            (std::vector<std::string>{"task exception was never retrieved [dropped]",
                                      "task exception was never retrieved [Task-5]"}));
}

// B8
TEST(Debug, SurvivesAHandlerThatThrows) {
  Loop loop(test::options());
  int called = 0;
  loop.on_exception([&](const ExceptionReport&) {
    ++called;
    throw std::runtime_error("handler");
  });
  testing::internal::CaptureStderr();
  loop.post([] { throw std::runtime_error("posted"); });
  loop.turn();
  loop.turn();
  EXPECT_EQ(called, 1);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("posted"), std::string::npos);
}

// L9, B2
TEST(Loop, RefusesOtherThreads) {
  Loop loop(test::options());
  const auto task = []() -> Task<> { co_return; };
  std::thread([&] {
    EXPECT_THROW(loop.spawn(task()), UsageError);
    EXPECT_THROW(loop.turn(), UsageError);
    EXPECT_THROW(loop.run(task()), UsageError);
    EXPECT_THROW(loop.close(), UsageError);
    EXPECT_THROW(loop.fd(), UsageError);
  }).join();
}

TEST(Loop, DoesNotBlockInATurnInWhichSomethingRan) {
  Loop loop(test::options());
  const auto sleeper = []() -> Task<> { co_await sleep(1h); };
  loop.spawn(sleeper());
  bool ran = false;
  loop.post([&] { ran = true; });
  const Instant start = loop.now();
  while (!ran) loop.turn(1min);
  EXPECT_EQ(loop.now(), start);
  while (loop.now() == start) loop.turn(1min);  // then it does
  EXPECT_EQ(loop.now(), start + 1min);
}

}  // namespace
