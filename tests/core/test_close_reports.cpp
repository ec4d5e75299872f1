// What fails while its loop closes is reported by the end of close(), and to the loop's handler.
#include "support/run.hpp"

#include <algorithm>
#include <stdexcept>

namespace {

using namespace eddy;

Task<> fails_when_asked() {
  auto outcome = co_await as_outcome(sleep(1h));
  if (!outcome) throw std::runtime_error("cleanup failed");
}

Task<> fails() {
  co_await yield();
  throw std::runtime_error("failed");
}

void keep(std::vector<std::string>& reports, Loop& loop) {
  loop.on_exception([&reports](const ExceptionReport& report) {
    reports.push_back(std::string(report.message) + " [" + report.task + "]");
  });
}

TEST(CloseReports, WhatFailsThoughAHandleIsLeft) {
  std::vector<std::string> reports;
  Loop loop(test::options());
  keep(reports, loop);
  auto handle = loop.spawn(fails_when_asked(), {.name = "kept"});
  loop.spawn(fails_when_asked(), {.name = "dropped"});
  loop.turn();
  loop.close();
  std::ranges::sort(reports);
  EXPECT_EQ(reports,
            (std::vector<std::string>{"task failed while its loop was closed [dropped]",
                                      "task failed while its loop was closed [kept]"}));
  EXPECT_TRUE(handle.exception()) << "and there for whoever asks";
  handle = {};
  EXPECT_EQ(reports.size(), 2u) << "once";
}

TEST(CloseReports, NothingThatATaskOfTheLoopHasLookedAt) {
  std::vector<std::string> reports;
  Loop loop(test::options());
  keep(reports, loop);
  auto handle = loop.spawn(fails_when_asked());
  auto looking = loop.spawn([](JoinHandle<> task) -> Task<> {
    static_cast<void>(co_await as_outcome(sleep(1h)));
    co_await test::settle(3);
    EXPECT_TRUE(task.exception());
  }(handle));
  loop.turn();
  loop.close();
  EXPECT_TRUE(looking.done() && !looking.exception());
  EXPECT_EQ(reports, std::vector<std::string>());
}

TEST(CloseReports, WhatIsLeftWhenRunEndsToo) {
  JoinHandle<> kept;
  std::vector<std::string> reports;
  {
    Loop loop(test::options());
    keep(reports, loop);
    loop.run([](JoinHandle<>& out) -> Task<> {
      out = spawn(fails_when_asked(), {.name = "left"});
      co_await yield();
    }(kept));
  }
  EXPECT_EQ(reports, std::vector<std::string>{"task failed while its loop was closed [left]"});
}

// B6, as CPython does it.
TEST(CloseReports, ATaskThatWasAskedToStopAndFailedInstead) {
  std::vector<std::string> reports;
  Loop loop(test::options());
  keep(reports, loop);
  auto handle = loop.spawn(fails_when_asked(), {.name = "asked"});
  loop.turn();
  handle.cancel();
  while (!handle.done()) loop.turn();
  handle = {};
  EXPECT_EQ(reports, std::vector<std::string>{"task exception was never retrieved [asked]"});
}

TEST(CloseReports, NotATaskThatSomebodyTriedToStopAfterItHadFailed) {
  std::vector<std::string> reports;
  Loop loop(test::options());
  keep(reports, loop);
  auto handle = loop.spawn(fails());
  while (!handle.done()) loop.turn();
  EXPECT_FALSE(handle.cancel());
  handle = {};
  EXPECT_EQ(reports, std::vector<std::string>());
}

// A handler may spawn, and so may what a posted callback holds and drops: none of it is left.
TEST(CloseReports, LeaveNothingThatTheirHandlerSpawns) {
  Loop loop(test::options());
  int reports = 0;
  loop.on_exception([&](const ExceptionReport&) {
    if (++reports < 3) loop.spawn(fails_when_asked());
  });
  auto handle = loop.spawn(fails_when_asked());
  loop.turn();
  loop.close();
  EXPECT_EQ(loop.stats().tasks, 0u);
  EXPECT_GE(reports, 1);
  EXPECT_TRUE(handle.done());
}

}  // namespace
