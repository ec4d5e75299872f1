// A program that hangs on purpose, and what a dump says of it.
#include <eddy/kit/inspect.hpp>

#include <eddy/core/spawn.hpp>
#include <eddy/core/sleep.hpp>
#include <eddy/kit/watchdog.hpp>
#include <eddy/sync/event.hpp>
#include <eddy/sync/lock.hpp>
#include <eddy/sync/queue.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>

namespace {
using namespace eddy;

// What a dump says when nothing moves any more. Then the tasks are asked to end.
template <class F>
std::string hang(F&& body) {
  Loop loop;
  loop.set_debug(false);  // where a task that waits for its own lock would be refused
  auto main = loop.spawn(body, {.name = "main"});
  for (int turn = 0; turn < 10; ++turn) loop.turn();
  EXPECT_FALSE(main.done());
  return inspect::dump(loop);
}

testing::AssertionResult says(const std::string& text, std::string_view part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "not in it: " << part << "\n" << text;
}

TEST(Hang, OnALockThatTheTaskHoldsItselfIsACycleOfOne) {
  Lock lock;
  const auto text = hang([&]() -> Task<> {
    auto held = co_await lock.scoped();
    auto again = co_await lock.scoped();
  });
  EXPECT_TRUE(says(text, "waits for a Lock held by task 1 \"main\""));
  EXPECT_TRUE(says(text, "a cycle: task 1 \"main\" waits for itself\n"));
}

Task<> take_both(Lock& first, Lock& second) {
  auto one = co_await first.scoped();
  co_await yield();
  auto other = co_await second.scoped();
}

TEST(Hang, OnTwoLocksTakenInBothOrdersIsACycleOfTwo) {
  Lock a;
  Lock b;
  const auto text = hang([&]() -> Task<> {
    auto ab = spawn(take_both(a, b), {.name = "ab"});
    auto ba = spawn(take_both(b, a), {.name = "ba"});
    co_await ab;
    co_await ba;
  });
  EXPECT_TRUE(says(text, "take_both() ("));
  EXPECT_TRUE(says(text, "waits for a Lock held by task 3 \"ba\""));
  EXPECT_TRUE(says(text, "waits for a Lock held by task 2 \"ab\""));
  EXPECT_TRUE(says(text, "a cycle: task 2 \"ab\" waits for task 3 \"ba\" waits for task 2"));
}

TEST(Hang, OnAQueueThatNobodyFillsTellsThatItIsEmpty) {
  Queue<int> queue(64);
  const auto text = hang([&]() -> Task<> { co_await queue.get(); });
  EXPECT_TRUE(says(text, "waits for Queue.get of 0/64\n"));
}

TEST(Hang, OnAnEventThatNobodySetsTellsTheEventAndTheWayToIt) {
  Event event;
  const auto text = hang([&]() -> Task<> {
    co_await spawn([](Event& never) -> Task<> { co_await never.wait(); }(event),
                   {.name = "forgotten"});
  });
  EXPECT_TRUE(says(text, "waits for task 2 \"forgotten\"\n"));
  EXPECT_TRUE(says(text, "\n  task 2 \"forgotten\" in "));
  EXPECT_TRUE(says(text, "waits for Event.wait\n"));
}

// While it does no task can ask: a dump comes later, and the watchdog's thread tells meanwhile. The
// call blocks until the watchdog has told of it, so that no time matters.
TEST(Hang, OnACallThatBlocksTheWatchdogNamesTheTaskWhileItDoes) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  std::string said;
  Loop loop;
  Watchdog watchdog(loop, {.limit = std::chrono::milliseconds(2)}, [&](const HoldReport& report) {
    if (report.name != "main" || report.over || !said.empty()) return;  // on a loaded machine
    said = to_text(report);
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
  });
  auto main = loop.spawn([&]() -> Task<> {
    char byte;
    while (::read(ends[0], &byte, 1) < 0) EXPECT_EQ(errno, EINTR);
    EXPECT_TRUE(says(said, "a step holds the loop [main] (task 1) of "));
    EXPECT_TRUE(says(inspect::dump(), "task 1 \"main\""));
    co_return;
  }, {.name = "main"});
  while (!main.done()) loop.turn();
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
