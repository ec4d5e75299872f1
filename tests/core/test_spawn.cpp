#include "support/run.hpp"
#include "support/tracker.hpp"

#include <functional>

namespace {

using namespace eddy;
using test::Tracker;
using test::wait_until_done;

Task<int> chain(int depth) {
  if (depth == 0) co_return 0;
  co_return 1 + co_await chain(depth - 1);
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
      co_return tracker.number() + 1;
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

// F10
TEST(Spawn, StartsInTheNextTurnInTheOrderOfSpawning) {
  test::run([&]() -> Task<> {
    test::Log log;
    const auto work = [&](std::string name) -> Task<> {
      log(name);
      co_return;
    };
    spawn(work("a"));
    spawn(work("b"), {.name = "b"});
    auto last = spawn([&]() -> Task<> { co_await work("c"); });
    log("spawned");
    co_await last;
    EXPECT_EQ(log.text(), "spawned a b c");
  });
}

// F10
TEST(Spawn, CopiesTheContextThatThereIsThen) {
  static ContextVar<std::string> user("user", "nobody");
  test::run([&]() -> Task<> {
    auto guard = user.set("before");
    auto task = spawn([]() -> Task<std::string> { co_return user.get(); });
    auto later = user.set("after");
    EXPECT_EQ(co_await task, "before");
  });
}

// F14
TEST(Spawn, OwnsATaskThatNobodyHolds) {
  test::run([&]() -> Task<> {
    bool ended = false;
    const auto work = [&](Tracker) -> Task<> {
      co_await sleep(5ms);
      ended = true;
    };
    spawn(work(Tracker()));
    co_await sleep(10ms);
    EXPECT_TRUE(ended);
    EXPECT_EQ(Tracker::alive, 0);
  });
}

// C3: in the callable too
TEST(Spawn, DropsTheCapturesOfATaskThatNeverBegan) {
  test::run([&]() -> Task<> {
    const Tracker mine;
    {
      const auto work = [mine]() -> Task<int> { co_return mine.number(); };
      auto task = spawn(work);
      EXPECT_EQ(Tracker::alive, 3) << "mine, the closure's, and the one that was kept";
      task.cancel();
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
      EXPECT_EQ(Tracker::alive, 2);
    }
    EXPECT_EQ(Tracker::alive, 1);
  });
}

// C3, C7
TEST(Spawn, RunsATaskWhoseCancelWasTakenBackBeforeItBegan) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<int> { co_return 4; });
    task.cancel();
    task.uncancel();
    EXPECT_EQ(co_await task, 4);
  });
}

struct Counter {
  Task<int> operator()() {
    co_await yield();
    co_return ++count;
  }
  int count = 0;
};

TEST(Spawn, KeepsTheFunctionObjectOfEachKind) {
  test::run([&]() -> Task<> {
    Counter counter;
    auto first = spawn(counter);
    auto second = spawn(counter);
    EXPECT_EQ(co_await first + co_await second, 2) << "each task has its own";
    EXPECT_EQ(counter.count, 0);
    const std::function<Task<int>()> function = [&]() -> Task<int> { co_return 6; };
    auto erased = spawn(function);
    EXPECT_EQ(co_await erased, 6);
  });
}

TEST(Spawn, OfACallableThatThrowsStartsNothing) {
  test::run([&]() -> Task<> {
    const Tracker mine;
    const auto refuses = [mine]() -> Task<> { throw std::runtime_error("no task"); };
    EXPECT_THROW(spawn(refuses), std::runtime_error);
    EXPECT_EQ(all_tasks().size(), 1u);
    EXPECT_EQ(Tracker::alive, 2);
    co_return;
  });
}

// E1
TEST(Spawn, EagerHasTheCopyOfTheContextAndItsOwnName) {
  static ContextVar<int> depth("depth", 0);
  test::run([&]() -> Task<> {
    auto guard = depth.set(1);
    auto task = spawn(
        []() -> Task<std::string> {
          auto inner = depth.set(depth.get() + 1);
          co_await yield();
          co_return this_task().name() + std::to_string(depth.get());
        },
        {.name = "eager", .eager = true});
    EXPECT_EQ(depth.get(), 1);
    EXPECT_EQ(co_await task, "eager2");
  });
}

// E1, E2: eager inside of eager, and one that fails at once
TEST(Spawn, EagerNestsAndKeepsItsFailureForTheHandle) {
  test::run([&]() -> Task<> {
    test::Log log;
    const auto inner = [&]() -> Task<> {
      log("inner");
      throw std::runtime_error("at once");
      co_return;
    };
    const auto outer = [&]() -> Task<> {
      auto task = spawn(inner(), {.eager = true});
      log("outer");
      EXPECT_TRUE(task.done());
      co_await yield();
      EXPECT_THROW(co_await task, std::runtime_error);
    };
    auto task = spawn(outer(), {.eager = true});
    log("main");
    co_await task;
    EXPECT_EQ(log.text(), "inner outer main");
  });
}

// E1, C1: it may cancel whoever spawns it, who is told at the next wait
TEST(Spawn, EagerMayCancelItsParent) {
  test::run([&]() -> Task<> {
    auto parent = spawn([]() -> Task<> {
      const auto me = this_task();
      auto child = spawn([&]() -> Task<> {
        me.cancel();
        co_return;
      }, {.eager = true});
      EXPECT_TRUE(child.done());
      EXPECT_EQ(me.cancelling(), 1u);
      co_await yield();
      ADD_FAILURE() << "the cancel was lost";
    });
    co_await wait_until_done(parent);
    EXPECT_TRUE(parent.cancelled());
  });
}

// E3
TEST(Spawn, EagerOutsideOfATurnStartsInTheNextOne) {
  Loop loop(test::options());
  bool ran = false;
  const auto work = [&]() -> Task<> {
    ran = true;
    co_return;
  };
  auto task = loop.spawn(work(), {.eager = true});
  EXPECT_FALSE(ran);
  loop.turn();
  EXPECT_TRUE(task.done());
}

TEST(Spawn, MakesAHundredThousandTasksThatEndInAnyOrder) {
  test::run([&]() -> Task<> {
    constexpr int count = 100'000;
    const auto work = [](int i, Tracker) -> Task<int> {
      for (int turn = 0; turn < i % 7; ++turn) co_await yield();
      co_return i;
    };
    std::vector<JoinHandle<int>> tasks;
    for (int i = 0; i < count; ++i) tasks.push_back(spawn(work(i, Tracker())));
    EXPECT_EQ(Tracker::alive, count);
    for (int i = count - 1; i >= 0; --i) EXPECT_EQ(co_await tasks[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(Tracker::alive, 0) << "handles keep no frame";
  });
}

}  // namespace
