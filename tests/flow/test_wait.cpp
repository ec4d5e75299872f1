#include "support/run.hpp"

#include <stdexcept>

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

Task<int> give(int value, Duration length) {
  co_await sleep(length);
  co_return value;
}
Task<int> fail_after(Duration length) {
  co_await sleep(length);
  throw std::runtime_error("x");
}
std::vector<JoinHandle<int>> three() {
  std::vector<JoinHandle<int>> tasks;
  for (int i = 1; i <= 3; ++i) tasks.push_back(spawn(give(i, i * 1ms)));
  return tasks;
}

// F26, V1
TEST(Wait, GivesAllWhenAllAreDone) {
  test::run([]() -> Task<> {
    const auto result = co_await wait(three());
    EXPECT_EQ(result.done.size(), 3u);
    EXPECT_TRUE(result.pending.empty());
    EXPECT_EQ(result.done.front().result(), 1);
  });
}

// F26, F27
TEST(Wait, EndsWithTheFirstAndLeavesTheOthersToItsCaller) {
  test::run([]() -> Task<> {
    auto result = co_await wait(three(), {.until = first_completed});
    EXPECT_EQ(result.done.size(), 1u);
    EXPECT_EQ(result.pending.size(), 2u);
    for (auto& task : result.pending) EXPECT_TRUE(task.cancel());
    for (auto& task : result.pending) {
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
    }
  });
}

// V1: what became done in the same turn is in `done`
TEST(Wait, CountsWhatEndsInTheSameTurn) {
  test::run([]() -> Task<> {
    std::vector<JoinHandle<int>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(spawn(give(i, 1ms)));
    tasks.push_back(spawn(give(3, 2ms)));
    const auto result = co_await wait(tasks, {.until = first_completed});
    EXPECT_EQ(result.done.size(), 3u);
    EXPECT_EQ(result.pending.size(), 1u);
    co_await result.pending.front();
  });
}

// V1: a cancelled task is no exception
TEST(Wait, ForTheFirstExceptionIgnoresCancelledTasks) {
  test::run([]() -> Task<> {
    std::vector<JoinHandle<int>> tasks = three();
    tasks.push_back(spawn(fail_after(2500us)));
    co_await yield();
    tasks[0].cancel();
    const auto result = co_await wait(tasks, {.until = first_exception});
    EXPECT_EQ(result.done.size(), 3u);
    EXPECT_EQ(result.pending.size(), 1u);
    EXPECT_TRUE(tasks[0].cancelled());
    EXPECT_THROW(tasks[3].result(), std::runtime_error);
    co_await result.pending.front();
  });
}

// F26: neither a TimeoutError, nor what a task threw, nor a cancel
TEST(Wait, ReturnsAtItsDeadline) {
  test::run([]() -> Task<> {
    std::vector<JoinHandle<int>> tasks = three();
    tasks.push_back(spawn(fail_after(1ms)));
    const Instant start = Loop::current().now();
    const auto result = co_await wait(tasks, {.timeout = 2500us});
    EXPECT_EQ(Loop::current().now() - start, 2500us);
    EXPECT_EQ(result.done.size(), 3u);
    EXPECT_EQ(result.pending.size(), 1u);
    EXPECT_EQ(co_await result.pending.front(), 3) << "it ran on";
    EXPECT_THROW(tasks[3].result(), std::runtime_error);
  });
}

// V1
TEST(Wait, CountsATaskOnceThatStandsTwice) {
  test::run([]() -> Task<> {
    auto task = spawn(give(1, 1ms));
    const std::vector<JoinHandle<int>> twice(2, task);
    const auto result = co_await wait(twice);
    EXPECT_EQ(result.done.size(), 1u);
  });
}

// F26
TEST(Wait, ForNothingIsAMistake) {
  test::run(
      []() -> Task<> { EXPECT_THROW(co_await wait(std::vector<JoinHandle<int>>()), UsageError); });
}

