// Names of functions are tested here: in no namespace but its own.
// What is said of a task that is used as no task can be, and of one that failed: the texts.
#include "support/run.hpp"

#include <eddy/base/description.hpp>

#include <thread>

#pragma GCC diagnostic ignored "-Wreturn-type"  // on purpose, below

namespace {

using namespace eddy;

Task<> returns() { co_return; }
Task<int> counts() { co_return 1; }

// "a() (file.cpp:12)" without the line, which GCC 12 counts otherwise.
std::string without_lines(std::string text) {
  for (std::size_t at; (at = text.find(" (/")) != std::string::npos ||
                       (at = text.find(" (..")) != std::string::npos ||
                       (at = text.find(" (tests")) != std::string::npos;) {
    text.erase(at, text.find(')', at) + 1 - at);
  }
  return text;
}

template <class F>
std::string said_by(F&& mistake) {
  try {
    mistake();
  } catch (const UsageError& error) {
    return without_lines(error.what());
  }
  return "nothing";
}

// -- tasks --

template <class T>
Task<std::string> awaits(Task<T>& task) {
  std::string said = "nothing";
  try {
    co_await task;
  } catch (const UsageError& error) {
    said = without_lines(error.what());
  }
  co_return said;
}

TEST(MisuseText, NamesTheTaskThatWasAwaitedTwiceAndByWhom) {
  test::run([]() -> Task<> {
    auto task = returns();
    co_await task;
    EXPECT_EQ(co_await spawn(awaits(task), {.name = "second"}),
              "a task was awaited twice: returns(), by second in awaits()");
  });
}

TEST(MisuseText, SaysWhereTheTaskThatWasAwaitedTwiceIs) {
  test::run([]() -> Task<> {
    auto task = returns();
    std::string where = to_text(spawn(returns()).where());
    co_await task;
    std::string said;
    try {
      co_await task;
    } catch (const UsageError& error) {
      said = error.what();
    }
    EXPECT_EQ(said, "a task was awaited twice: " + where + ", by main in " +
                        to_text(this_task().where()));
  });
}

TEST(MisuseText, NamesTheTypeOfATaskThatIsGone) {
  test::run([]() -> Task<> {
    auto task = counts();
    const auto value = co_await spawn(std::move(task));
    EXPECT_EQ(value, 1);
    EXPECT_EQ(co_await spawn(awaits(task), {.name = "late"}),
              "co_await of a task that was moved from, spawned, or awaited before: Task<int>, "
              "by late in awaits()");
    EXPECT_EQ(said_by([&] { spawn(std::move(task)); }),
              "spawn of a task that was moved from, spawned, or awaited before: Task<int>, "
              "by main in " + without_lines(to_text(this_task().where())));
  });
}

TEST(MisuseText, NamesTheTaskThatIsSpawnedAfterItWasAwaited) {
  test::run([]() -> Task<> {
    const std::string by = "by main in " + without_lines(to_text(this_task().where()));
    auto task = returns();
    co_await task;
    EXPECT_EQ(said_by([&] { spawn(std::move(task)); }),
              "a task was awaited twice: returns(), " + by);
    auto other = counts();
    const auto give = [&] { return std::move(other); };
    EXPECT_EQ(co_await spawn(give), 1);
    EXPECT_EQ(said_by([&] { spawn(give); }),
              "spawn of a task that was moved from, spawned, or awaited before: Task<int>, " + by);
  });
}

TEST(MisuseText, SaysSoOutsideOfATaskToo) {
  Loop loop(test::options());
  auto task = counts();
  task.discard();
  EXPECT_EQ(said_by([&] { loop.spawn(std::move(task)); }),
            "spawn of a task that was moved from, spawned, or awaited before: Task<int>");
}

// -- handles and awaitables --

TEST(MisuseText, NamesWhoUsesAHandleWithoutATask) {
  test::run([]() -> Task<> {
    const std::string by = ", by main in " + without_lines(to_text(this_task().where()));
    JoinHandle<int> none;
    EXPECT_EQ(said_by([&] { none.cancel(); }),
              "a handle without a task, or moved from, was used" + by);
    auto handle = spawn(counts());
    auto moved = std::move(handle);
    EXPECT_EQ(said_by([&] { static_cast<void>(handle.operator co_await()); }),
              "a handle without a task, or moved from, was used" + by);
    EXPECT_EQ(co_await moved, 1);
  });
}

Task<std::string> waits_for_itself() {
  std::string said;
  try {
    co_await this_task();
  } catch (const UsageError& error) {
    said = without_lines(error.what());
  }
  co_return said;
}

TEST(MisuseText, NamesTheTaskThatWaitsForItself) {
  test::run([]() -> Task<> {
    EXPECT_EQ(co_await spawn(waits_for_itself(), {.name = "narcissus"}),
              "a task cannot wait for itself, by narcissus in waits_for_itself()");
  });
}

template <class A>
Task<std::string> awaits_again(A awaitable) {
  std::string said;
  co_await awaitable;
  try {
    co_await awaitable;
  } catch (const UsageError& error) {
    said = without_lines(error.what());
  }
  co_return said;
}

TEST(MisuseText, NamesWhoAwaitsAnAwaitableTwice) {
  test::run([]() -> Task<> {
    EXPECT_EQ(co_await spawn(awaits_again(sleep(1ms)), {.name = "again"}),
              "an awaitable can be awaited once: ask for another one, by again in awaits_again()");
    Event event;
    auto waiting = spawn(awaits_again(event.wait()), {.name = "again"});
    co_await test::settle();
    event.set();
    event.clear();
    EXPECT_EQ(co_await waiting,
              "what waits for a primitive can be awaited once: ask the primitive again, "
              "by again in awaits_again()");
  });
}

TEST(MisuseText, NamesTheTaskOfAnotherLoop) {
  Loop other(test::options());
  auto theirs = other.spawn(returns(), {.name = "theirs"});
  test::run([&]() -> Task<> {
    std::string said;
    try {
      co_await theirs;
    } catch (const UsageError& error) {
      said = without_lines(error.what());
    }
    EXPECT_EQ(said, "a task of another loop cannot be awaited: use run_from_thread() for theirs in "
                    "returns(), by main in " + without_lines(to_text(this_task().where())));
  });
}

// -- no co_return --

Task<int> forgets(bool waits) {
  if (waits) co_await sleep(1ms);
}

template <class A>
Task<std::string> said_by_awaiting(A awaitable) {
  std::string said;
  try {
    said = std::to_string(co_await awaitable);
  } catch (const UsageError& error) {
    said = without_lines(error.what());
  }
  co_return said;
}

TEST(NoCoReturn, IsAUsageErrorThatNamesTheCoroutine) {
  const std::string expected = "a coroutine ended without co_return: forgets()";
  test::run([&]() -> Task<> {
    for (const bool waits : {false, true}) {
      EXPECT_EQ(co_await said_by_awaiting(forgets(waits)), expected) << waits;
      EXPECT_EQ(co_await said_by_awaiting(spawn(forgets(waits))), expected) << waits;
      auto outcome = co_await as_outcome(forgets(waits));
      EXPECT_EQ(without_lines(to_text(outcome.error().exception())), expected) << waits;
    }
  });
  for (const bool waits : {false, true}) {
    EXPECT_EQ(said_by([&] { run(forgets(waits)); }), expected);
  }
}

// -- reports --

Task<> fails() {
  co_await yield();
  throw std::runtime_error("why");
}

TEST(ReportText, NamesTheTaskItsFunctionAndItsFailure) {
  Loop loop(test::options());
  std::string line;
  std::string where;
  loop.on_exception([&](const ExceptionReport& report) { line = to_text(report); });
  loop.run([&]() -> Task<> {
    where = to_text(spawn(fails(), {.name = "worker"}).where());
    co_await test::settle();
  }());
  EXPECT_EQ(line, "task exception was never retrieved [worker] in " + where + ": why");
  EXPECT_EQ(without_lines(line),
            "task exception was never retrieved [worker] in fails(): why");
}

TEST(ReportText, TellsHowLongAStepTook) {
  EXPECT_EQ(to_text({.message = "a step held the loop", .task = "slow", .took = 150ms}),
            "a step held the loop [slow] for 150ms");
}

// -- an error of main that nobody catches --

void dies_of_main() {
  std::thread([] { run(fails()); }).join();  // gtest would catch it
}

TEST(UncaughtErrorDeathTest, IsReportedWithItsTaskBeforeTheProcessEnds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(dies_of_main(), "eddy: nobody caught what the main task ended with \\[main\\] in "
                               "fails\\(\\) \\(.*test_messages.cpp:[0-9]+\\): why");
}

TEST(UncaughtErrorDeathTest, GoesToTheLoopsHandler) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(std::thread([] {
                 Loop loop;
                 loop.on_exception([](const ExceptionReport& report) {
                   std::fprintf(stderr, "mine: %s\n", without_lines(to_text(report)).c_str());
                 });
                 loop.run(fails());
               }).join(),
               "mine: nobody caught what the main task ended with \\[main\\] in fails\\(\\): why");
}

TEST(CaughtError, IsNotReportedAndLeavesTheTerminateHandler) {
  const auto before = std::get_terminate();
  Loop loop(test::options());
  int reports = 0;
  loop.on_exception([&](const ExceptionReport&) { ++reports; });
  EXPECT_THROW(loop.run(fails()), std::runtime_error);
  loop.close();
  EXPECT_EQ(reports, 0);
  EXPECT_EQ(std::get_terminate(), before);
}

}  // namespace
