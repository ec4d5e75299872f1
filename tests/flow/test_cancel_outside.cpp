// A handle may be used outside of any turn, and in a task of another loop on the same thread: what
// it does is done to the loop of its own task.
#include "support/run.hpp"

#include <linux/io_uring.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <functional>

namespace {

using namespace eddy;
using namespace eddy::internal;

Task<> sleep_long() { co_await sleep(1h); }
Task<> sleep_until_late() { co_await sleep_until(Loop::current().now() + 1h); }
Task<> yield_for_ever() {
  for (;;) co_await yield();
}
Task<> poll_what_never_comes() {
  const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
  Request request;
  request.opcode = IORING_OP_POLL_ADD;
  request.fd = event.get();
  request.op_flags = POLLIN;
  co_await Operation(request, "poll");
}
Task<> join_a_sleeper() { co_await spawn(sleep_long()); }
Task<> shield_a_sleeper() {
  auto sleeper = spawn(sleep_long());
  auto outcome = co_await as_outcome(shield(sleeper));
  sleeper.cancel();
  if (!outcome) co_await fail(std::move(outcome.error()));
}
Task<> within_a_timeout() { co_await timeout(2h, sleep(1h)); }
Task<> gather_sleepers() { co_await gather(sleep_long(), sleep_long()); }
Task<> wait_for_sleepers() {
  std::vector<JoinHandle<>> sleepers{spawn(sleep_long()), spawn(sleep_long())};
  auto outcome = co_await as_outcome(wait(sleepers));
  for (auto& sleeper : sleepers) sleeper.cancel();
  if (!outcome) co_await fail(std::move(outcome.error()));
}
Task<> group_of_sleepers() {
  co_await task_group([](TaskGroup& group) -> Task<> {
    group.spawn(sleep_long());
    co_await sleep_long();
  });
}
Task<> acquire_what_is_taken() {
  Lock lock;
  co_await lock.acquire();
  co_await lock.acquire();
}
Task<> wait_for_an_event() {
  Event event;
  co_await event.wait();
}
Task<> get_from_nothing() {
  Queue<int> queue;
  co_await queue.get();
}

struct Case {
  const char* name;
  std::function<Task<>()> make;
};
const std::vector<Case> cases = {
    {"sleep", sleep_long},
    {"sleep_until", sleep_until_late},
    {"yield", yield_for_ever},
    {"an operation", poll_what_never_comes},
    {"join", join_a_sleeper},
    {"shield", shield_a_sleeper},
    {"timeout", within_a_timeout},
    {"gather", gather_sleepers},
    {"wait", wait_for_sleepers},
    {"task_group", group_of_sleepers},
    {"lock", acquire_what_is_taken},
    {"event", wait_for_an_event},
    {"queue", get_from_nothing},
};

void turn_until_done(Loop& loop, const TaskHandle& task, int most = 50) {
  for (int i = 0; i < most && !task.done(); ++i) loop.turn(1ms);
}

void expect_cancelled(Loop& loop, const TaskHandle& task, const char* name) {
  turn_until_done(loop, task);
  ASSERT_TRUE(task.done()) << name;
  EXPECT_TRUE(task.cancelled()) << name;
  EXPECT_EQ(task.cancelling(), 1u) << name;
  loop.close();
  EXPECT_EQ(loop.stats().timers, 0u) << name;
  EXPECT_EQ(loop.stats().in_flight, 0u) << name;
}

TEST(CancelOutside, OfEveryTurnEndsWhatTheTaskWaitsFor) {
  for (const auto& [name, make] : cases) {
    Loop loop(test::options());
    auto task = loop.spawn(make());
    for (int i = 0; i < 4; ++i) loop.turn();
    ASSERT_FALSE(task.done()) << name;
    EXPECT_TRUE(task.cancel("from outside")) << name;
    expect_cancelled(loop, task, name);
  }
}

TEST(CancelOutside, InATaskOfAnotherLoopTouchesOnlyTheTasksOwn) {
  for (const auto& [name, make] : cases) {
    Loop loop(test::options());
    auto task = loop.spawn(make());
    for (int i = 0; i < 4; ++i) loop.turn();
    Loop other(test::options());
    auto sleeper = other.spawn(sleep_long());
    other.run([](TaskHandle victim) -> Task<> {
      co_await yield();
      EXPECT_TRUE(victim.cancel());
    }(task));
    EXPECT_EQ(other.stats().timers, 1u) << name << ": the sleeper's, and no other";
    expect_cancelled(loop, task, name);
    sleeper.cancel();
    expect_cancelled(other, sleeper, "the sleeper of the other loop");
  }
}

TEST(CancelOutside, OfATaskThatIsReadyOrNotStartedComesWithItsNextStep) {
  Loop loop(test::options());
  auto unstarted = loop.spawn(sleep_long());
  EXPECT_TRUE(unstarted.cancel());
  loop.turn();
  EXPECT_TRUE(unstarted.cancelled());
  auto ready = loop.spawn(yield_for_ever());
  loop.turn();
  EXPECT_TRUE(ready.cancel());
  loop.turn();
  EXPECT_TRUE(ready.cancelled());
}

TEST(CancelOutside, IsTakenBackOutsideToo) {
  Loop loop(test::options());
  auto task = loop.spawn([]() -> Task<int> {
    co_await yield();
    co_await sleep(1s);
    co_return 7;
  }());
  loop.turn();
  EXPECT_TRUE(task.cancel());
  EXPECT_EQ(task.uncancel(), 0u);
  turn_until_done(loop, task, 2000);
  EXPECT_EQ(task.result(), 7);
}

TEST(CancelOutside, OnDoneIsCalledForWhatEndsLater) {
  Loop loop(test::options());
  auto task = loop.spawn(sleep_long());
  loop.turn();
  int called = 0;
  task.on_done([&](const TaskHandle& ended) { called += ended.cancelled(); });
  task.cancel();
  turn_until_done(loop, task);
  loop.turn();
  EXPECT_EQ(called, 1);
  task.on_done([&](const TaskHandle&) { ++called; });
  loop.turn();
  EXPECT_EQ(called, 2);
}

// What another primitive's waiters are woken by, outside of a turn.
TEST(CancelOutside, WhatWakesATaskWakesItFromOutside) {
  Loop loop(test::options());
  Event event;
  Lock lock;
  Semaphore semaphore(0);
  Queue<int> queue;
  Queue<int> ended;
  int woken = 0;
  std::vector<JoinHandle<>> tasks{
      loop.spawn([](Event& set, int& count) -> Task<> {
        co_await set.wait();
        ++count;
      }(event, woken)),
      loop.spawn([](Lock& taken, int& count) -> Task<> {
        co_await taken.acquire();
        co_await taken.acquire();
        ++count;
      }(lock, woken)),
      loop.spawn([](Semaphore& released, int& count) -> Task<> {
        co_await released.acquire();
        ++count;
      }(semaphore, woken)),
      loop.spawn([](Queue<int>& filled, int& count) -> Task<> {
        count += co_await filled.get();
      }(queue, woken)),
      loop.spawn([](Queue<int>& shut, int& count) -> Task<> {
        auto got = co_await as_outcome(shut.get());
        count += !got;
      }(ended, woken)),
  };
  loop.turn();
  event.set();
  lock.release();
  semaphore.release();
  queue.put_nowait(1);
  ended.shutdown();
  for (auto& task : tasks) turn_until_done(loop, task);
  EXPECT_EQ(woken, 5);
}

TEST(CancelOutside, AGroupAndATimeoutAreReachedFromOutside) {
  Loop loop(test::options());
  TaskGroup* group = nullptr;
  Timeout* scope = nullptr;
  auto grouped = loop.spawn([](TaskGroup*& out) -> Task<> {
    co_await task_group([&](TaskGroup& entered) -> Task<> {
      out = &entered;
      entered.spawn(sleep_long());
      co_await sleep_long();
    });
  }(group));
  auto limited = loop.spawn([](Timeout*& out) -> Task<bool> {
    auto outcome = co_await as_outcome(timeout(1h, [&](Timeout& entered) -> Task<> {
      out = &entered;
      co_await sleep(2h);
    }));
    co_return !outcome && outcome.error().code() == ETIMEDOUT;
  }(scope));
  for (int i = 0; i < 3; ++i) loop.turn();
  ASSERT_TRUE(group && scope);
  group->cancel();
  scope->reschedule(loop.now());
  turn_until_done(loop, grouped);
  turn_until_done(loop, limited);
  EXPECT_TRUE(grouped.done() && !grouped.cancelled() && !grouped.exception());
  EXPECT_TRUE(limited.result());
}

}  // namespace
