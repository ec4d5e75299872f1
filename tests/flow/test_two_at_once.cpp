// Two tasks at one object: served in order or refused, never one forgotten. And tasks of another
// loop, which would wake nobody here.
#include "support/run.hpp"

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

// A1: two consumers of one as_completed()
TEST(AsCompleted, ServesSeveralConsumersInOrder) {
  test::run([]() -> Task<> {
    std::vector<JoinHandle<int>> tasks;
    for (int i = 1; i <= 4; ++i) tasks.push_back(spawn(give(i, i * 1ms)));
    auto completed = as_completed(tasks);
    Log log;
    const auto consume = [&](std::string name) -> Task<> {
      while (auto task = co_await completed.next()) {
        const int value = co_await *task;
        log(name + std::to_string(value));
      }
      log(name + "-end");
    };
    co_await gather(consume("a"), consume("b"), consume("c"));
    EXPECT_EQ(log.text(), "a1 b2 c3 a4 a-end b-end c-end");
  });
}

// A1: one whose turn had come is cancelled before it runs, and nobody overtakes the others
TEST(AsCompleted, PassesOnWhatACancelledConsumerWasPromised) {
  test::run([]() -> Task<> {
    std::vector<JoinHandle<int>> tasks{spawn(give(1, 1ms)), spawn(give(2, 5ms))};
    JoinHandle<int> first;
    auto canceller = spawn([&]() -> Task<> {
      co_await tasks[0];  // it waits before the others: woken in one turn, it runs before them
      first.cancel();
    });
    co_await yield();
    auto completed = as_completed(tasks);
    const auto one = [&]() -> Task<int> {
      auto task = co_await completed.next();
      if (!task) co_return 0;
      co_return co_await *task;
    };
    first = spawn(one());
    auto second = spawn(one()), third = spawn(one());
    co_await canceller;
    EXPECT_EQ(co_await second, 1);
    EXPECT_EQ(co_await third, 2);
    co_await wait_until_done(first);
    EXPECT_TRUE(first.cancelled());
  });
}

TEST(AsCompleted, MayDieOrBeMovedWhileATaskWaits) {
  test::run([]() -> Task<> {
    std::vector<JoinHandle<int>> tasks{spawn(give(1, 1ms))};
    std::optional<AsCompleted<int>> completed = as_completed(tasks);
    auto waiter = spawn(completed->next());
    co_await yield();
    auto moved = std::move(*completed);
    EXPECT_THROW(static_cast<void>(completed->next()), UsageError);
    completed.reset();
    EXPECT_EQ(*co_await waiter, tasks[0]);
    EXPECT_EQ(co_await moved.next(), std::nullopt);
  });
}

using Gathering = decltype(gather(std::declval<JoinHandle<int>&>()));
Task<> await_it(Gathering& gathering) { co_await gathering; }

TEST(Gather, IsAwaitedByOneTaskOnce) {
  test::run([]() -> Task<> {
    auto child = spawn(give(1, 1ms));
    auto gathering = gather(child);
    auto first = spawn(await_it(gathering));
    co_await yield();
    EXPECT_THROW(co_await await_it(gathering), UsageError);
    co_await first;
  });
}

TEST(ExitStack, IsLeftByOneTaskAtATime) {
  test::run([]() -> Task<> {
    ExitStack stack;
    Log log;
    stack.callback([&] { log("first"); });
    stack.callback([&] { return sleep(1ms); });
    auto leaving = spawn(stack.aclose());
    co_await yield();
    EXPECT_THROW(co_await stack.aclose(), UsageError);
    EXPECT_EQ(log.text(), "");
    co_await leaving;
    EXPECT_EQ(log.text(), "first");
    co_await stack.aclose();
  });
}

TEST(ExitStack, MustNotDieWhileItIsLeft) {
  const auto dies = [] {
    test::run([]() -> Task<> {
      auto stack = std::make_unique<ExitStack>();
      stack->callback([] { return sleep(1ms); });
      auto leaving = spawn(stack->aclose());
      co_await yield();
      stack.reset();
      co_await leaving;
    });
  };
  EXPECT_DEATH(dies(), "an ExitStack died while it was being left");
}