// L5
TEST(Wait, ForDoneTasksTakesNoTurn) {
  test::run([]() -> Task<> {
    auto task = spawn(give(1, 1ms));
    co_await task;
    const auto turns = Loop::current().stats().turns;
    const std::vector<JoinHandle<int>> tasks(1, task);
    co_await wait(tasks);
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// C1, C2, C3, C4: at every turn; the tasks run on
TEST(Wait, IsCancelledWithoutItsTasks) {
  for (int turns = 0; turns < 8; ++turns) {
    test::run([&]() -> Task<> {
      std::vector<JoinHandle<int>> tasks;
      for (int i = 0; i < 3; ++i) {
        tasks.push_back(spawn([]() -> Task<int> {
          for (int steps = 0; steps < 3; ++steps) co_await yield();
          co_return 1;
        }));
      }
      auto task = spawn([&]() -> Task<> { co_await wait(tasks); });
      for (int i = 0; i < turns; ++i) co_await yield();
      const bool accepted = task.cancel();
      co_await wait_until_done(task);
      EXPECT_EQ(task.cancelled(), accepted);
      for (auto& other : tasks) EXPECT_EQ(co_await other, 1);
    });
  }
}

// F02
TEST(Wait, EndsWithItsLoop) {
  test::run([]() -> Task<> {
    auto forever = spawn(give(1, 1h));
    const auto waits = [](JoinHandle<int> handle) -> Task<> {
      const std::vector<JoinHandle<int>> tasks(1, handle);
      co_await wait(tasks);
      ADD_FAILURE() << "it went on";
    };
    spawn(waits(forever));
    co_await test::settle();
  });
}

// F28, A1: the very handles
TEST(AsCompleted, GivesTheHandlesInTheOrderOfTheirEnds) {
  test::run([]() -> Task<> {
    std::vector<JoinHandle<int>> tasks;
    for (int i = 3; i >= 1; --i) tasks.push_back(spawn(give(i, i * 1ms)));
    auto ended = as_completed(tasks);
    for (int expected = 1; expected <= 3; ++expected) {
      auto next = co_await ended.next();
      EXPECT_EQ(*next, tasks[static_cast<std::size_t>(3 - expected)]);
      EXPECT_EQ(co_await *next, expected);
    }
    EXPECT_FALSE(co_await ended.next());
    EXPECT_FALSE(co_await ended.next());
  });
}

// F28: an error comes out of its own handle; the consumer may stop early
TEST(AsCompleted, LeavesErrorsToTheirHandles) {
  test::run([]() -> Task<> {
    std::vector<JoinHandle<int>> tasks = three();
    tasks.push_back(spawn(fail_after(500us)));
    auto ended = as_completed(tasks);
    auto first = co_await ended.next();
    EXPECT_THROW(co_await *first, std::runtime_error);
    auto second = co_await ended.next();
    EXPECT_EQ(co_await *second, 1);
  });
}

// A1
TEST(AsCompleted, GivesATaskOnceThatStandsTwice) {
  test::run([]() -> Task<> {
    const std::vector<JoinHandle<int>> twice(2, spawn(give(1, 1ms)));
    auto ended = as_completed(twice);
    EXPECT_TRUE(co_await ended.next());
    EXPECT_FALSE(co_await ended.next());
    auto none = as_completed(std::vector<JoinHandle<int>>());
    EXPECT_FALSE(co_await none.next());
  });
}

// A1, F28: the rest is not cancelled
TEST(AsCompleted, ThrowsWhenItsTimeIsOver) {
  test::run([]() -> Task<> {
    std::vector<JoinHandle<int>> tasks = three();
    auto ended = as_completed(tasks, {.timeout = 1500us});
    EXPECT_TRUE(co_await ended.next());
    EXPECT_THROW(co_await ended.next(), TimeoutError);
    EXPECT_EQ(co_await tasks[2], 3);
  });
}

// A1: resumable; a cancelled next() loses none
TEST(AsCompleted, LosesNoTaskWhenANextIsCancelled) {
  test::run([]() -> Task<> {
    std::vector<JoinHandle<int>> tasks = three();
    auto ended = as_completed(tasks);
    for (const Duration length : {500us, 1000us, 1500us}) {
      static_cast<void>(co_await as_result(timeout(length, ended.next())));
    }
    co_await sleep(5ms);
    std::vector<int> rest;
    while (auto next = co_await ended.next()) rest.push_back(co_await *next);
    EXPECT_GE(rest.size(), 1u);
    EXPECT_EQ(rest.back(), 3);
  });
}

TEST(AsCompleted, TakesTenThousandTasks) {
  test::run([]() -> Task<> {
    std::vector<JoinHandle<int>> tasks;
    for (int i = 0; i < 10'000; ++i) {
      tasks.push_back(spawn(give(i, std::chrono::microseconds(i * 7919L % 10'007))));
    }
    auto ended = as_completed(tasks);
    long sum = 0;
    while (auto next = co_await ended.next()) sum += co_await *next;
    EXPECT_EQ(sum, 10'000L * 9'999 / 2);
  });
}

}  // namespace
