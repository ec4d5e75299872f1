#include "support/allocations.hpp"
#include "support/run.hpp"

#include <memory>

namespace {

using namespace eddy;
using test::wait_until_done;

// How many are alive, and whether each is where it was made.
struct Tracker {
  static inline int alive = 0;
  Tracker() noexcept : self(this) { ++alive; }
  Tracker(const Tracker&) noexcept : self(this) { ++alive; }
  Tracker(Tracker&&) noexcept : self(this) { ++alive; }
  Tracker& operator=(const Tracker&) noexcept { return *this; }
  ~Tracker() {
    EXPECT_EQ(self, this) << "moved bit by bit";
    --alive;
  }
  Tracker* self;
};

// F01
TEST(Task, RunsNothingUntilItIsAwaited) {
  test::run([&]() -> Task<> {
    test::Log log;
    const auto work = [&]() -> Task<int> {
      log("body");
      co_return 1;
    };
    auto task = work();
    log("made");
    EXPECT_EQ(co_await std::move(task), 1);
    EXPECT_EQ(log.text(), "made body");
  });
}

Task<int> chain(int depth) {
  if (depth == 0) co_return 0;
  co_return 1 + co_await chain(depth - 1);
}

// F01
TEST(Task, TakesNoTurnForAChainOfAwaits) {
  test::run([&]() -> Task<> {
    const auto turns = Loop::current().stats().turns;
    EXPECT_EQ(co_await chain(100), 100);
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

TEST(Task, IsAwaitedOnce) {
  test::run([&]() -> Task<> {
    auto task = chain(0);
    co_await std::move(task);
    EXPECT_THROW(co_await std::move(task), UsageError);
    auto moved = std::move(task);
    EXPECT_FALSE(task.valid());
    EXPECT_THROW(co_await std::move(task), UsageError);
    EXPECT_THROW(spawn(std::move(task)), UsageError);
    static_cast<void>(moved);
  });
}

TEST(Task, ReturnsReferencesAndMoveOnlyValues) {
  test::run([&]() -> Task<> {
    int value = 3;
    const auto reference = [&]() -> Task<int&> { co_return value; };
    (co_await reference()) = 4;
    EXPECT_EQ(value, 4);
    const auto unique = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
    EXPECT_EQ(*co_await unique(), 7);
    auto handle = spawn(unique());
    EXPECT_EQ(*co_await handle, 7);
    auto other = spawn(reference());
    EXPECT_EQ(&co_await other, &value);
    EXPECT_EQ(&other.result(), &value);
  });
}

TEST(Task, PassesExceptionsOfAnyTypeThrough) {
  test::run([&]() -> Task<> {
    const auto throws = []() -> Task<> {
      throw 42;
      co_return;
    };
    const auto middle = [&]() -> Task<> { co_await throws(); };
    try {
      co_await middle();
      ADD_FAILURE() << "no exception";
    } catch (int number) {
      EXPECT_EQ(number, 42);
    }
  });
}

TEST(Task, FailsWithoutAnExceptionWhereAFailureIsEnough) {
  test::run([&]() -> Task<> {
    bool after = false;
    const auto fails = [&]() -> Task<int> {
      Tracker tracker;
      co_await fail(Failure::error(ENOENT, "look"));
      after = true;
      co_return 1;
    };
    EXPECT_EQ((co_await as_result(fails())).error(), std::errc::no_such_file_or_directory);
    EXPECT_FALSE(after);
    EXPECT_EQ(Tracker::alive, 0);
    EXPECT_THROW(co_await fails(), Error);
    auto task = spawn(fails());
    EXPECT_THROW(co_await task, Error);
    EXPECT_EQ(Tracker::alive, 0);
  });
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
    auto task = spawn(chain(3));
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
    auto named = spawn(chain(0), {.name = "worker"});
    auto unnamed = spawn(chain(0));
    EXPECT_EQ(named.name(), "worker");
    EXPECT_TRUE(unnamed.name().starts_with("Task-"));
    unnamed.set_name("other");
    EXPECT_EQ(unnamed.name(), "other");
    EXPECT_NE(std::string(named.where().file_name()).find("test_task.cpp"), std::string::npos);
    EXPECT_EQ(this_task().name(), "main") << "set by run()";
    co_await test::settle();
  });
}

TEST(AllTasks, AreThoseThatAreNotDone) {
  test::run([&]() -> Task<> {
    auto a = spawn(test::settle(3));
    auto b = spawn(chain(0));
    EXPECT_EQ(all_tasks().size(), 3u);
    co_await b;
    EXPECT_EQ(all_tasks().size(), 2u);
    EXPECT_TRUE(all_tasks()[1] == a);
    co_await a;
  });
}

// C3, F10: arguments die without the body having run
TEST(Spawn, DestroysAFrameThatIsCancelledBeforeItsFirstStep) {
  test::run([&]() -> Task<> {
    bool ran = false;
    const auto work = [&](Tracker) -> Task<> {
      ran = true;
      co_return;
    };
    auto task = spawn(work(Tracker()));
    EXPECT_EQ(Tracker::alive, 1);
    EXPECT_TRUE(task.cancel());
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_FALSE(ran);
    EXPECT_EQ(Tracker::alive, 0);
  });
}

TEST(Spawn, DropsArgumentsAndCapturesWhenTheTaskEnds) {
  test::run([&]() -> Task<> {
    const auto work = [](Tracker) -> Task<int> { co_return 1; };
    auto with_argument = spawn(work(Tracker()));
    co_await with_argument;
    EXPECT_EQ(Tracker::alive, 0) << "the handle keeps the result alone";
    const Tracker tracker;
    const auto captures = [tracker]() -> Task<int> {
      co_await yield();
      co_return tracker.self == &tracker ? 1 : 0;
    };
    auto with_capture = spawn(captures);
    EXPECT_EQ(Tracker::alive, 3);
    EXPECT_EQ(co_await with_capture, 1);
    EXPECT_EQ(Tracker::alive, 2) << "mine and the named closure's";
  });
}

// E1, E3
TEST(Spawn, EagerRunsToTheFirstSuspension) {
  test::run([&]() -> Task<> {
    test::Log log;
    const auto me = this_task();
    const auto work = [&]() -> Task<int> {
      EXPECT_FALSE(this_task() == me);
      EXPECT_EQ(all_tasks().size(), 2u);
      log("started");
      co_await yield();
      log("went on");
      co_return 2;
    };
    auto task = spawn(work(), {.eager = true});
    EXPECT_TRUE(this_task() == me);
    log("spawned");
    EXPECT_EQ(co_await task, 2);
    EXPECT_EQ(log.text(), "started spawned went on");
  });
}

// E2
TEST(Spawn, EagerMayBeDoneAtOnce) {
  test::run([&]() -> Task<> {
    auto task = spawn(chain(5), {.eager = true});
    EXPECT_TRUE(task.done());
    EXPECT_FALSE(task.cancel());
    EXPECT_EQ(task.result(), 5);
    co_return;
  });
}

// E4
TEST(Spawn, OutsideOfALoopIsRefused) { EXPECT_THROW(spawn(chain(0)), UsageError); }

// The stack stays flat, whatever the compiler makes of tail calls.
class Stack {
 public:
  void look() {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    low_ = std::min(low_, here);
    high_ = std::max(high_, here);
  }
  std::size_t depth() const { return high_ - low_; }

 private:
  std::uintptr_t low_ = UINTPTR_MAX;
  std::uintptr_t high_ = 0;
};

TEST(Stack, StaysFlatOverTenMillionAwaits) {
  test::run([&]() -> Task<> {
    Stack stack;
    Lock lock;
    auto done = spawn(chain(0));
    co_await done;
    const auto child = [&]() -> Task<int> {
      stack.look();
      co_return 1;
    };
    long sum = 0;
    for (int i = 0; i < 10'000'000; ++i) {
      sum += co_await child();
      if (i % 16 == 0) {
        co_await lock.acquire();
        lock.release();
        co_await done;
      }
    }
    EXPECT_EQ(sum, 10'000'000);
    EXPECT_LT(stack.depth(), 4096u);
  });
}

TEST(Stack, StaysFlatOverChildrenThatEndLater) {
  test::run([&]() -> Task<> {
    Stack stack;
    const auto child = [&]() -> Task<> {
      co_await yield();
      stack.look();
    };
    for (int i = 0; i < 300'000; ++i) co_await child();
    EXPECT_LT(stack.depth(), 4096u);
  });
}

Task<int> leaf_waits(int depth) {
  if (depth == 0) {
    co_await yield();
    co_return 0;
  }
  co_return 1 + co_await leaf_waits(depth - 1);
}

TEST(Stack, UnwindsADeepChainWithoutRecursion) {
  test::run([&]() -> Task<> { EXPECT_EQ(co_await leaf_waits(1000), 1000); });
}

TEST(Allocations, AwaitSpawnJoinAndYieldMakeNone) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([&]() -> Task<> {
    const auto use = [&]() -> Task<> {
      co_await chain(10);
      JoinHandle<int> tasks[10];
      for (auto& task : tasks)
        task = spawn(chain(1), {.name = "a name that is long enough to matter"});
      for (auto& task : tasks) co_await task;
      co_await yield();
      co_await sleep(1ms);
      static_cast<void>(co_await as_result(timeout(1ms, sleep(2ms))));
      auto eager = spawn(chain(1), {.eager = true});
      eager.on_done([](const TaskHandle&) {});
      co_await yield();
    };
    for (int i = 0; i < 5; ++i) co_await use();
    const auto before = test::allocations();
    co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