Generator<int> slow_numbers() {
  co_await sleep(1ms);
  co_yield 1;
}
TEST(Generator, MustNotDieWhileATaskWaitsForIt) {
  const auto dies = [] {
    test::run([]() -> Task<> {
      auto numbers = std::make_unique<Generator<int>>(slow_numbers());
      auto waiter = spawn([&]() -> Task<> { co_await numbers->next(); });
      co_await yield();
      numbers.reset();
      co_await waiter;
    });
  };
  EXPECT_DEATH(dies(), "a Generator died while a task waited for it");
}

// Runs `body` in a task of its own loop, with a task of another one that does not end by itself.
template <class F>
void with_a_task_of_another_loop(F body) {
  Loop other(test::options());
  Event event;
  auto foreign = other.spawn([](Event& never) -> Task<int> {
    co_await never.wait();
    co_return 1;
  }(event));
  other.turn();
  test::run([&]() -> Task<> { co_await body(foreign); });
  EXPECT_FALSE(foreign.done()) << "it is not cancelled either";
  other.close();
}

// C11
TEST(OtherLoops, TasksAreRefusedByWhatWaitsForSeveral) {
  with_a_task_of_another_loop([](JoinHandle<int>& foreign) -> Task<> {
    const std::vector<JoinHandle<int>> handles{foreign};
    EXPECT_THROW(co_await gather(foreign), UsageError);
    EXPECT_THROW(co_await gather_settled(foreign), UsageError);
    EXPECT_THROW(co_await gather(handles), UsageError);
    EXPECT_THROW(co_await gather_settled(handles), UsageError);
    EXPECT_THROW(co_await wait(handles), UsageError);
    EXPECT_THROW(co_await wait(handles, {.timeout = 1ms}), UsageError);
    EXPECT_THROW(as_completed(handles), UsageError);
    EXPECT_THROW(co_await race(foreign), UsageError);
    EXPECT_THROW(co_await timeout(1ms, foreign), UsageError);
    EXPECT_THROW(co_await wait_for(foreign, 1ms), UsageError);
    EXPECT_THROW(co_await wait_for(foreign, 0ms), UsageError);
    EXPECT_THROW(co_await shield(foreign), UsageError);
  });
}

// C11: before anything is spawned
TEST(OtherLoops, TasksAreRefusedBeforeAnyOtherIsStarted) {
  with_a_task_of_another_loop([](JoinHandle<int>& foreign) -> Task<> {
    bool started = false;
    const auto work = [&]() -> Task<int> {
      started = true;
      co_return 1;
    };
    EXPECT_THROW(static_cast<void>(gather(call(work), foreign)), UsageError);
    EXPECT_THROW(static_cast<void>(race(call(work), foreign)), UsageError);
    co_await test::settle();
    EXPECT_FALSE(started);
  });
}

// C11: one that is done is only looked at
TEST(OtherLoops, TasksThatAreDoneMayBeGathered) {
  Loop other(test::options());
  auto done = other.spawn([]() -> Task<int> { co_return 1; }());
  while (other.turn()) {
  }
  test::run([&]() -> Task<> {
    auto [value] = co_await gather(done);
    EXPECT_EQ(value, 1);
    const std::vector<JoinHandle<int>> handles{done};
    auto result = co_await wait(handles);
    EXPECT_EQ(result.done.size(), 1u);
  });
}

// C11
TEST(TaskGroup, RefusesToSpawnFromATaskOfAnotherLoop) {
  test::run([]() -> Task<> {
    co_await task_group([](TaskGroup& group) -> Task<> {
      Loop other(test::options());
      auto stranger = other.spawn([](TaskGroup& theirs) -> Task<> {
        EXPECT_THROW(theirs.spawn(give(1, 0ms)), UsageError);
        co_return;
      }(group));
      while (other.turn()) {
      }
      EXPECT_TRUE(stranger.done());
      co_return;
    });
  });
}

// G2: what the body spawned before it threw, without ever being a coroutine, is waited for
TEST(TaskGroup, WaitsForTheChildrenOfABodyThatThrowsAtOnce) {
  test::run([]() -> Task<> {
    JoinHandle<int> child;
    const auto body = [&](TaskGroup& group) -> Task<> {
      child = group.spawn(give(1, 1h));
      throw std::runtime_error("no coroutine");
    };
    EXPECT_THROW(co_await task_group(body), ExceptionGroup);
    EXPECT_TRUE(child.cancelled());
  });
}

}  // namespace
