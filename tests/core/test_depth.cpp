// Depth and number: awaits, joins and cancels a million deep need no more stack than ten, and what
// is a million long ends in time that grows with its length.
#include "support/run.hpp"

#include <stdexcept>

namespace {

using namespace eddy;

// Sanitizers make frames large and everything slow.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int deep = 30'000;
#else
constexpr int deep = 1'000'000;
#endif
constexpr int long_chain = deep / 5;  // every task that is cancelled costs three exceptions

enum class End { value, wait, exception, failure, cancel };

Task<int> innermost(End end) {
  switch (end) {
    case End::value:
      break;
    case End::wait:
      co_await yield();
      break;
    case End::exception:
      throw std::runtime_error("from the bottom");
    case End::failure:
      co_await fail(Failure::error(ENOENT, "dig"));
      break;
    case End::cancel:
      co_await sleep(1h);
      break;
  }
  co_return 0;
}

Task<int> nested(int depth, End end) {
  if (depth == 0) co_return co_await innermost(end);
  co_return 1 + co_await nested(depth - 1, end);
}

Task<int> nested_outcomes(int depth, End end) {
  if (depth == 0) co_return co_await innermost(end);
  auto outcome = co_await as_outcome(nested_outcomes(depth - 1, end));
  if (!outcome) co_await fail(std::move(outcome.error()));
  co_return *outcome + 1;
}

TEST(Depth, OfAwaitsThatEndAtOnceCostsNoStack) {
  EXPECT_EQ(test::run([]() -> Task<int> { return nested(deep, End::value); }), deep);
}

TEST(Depth, OfAwaitsThatWaitCostsNoStack) {
  EXPECT_EQ(test::run([]() -> Task<int> { return nested(deep, End::wait); }), deep);
}

TEST(Depth, OfAwaitsThatFailCostsNoStack) {
  test::run([]() -> Task<> {
    const auto outcome = co_await as_outcome(nested_outcomes(deep, End::failure));
    EXPECT_TRUE(!outcome && outcome.error().error_code().value() == ENOENT);
  });
  test::run([]() -> Task<> {
    const auto outcome = co_await as_outcome(nested(deep / 100, End::exception));
    EXPECT_TRUE(!outcome && outcome.error().operation().empty());
  });
}

TEST(Depth, OfAwaitsThatAreCancelledCostsNoStack) {
  test::run([]() -> Task<> {
    auto task = spawn(nested_outcomes(deep, End::cancel));
    co_await yield();
    task.cancel();
    co_await test::wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
  });
}

TEST(Depth, OfAwaitsTakesNoTurnOfTheLoop) {
  test::run([]() -> Task<> {
    const auto before = Loop::current().stats().turns;
    co_await nested(10'000, End::value);
    EXPECT_EQ(Loop::current().stats().turns, before);
  });
}

TEST(Depth, OfATaskThatIsStartedEagerlyCostsNoStack) {
  test::run([]() -> Task<> {
    auto task = spawn(nested(deep, End::value), {.eager = true});
    EXPECT_TRUE(task.done());
    EXPECT_EQ(co_await task, deep);
  });
}

// Each holds the one before as its argument.
Task<> holds(Task<> inner) { co_await std::move(inner); }

TEST(Depth, OfTasksThatNeverRanCostsNoStackWhenTheyDie) {
  auto task = []() -> Task<> { co_return; }();
  for (int i = 0; i < deep; ++i) task = holds(std::move(task));
  task.discard();
  EXPECT_FALSE(task.valid());
}

Task<> join(TaskHandle next) {
  if (next.valid()) EDDY_DO(JoinHandle<>(next));
  EDDY_DO(sleep(1h));
}

// The last of them waits for the one before, and so on; the first one sleeps.
std::vector<TaskHandle> chain(Loop& loop, int length) {
  std::vector<TaskHandle> tasks;
  for (int i = 0; i < length; ++i) {
    tasks.push_back(loop.spawn(join(i == 0 ? TaskHandle() : tasks.back())));
  }
  return tasks;
}

TEST(Depth, OfJoinsThatAreCancelledCostsNoStack) {
  Loop loop(test::options());
  auto tasks = chain(loop, long_chain);
  loop.turn();
  tasks.back().cancel("pull");
  while (!tasks.back().done()) loop.turn();
  EXPECT_TRUE(tasks.back().cancelled());
  EXPECT_TRUE(tasks.front().cancelled());
  for (const auto& task : tasks) ASSERT_EQ(task.cancelling(), 1u);
}

TEST(Depth, OfAChainOfTasksMakesClosingNoSlowerThanItsLength) {
  Loop loop(test::options());
  loop.on_exception([](const ExceptionReport& report) { ADD_FAILURE() << report.message; });
  auto tasks = chain(loop, long_chain);
  loop.turn();
  loop.close();
  for (const auto& task : tasks) {
    ASSERT_TRUE(task.cancelled());
    ASSERT_EQ(task.cancelling(), 1u) << "each is asked once";
  }
}

TEST(Depth, OfTasksInACircleDoesNotKeepTheLoopFromClosing) {
  for (const int length : {1, 2, 3, 1000}) {
    Loop loop(test::options());
    std::vector<TaskHandle> tasks(static_cast<std::size_t>(length) + 1);
    for (int i = 0; i <= length; ++i) {
      tasks[i] = loop.spawn([](const TaskHandle& next) -> Task<> {
        co_await yield();
        co_await JoinHandle<>(next);
      }(tasks[(i + 1) % (length + 1)]));
    }
    for (int i = 0; i < 3; ++i) loop.turn();
    loop.close();
    for (const auto& task : tasks) EXPECT_TRUE(task.cancelled());
  }
}

}  // namespace
