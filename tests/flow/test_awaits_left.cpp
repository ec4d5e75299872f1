// What is awaited, and is not waited for any more: it wakes nobody, and looks at nothing that is
// gone.
#include "support/failing_memory.hpp"
#include "support/run.hpp"
#include "support/tracker.hpp"

#include <new>
#include <stdexcept>

namespace {

using namespace eddy;
using test::Tracker;

Task<int> fail_after(Duration length) {
  co_await sleep(length);
  throw std::runtime_error("x");
}
Task<int> give_after(Duration length) {
  co_await sleep(length);
  co_return 1;
}

TEST(GatherThatIsOver, DoesNotWakeItsTaskWhenTheOtherChildrenEnd) {
  test::run([]() -> Task<> {
    auto gathering = gather(fail_after(1ms), give_after(100ms), fail_after(200ms));
    EXPECT_THROW(co_await gathering, std::runtime_error);
    const Instant begin = Loop::current().now();
    co_await sleep(1s);
    EXPECT_GE(Loop::current().now() - begin, 1s);
  });
}

TEST(GatherThatIsOver, OfARangeDoesNotWakeItsTaskEither) {
  test::run([]() -> Task<> {
    std::vector<Task<int>> tasks;
    tasks.push_back(fail_after(1ms));
    tasks.push_back(give_after(100ms));
    auto gathering = gather(std::move(tasks));
    EXPECT_THROW(co_await gathering, std::runtime_error);
    const Instant begin = Loop::current().now();
    co_await sleep(1s);
    EXPECT_GE(Loop::current().now() - begin, 1s);
  });
}

TEST(GatherThatIsOver, BecauseItWasRefusedWakesNobody) {
  Loop loop(test::options()), other(test::options());
  auto here = loop.spawn(give_after(1ms));
  auto there = other.spawn(give_after(1ms));
  auto gathering = gather(here, there);
  loop.run([](auto& refused) -> Task<> {
    EXPECT_THROW(co_await refused, UsageError);
    const Instant begin = Loop::current().now();
    co_await sleep(50ms);
    EXPECT_GE(Loop::current().now() - begin, 50ms);
  }(gathering));
  EXPECT_TRUE(here.done());
  loop.close();
  other.close();
}

TEST(AsCompleted, RefusesTasksOfTwoLoopsOutsideOfATurn) {
  Loop loop(test::options()), other(test::options());
  const std::vector handles{loop.spawn(give_after(1ms)), other.spawn(give_after(1ms))};
  EXPECT_THROW(as_completed(handles), UsageError);
  loop.close();
  other.close();
}

Generator<int> yields_and_fails() {
  co_yield 1;
  throw std::runtime_error("x");
}

TEST(GeneratorThatFailed, IsAtItsEndForWhateverWasAskedOfItBefore) {
  test::run([]() -> Task<> {
    auto generator = yields_and_fails();
    co_await generator.next();
    auto first = generator.next();
    auto second = generator.next();
    auto resumed = generator.resume_with(nullptr);
    auto close = generator.aclose();
    EXPECT_THROW(co_await first, std::runtime_error);
    EXPECT_FALSE((co_await second).has_value());
    EXPECT_FALSE((co_await resumed).has_value());
    EXPECT_FALSE((co_await first).has_value());
    co_await close;
  });
}

Generator<int> slow_one() {
  co_await sleep(1ms);
  co_yield 1;
}

TEST(Generator, MayBeMovedWhileATaskWaitsForIt) {
  test::run([]() -> Task<> {
    auto generator = slow_one();
    auto waits = spawn([&]() -> Task<> {
      EXPECT_EQ(co_await generator.next(), 1);
    });
    co_await yield();
    auto moved = std::move(generator);
    co_await waits;
    EXPECT_FALSE((co_await moved.next()).has_value());
  });
}

TEST(Generator, RefusesWhatWasAskedOfItBeforeItWasMoved) {
  test::run([]() -> Task<> {
    auto generator = slow_one();
    auto next = generator.next();
    auto moved = std::move(generator);
    EXPECT_THROW(co_await next, UsageError);
    EXPECT_EQ(co_await moved.next(), 1);
  });
}

Generator<int> nested(int depth) {
  if (depth == 0) {
    co_yield 7;
    co_return;
  }
  auto inner = nested(depth - 1);
  while (auto value = co_await inner.next()) co_yield *value;
}
Generator<int> nested_failure(int depth) {
  if (depth == 0) throw std::runtime_error("x");
  auto inner = nested_failure(depth - 1);
  while (auto value = co_await inner.next()) co_yield *value;
}

TEST(Generator, NestsAsDeepAsOneLikes) {
  test::run([]() -> Task<> {
    auto generator = nested(100'000);
    EXPECT_EQ(co_await generator.next(), 7);
    EXPECT_FALSE((co_await generator.next()).has_value());
    auto failing = nested_failure(10'000);
    EXPECT_THROW(co_await failing.next(), std::runtime_error);
  });
}

// Runs `start` with each allocation failing in turn: what it began to gather has ended then.
template <class F>
void expect_no_child_left(F start) {
  const int alive = Tracker::alive;
  const std::size_t failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
    Loop loop(test::options());
    const auto body = [&]() -> Task<> {
      bool refused = false;
      try {
        memory.arm();
        auto gathering = start();
        memory.disarm();
      } catch (const std::bad_alloc&) {
        refused = true;
      }
      memory.disarm();
      co_await test::settle();
      if (!refused) co_return;
      EXPECT_EQ(Tracker::alive, alive) << "it runs on";
    };
    loop.run(body());
    loop.close();
  });
  EXPECT_GT(failed, 2u);
}
Task<int> long_one() {
  Tracker tracker;
  co_await sleep(1h);
  co_return tracker.number();
}

TEST(NoMemory, LeavesNoChildOfAGatherThatDoesNotComeAbout) {
  expect_no_child_left([] { return gather(long_one(), long_one(), long_one()); });
  expect_no_child_left([] { return gather_settled(long_one(), long_one()); });
  expect_no_child_left([] {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(long_one());
    return gather(std::move(tasks));
  });
}

}  // namespace
