// The k-th allocation fails, for every k: std::bad_alloc out of the call, nothing is leaked, the
// loop can be used, and nobody waits for ever.
#include "support/failing_memory.hpp"
#include "support/run.hpp"
#include "support/tracker.hpp"

#include <new>
#include <stdexcept>

namespace {

using namespace eddy;
using namespace eddy::internal;

Task<int> give(int value) {
  test::Tracker tracker(value);
  co_await yield();
  co_return tracker.number();
}
Task<int> fail_soon() {
  test::Tracker tracker;
  co_await yield();
  throw std::runtime_error("x");
}

// Runs `body` on a loop of its own, with each allocation failing in turn. What fails out of it is
// std::bad_alloc; whatever it leaves has ended when the loop is closed.
template <class F>
void fail_each(F body, std::size_t times = 1) {
  const int alive = test::Tracker::alive;
  const std::size_t failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
    Loop loop(test::options());
    loop.on_exception([](const ExceptionReport&) {});
    const auto guarded = [&]() -> Task<> {
      try {
        memory.arm();
        co_await body();
      } catch (const std::bad_alloc&) {
      } catch (const ExceptionGroup&) {
      } catch (const std::runtime_error&) {
      }
      memory.disarm();
    };
    loop.run(guarded());
    memory.disarm();
    loop.run(test::settle());
    loop.close();
    EXPECT_EQ(test::Tracker::alive, alive);
  }, times);
  EXPECT_GT(failed, 0u);
}

TEST(NoMemory, LeavesNoChildOutsideOfItsGroup) {
  fail_each([]() -> Task<> {
    std::vector<JoinHandle<int>> children;
    children.reserve(3);
    auto outcome = co_await as_outcome(task_group([&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 3; ++i) children.push_back(group.spawn(give(i)));
      co_return;
    }));
    for (auto& child : children) EXPECT_TRUE(child.done()) << "it outlived its group";
    if (!outcome) co_await fail(std::move(outcome.error()));
  });
}

TEST(NoMemory, KeepsWhatFailedInAGroup) {
  fail_each([]() -> Task<> {
    auto outcome = co_await as_outcome(task_group([&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 3; ++i) group.spawn(fail_soon());
      co_await sleep(1h);
    }));
    EXPECT_FALSE(outcome);
    if (!outcome) co_await fail(std::move(outcome.error()));
  });
}

Generator<int> numbers() {
  test::Tracker tracker;
  for (int i = 0;; ++i) {
    co_yield i;
    co_await yield();
  }
}
TEST(NoMemory, StillDropsAGenerator) {
  for (const std::size_t times : {1u, 5u}) {
    fail_each([]() -> Task<> {
      auto generator = numbers();
      EXPECT_EQ(co_await generator.next(), 0);
    }, times);
  }
}

TEST(NoMemory, EndsWhatWaitsForSeveral) {
  fail_each([]() -> Task<> {
    auto [a, b] = co_await gather(give(1), give(2));
    EXPECT_EQ(a + b, 3);
  });
  fail_each([]() -> Task<> {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(give(i));
    auto outcomes = co_await gather_settled(std::move(tasks));
    EXPECT_EQ(outcomes.size(), 3u);
  });
  fail_each([]() -> Task<> {
    std::vector<JoinHandle<int>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(spawn(give(i)));
    auto result = co_await wait(tasks, {.until = first_completed, .timeout = 1s});
    EXPECT_FALSE(result.done.empty());
  });
  fail_each([]() -> Task<> {
    std::vector<JoinHandle<int>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(spawn(give(i)));
    auto completed = as_completed(tasks, {.timeout = 1s});
    while (auto task = co_await completed.next()) co_await *task;
  });
}

// Nothing outlives a race.
TEST(NoMemory, EndsEveryRunnerOfARace) {
  const auto long_one = []() -> Task<int> {
    test::Tracker tracker;
    co_await sleep(1h);
    co_return 1;
  };
  fail_each([&]() -> Task<> {
    EXPECT_EQ(co_await race(give(1), call(long_one)), 1);
  });
  const int alive = test::Tracker::alive;
  fail_each([&]() -> Task<> {
    std::vector<Task<int> (*)()> factories(3, +[]() -> Task<int> { return fail_soon(); });
    auto outcome = co_await as_outcome(staggered_race(std::move(factories), 0ms));
    EXPECT_EQ(test::Tracker::alive, alive) << "one outlived the race";
    if (!outcome) co_await fail(std::move(outcome.error()));
  });
}

TEST(NoMemory, LeavesWhatWasEntered) {
  fail_each([]() -> Task<> {
    int left = 0;
    ExitStack stack;
    stack.callback([&] { ++left; });
    stack.callback([&] { ++left; });
    stack.callback([&] { ++left; });
    auto outcome = co_await as_outcome(stack.aclose());
    EXPECT_TRUE(!outcome || left == 3);
    EXPECT_TRUE(stack.empty() || left == 0) << "left to its end, or not begun";
    if (!outcome) co_await fail(std::move(outcome.error()));
  });
  struct Managed {
    int& inside;
    Task<> enter() {
      ++inside;
      co_return;
    }
    Task<bool> exit(std::exception_ptr) {
      --inside;
      co_return false;
    }
  };
  fail_each([]() -> Task<> {
    int inside = 0;
    Managed resource{inside};
    const auto body = []() -> Task<> { co_await yield(); };
    auto outcome = co_await as_outcome(with(resource, body));
    EXPECT_TRUE(!outcome || inside == 0);
    if (!outcome) co_await fail(std::move(outcome.error()));
  });
}

TEST(NoMemory, LeavesPrimitivesInOrder) {
  fail_each([]() -> Task<> {
    Queue<int> queue;
    std::optional<std::bad_alloc> failed;
    for (int i = 0; i < 20; ++i) {
      const std::size_t size = queue.size();
      try {
        queue.put_nowait(i);
      } catch (const std::bad_alloc& error) {
        failed = error;
        EXPECT_EQ(queue.size(), size);
        queue.put_nowait(i);
      }
    }
    for (int i = 0; i < 20; ++i) EXPECT_EQ(queue.get_nowait(), i);
    if (failed) throw *failed;
    co_return;
  });
  fail_each([]() -> Task<> {
    Lock lock;
    Condition condition(lock);
    auto guard = co_await lock.scoped();
    auto outcome = co_await as_outcome(timeout(1ms, condition.wait()));
    EXPECT_TRUE(lock.locked());
    if (!outcome) co_await fail(std::move(outcome.error()));
  });
}

}  // namespace
