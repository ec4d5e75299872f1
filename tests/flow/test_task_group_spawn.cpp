// What a task group does with spawning, cancel(), eager children and memory.
#include "support/allocations.hpp"
#include "support/run.hpp"
#include "support/tracker.hpp"

namespace {

using namespace eddy;
using test::Log;
using test::Tracker;
using test::wait_until_done;

Task<> fails() {
  throw std::runtime_error("x");
  co_return;
}
Task<> tracked(Tracker) { co_return; }

// G1, F33, gh-115957: the coroutine is destroyed, and not reported as never awaited
TEST(TaskGroup, RefusesToSpawnWhenItIsOverOrBeingCancelled) {
  const int alive = Tracker::alive;
  test::run(
      []() -> Task<> {
        TaskGroup* kept = nullptr;
        bool refused = false;
        auto outcome = co_await as_outcome(task_group([&](TaskGroup& group) -> Task<> {
          kept = &group;
          group.spawn(fails());
          try {
            co_await sleep(1h);
          } catch (const Cancelled&) {
            EXPECT_THROW(group.spawn(tracked(Tracker(1))), UsageError);
            const auto callable = []() -> Task<> { co_return; };
            EXPECT_THROW(group.spawn(callable), UsageError);
            refused = true;
            throw;
          }
        }));
        EXPECT_FALSE(outcome);
        EXPECT_TRUE(refused);
        EXPECT_NE(kept, nullptr);
      },
      {.debug = true});
  EXPECT_EQ(Tracker::alive, alive);
}

// G1
TEST(TaskGroup, NeedsATask) {
  Loop loop(test::options());
  EXPECT_THROW(this_task(), UsageError);
}

// G11: no error, and the body ends too
TEST(TaskGroup, EndsWithoutAnErrorWhenItIsCancelledItself) {
  test::run([]() -> Task<> {
    Log log;
    co_await task_group([&](TaskGroup& group) -> Task<> {
      group.spawn([&]() -> Task<> {
        co_await sleep(1ms);
        group.cancel();
        group.cancel();
      });
      group.spawn([&]() -> Task<> {
        co_await try_finally(sleep(1h), [&]() -> Task<> {
          log("child");
          co_return;
        });
      });
      co_await sleep(1h);
      ADD_FAILURE() << "the body was not cancelled";
    });
    EXPECT_EQ(log.text(), "child");
    EXPECT_EQ(this_task().cancelling(), 0u);
    co_await yield();
  });
}

// G11: from the body itself, and after the body
TEST(TaskGroup, MayBeCancelledByItsBody) {
  test::run([]() -> Task<> {
    int children = 0;
    co_await task_group([&](TaskGroup& group) -> Task<> {
      group.spawn([&]() -> Task<> {
        ++children;
        co_await sleep(1h);
      });
      co_await yield();
      group.cancel();
    });
    EXPECT_EQ(children, 1);
    co_await task_group([&](TaskGroup& group) -> Task<> {
      group.spawn([&]() -> Task<> {
        co_await sleep(1ms);
        group.cancel();
      });
      group.spawn([]() -> Task<> { co_await sleep(1h); });
      co_return;
    });
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

// G11: a value that was promised is not there
TEST(TaskGroup, ThrowsCancelledWhereAValueWasPromised) {
  test::run([]() -> Task<> {
    auto outcome = co_await as_outcome(task_group([&](TaskGroup& group) -> Task<int> {
      group.cancel();
      co_await yield();
      co_return 1;
    }));
    EXPECT_TRUE(!outcome && outcome.error().is_cancelled());
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

// G11, C8: a cancel from outside at the same time is not lost
TEST(TaskGroup, PassesOnAnOuterCancelThatMeetsItsOwn) {
  test::run([]() -> Task<> {
    auto task = spawn([]() -> Task<> {
      co_await task_group([](TaskGroup& group) -> Task<> {
        group.spawn([&]() -> Task<> {
          co_await sleep(1ms);
          group.cancel();
        });
        co_await sleep(1h);
      });
      ADD_FAILURE() << "the outer cancel was lost";
    });
    co_await yield();
    const auto canceller = [&]() -> Task<> {
      co_await sleep(1ms);
      task.cancel();
    };
    auto other = spawn(canceller);
    co_await wait_until_done(task);
    co_await other;
    EXPECT_TRUE(task.cancelled());
  });
}

// G10, gh-128550, gh-128588: not before spawn() has returned
TEST(TaskGroup, IsNotCancelledInsideOfASpawnByAnEagerChildThatFails) {
  test::run([]() -> Task<> {
    Log log;
    auto outcome = co_await as_outcome(task_group([&](TaskGroup& group) -> Task<> {
      auto child = group.spawn(fails(), {.eager = true});
      log("spawned");
      EXPECT_TRUE(child.done());
      co_await sleep(1h);
      ADD_FAILURE() << "the body was not cancelled";
    }));
    EXPECT_FALSE(outcome);
    EXPECT_EQ(log.text(), "spawned");
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

// G10, gh-155418
TEST(TaskGroup, CancelsAnEagerChildThatAbortsItBeforeItsFirstWait) {
  test::run([]() -> Task<> {
    Log log;
    auto outcome = co_await as_outcome(task_group([&](TaskGroup& group) -> Task<> {
      const auto child = [&]() -> Task<> {
        group.spawn(fails(), {.eager = true});
        try {
          co_await sleep(1h);
        } catch (const Cancelled&) {
          log("cancelled");
          throw;
        }
      };
      group.spawn(child, {.eager = true});
      co_await sleep(1h);
    }));
    EXPECT_FALSE(outcome);
    EXPECT_EQ(log.text(), "cancelled");
  });
}

// E2, G2: eager children that end at once
TEST(TaskGroup, TakesEagerChildrenThatEndAtOnce) {
  test::run([]() -> Task<> {
    int ran = 0;
    co_await task_group([&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 10; ++i) {
        auto child = group.spawn(
            [&]() -> Task<> {
              ++ran;
              co_return;
            },
            {.eager = true});
        EXPECT_TRUE(child.done());
      }
      co_return;
    });
    EXPECT_EQ(ran, 10);
  });
}

// G13
TEST(TaskGroup, KeepsNothingOfChildrenThatHaveEnded) {
  test::run([]() -> Task<> {
    co_await task_group([](TaskGroup& group) -> Task<> {
      const int alive = Tracker::alive;
      for (int i = 0; i < 100; ++i) {
        group.spawn(tracked(Tracker(i)));
        co_await yield();
        co_await yield();
        EXPECT_EQ(Tracker::alive, alive);
      }
    });
  });
}

// gh-113848: what is derived from Cancelled is a cancellation
TEST(TaskGroup, TakesASubclassOfCancelledForACancellation) {
  struct Stopped : Cancelled {};
  test::run([]() -> Task<> {
    Log log;
    co_await task_group([&](TaskGroup& group) -> Task<> {
      group.spawn([]() -> Task<> {
        throw Stopped();
        co_return;
      });
      co_await sleep(1ms);
      log("undisturbed");
    });
    EXPECT_EQ(log.text(), "undisturbed");
  });
}

struct Client {
  bool open = true;
  Task<> close() {
    open = false;
    co_return;
  }
};

// F34: what is around the group outlives every child
TEST(TaskGroup, NestsInsideOfWhatItsChildrenUse) {
  test::run([]() -> Task<> {
    Client client;
    co_await closing(client, [](Client& shared) -> Task<> {
      co_await task_group([&](TaskGroup& group) -> Task<> {
        for (int i = 0; i < 5; ++i) {
          group.spawn([&shared]() -> Task<> {
            co_await sleep(1ms);
            EXPECT_TRUE(shared.open);
          });
        }
        co_return;
      });
    });
    EXPECT_FALSE(client.open);
  });
}

// An exception has to be allocated, so that these throw none.
Task<> waits() { static_cast<void>(co_await as_outcome(sleep(1ms))); }
Task<> ten_children() {
  auto group = task_group([](TaskGroup& group) -> Task<> {
    for (int i = 0; i < 10; ++i) group.spawn(waits());
    co_return;
  });
  static_cast<void>(co_await as_outcome(std::move(group)));
}

TEST(TaskGroup, OfTenChildrenAllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  EXPECT_EQ(test::allocations_of([&] { loop.run(ten_children()); }), 0u);
  const auto cancelled = [&]() -> Task<> {
    auto task = spawn(ten_children());
    co_await yield();
    co_await yield();
    task.cancel();
    while (!task.done()) co_await yield();
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(cancelled()); }), 0u);
}

}  // namespace
