// Every awaitable that waits, against everything that can happen to it: ready, woken, failed,
// cancelled before it began, while it waits, in the turn in which it was woken, just before what it
// waits for arrives, and by the end of its loop. Operations have the same in
// core/test_operation.cpp.
#include "support/run.hpp"

#include <functional>

namespace {

using namespace eddy;
using test::wait_until_done;

// What the awaitables wait for: the gate to open, the inner task to end, the deadline to come.
struct World {
  Lock gate;
  JoinHandle<int> inner;
  Instant deadline;
  bool closed = true;

  // The inner task passes the gate and ends with 7.
  Task<> begin() {
    deadline = Loop::current().now() + 5ms;
    co_await gate.acquire();
    inner = spawn([this]() -> Task<int> {
      auto passed = co_await gate.scoped();
      co_return 7;
    });
    co_await yield();
  }
  void open_gate() {
    if (std::exchange(closed, false)) gate.release();
  }
};

// A way to wait, and how it is woken: wake() is called when the waiter was just spawned, and
// returns in the turn in which it was woken, before it runs.
struct Way {
  const char* name;
  Task<int> (*wait)(World&);
  Task<> (*wake)(World&);
};

Task<> one_turn(World&) { co_await yield(); }
Task<> open_gate(World& world) {
  co_await yield();
  world.open_gate();
}
Task<> end_inner(World& world) {
  co_await yield();
  world.open_gate();
  co_await yield();
  EXPECT_TRUE(world.inner.done());
}
// Armed before the waiter has begun, so it is the first to wake at the deadline.
Task<> reach_deadline(World& world) { co_await sleep_until(world.deadline); }

template <class A>
Task<int> seven_after(A awaitable) {
  co_await std::move(awaitable);
  co_return 7;
}
template <class A>
Task<int> checked(A awaitable) {
  const auto result = co_await as_result(std::move(awaitable));
  co_return result.value();
}
Task<int> acquires(World& world) {
  co_await world.gate.acquire();
  world.gate.release();
  co_return 7;
}
Task<int> with_guard(World& world) {
  auto guard = co_await world.gate.scoped();
  co_return 7;
}

constexpr auto cleanup = [] { return yield(); };

constexpr Way ways[] = {
    {"Yield", [](World&) { return seven_after(yield()); }, &one_turn},
    {"Sleep", [](World& w) { return seven_after(sleep(w.deadline - Loop::current().now())); },
     &reach_deadline},
    {"SleepUntil", [](World& w) { return seven_after(sleep_until(w.deadline)); }, &reach_deadline},
    {"Join", [](World& w) -> Task<int> { co_return co_await w.inner; }, &end_inner},
    {"JoinAny", [](World& w) { return seven_after(JoinHandle<>(w.inner).operator co_await()); },
     &end_inner},
    {"Shield", [](World& w) -> Task<int> { co_return co_await shield(w.inner); }, &end_inner},
    {"Acquire", &acquires, &open_gate},
    {"Scoped", &with_guard, &open_gate},
    {"ChildOfAChild", [](World& w) { return seven_after(seven_after(acquires(w))); }, &open_gate},
    {"TimeoutOfSleep", [](World& w) { return seven_after(timeout(1h, sleep_until(w.deadline))); },
     &reach_deadline},
    {"TimeoutOfJoin", [](World& w) -> Task<int> { co_return co_await timeout(1h, w.inner); },
     &end_inner},
    {"TimeoutOfScoped",
     [](World& w) -> Task<int> {
       auto guard = co_await timeout(1h, w.gate.scoped());
       co_return 7;
     },
     &open_gate},
    {"TimeoutOfTask", [](World& w) -> Task<int> { co_return co_await timeout(1h, acquires(w)); },
     &open_gate},
    {"TimeoutOfBody",
     [](World& w) -> Task<int> {
       co_return co_await timeout(1h, [&](Timeout&) { return acquires(w); });
     },
     &open_gate},
    {"TimeoutOfShield",
     [](World& w) -> Task<int> { co_return co_await timeout(1h, shield(w.inner)); }, &end_inner},
    {"NestedTimeouts",
     [](World& w) -> Task<int> { co_return co_await timeout(2h, timeout(1h, acquires(w))); },
     &open_gate},
    {"WaitFor", [](World& w) -> Task<int> { co_return co_await wait_for(w.inner, 1h); },
     &end_inner},
    {"TryFinally",
     [](World& w) -> Task<int> { co_return co_await try_finally(acquires(w), cleanup); },
     &open_gate},
    {"AsResult", [](World& w) { return checked(acquires(w)); }, &open_gate},
    {"AsResultOfJoin", [](World& w) { return checked(w.inner.operator co_await()); }, &end_inner},
    {"AsResultOfTimeout",
     [](World& w) -> Task<int> { co_return co_await checked(timeout(1h, acquires(w))); },
     &open_gate},
};

class Waiting : public testing::TestWithParam<Way> {
 protected:
  // The inner task ended, the gate is open, and nobody has it: nothing was lost on the way.
  static Task<> check_world(World& world) {
    world.open_gate();
    co_await wait_until_done(world.inner);
    auto guard = co_await as_result(timeout(1s, world.gate.scoped()));
    EXPECT_TRUE(guard.has_value()) << "the lock was lost";
    EXPECT_EQ(Loop::current().stats().timers, 0u);
  }

  // Cancels the waiter when `before` has run in the turn of its choice.
  template <class Before>
  static void cancel_after(Before before) {
    test::run([&]() -> Task<> {
      World world;
      co_await world.begin();
      auto waiter = spawn(GetParam().wait(world));
      co_await before(world);
      EXPECT_TRUE(waiter.cancel());
      co_await wait_until_done(waiter);
      EXPECT_TRUE(waiter.cancelled());
      EXPECT_EQ(waiter.cancelling(), 1u);
      co_await check_world(world);
    });
  }
};

TEST_P(Waiting, GivesTheValue) {
  test::run([&]() -> Task<> {
    World world;
    co_await world.begin();
    auto waiter = spawn(GetParam().wait(world));
    co_await GetParam().wake(world);
    EXPECT_FALSE(waiter.done()) << "woken, not resumed";
    EXPECT_EQ(co_await waiter, 7);
    EXPECT_EQ(waiter.cancelling(), 0u);
    co_await check_world(world);
  });
}

// L5: what is ready does not suspend, and no pending cancel is delivered
TEST_P(Waiting, DoesNotSuspendWhenItIsReady) {
  test::run([&]() -> Task<> {
    World world;
    co_await world.begin();
    world.open_gate();
    co_await world.inner;
    const std::string name = GetParam().name;
    if (name == "Yield" || name.find("Sleep") != name.npos) co_return;  // always a turn
    this_task().cancel();
    const auto turns = Loop::current().stats().turns;
    if (name == "TryFinally") {
      EXPECT_THROW(co_await GetParam().wait(world), Cancelled) << "its cleanup suspends";
    } else {
      EXPECT_EQ(co_await GetParam().wait(world), 7);
      EXPECT_EQ(Loop::current().stats().turns, turns);
    }
    this_task().uncancel();
  });
}

// C3
TEST_P(Waiting, DoesNotBeginWhenItsTaskIsCancelledBefore) {
  cancel_after([](World&) -> Task<> { co_return; });
}

// C2
TEST_P(Waiting, EndsAtOnceWhenACancelIsPending) {
  test::run([&]() -> Task<> {
    World world;
    co_await world.begin();
    const auto work = [&]() -> Task<int> {
      this_task().cancel();
      co_return co_await GetParam().wait(world);
    };
    auto waiter = spawn(work());
    co_await wait_until_done(waiter);
    EXPECT_TRUE(waiter.cancelled());
    co_await check_world(world);
  });
}

// C1
TEST_P(Waiting, EndsWhenItIsCancelledWhileItWaits) {
  cancel_after([](World&) -> Task<> { co_await yield(); });
}

// C4, K2
TEST_P(Waiting, EndsWhenItIsCancelledInTheTurnInWhichItWasWoken) {
  cancel_after([](World& world) { return GetParam().wake(world); });
}

// C4: the other way round
TEST_P(Waiting, EndsWhenWhatItWaitsForArrivesWithTheCancel) {
  test::run([&]() -> Task<> {
    World world;
    co_await world.begin();
    auto waiter = spawn(GetParam().wait(world));
    co_await yield();
    EXPECT_TRUE(waiter.cancel());
    world.open_gate();
    co_await wait_until_done(waiter);
    EXPECT_TRUE(waiter.cancelled());
    co_await check_world(world);
  });
}

// C5
TEST_P(Waiting, IsCancelledTwiceBeforeTheDelivery) {
  test::run([&]() -> Task<> {
    World world;
    co_await world.begin();
    int delivered = 0;
    const auto work = [&]() -> Task<int> {
      try {
        co_await GetParam().wait(world);
      } catch (const Cancelled&) {
        ++delivered;
      }
      for (int i = 0; i < 3; ++i) co_await yield();  // no second one comes
      co_return delivered;
    };
    auto waiter = spawn(work());
    co_await yield();
    EXPECT_TRUE(waiter.cancel());
    EXPECT_TRUE(waiter.cancel());
    co_await wait_until_done(waiter);
    EXPECT_EQ(delivered, 1);
    EXPECT_EQ(waiter.cancelling(), 2u);
    co_await check_world(world);
  });
}

// F02, B5: the loop closes
TEST_P(Waiting, EndsWithItsLoop) {
  World world;
  JoinHandle<int> waiter;
  test::run([&]() -> Task<> {
    co_await world.begin();
    waiter = spawn(GetParam().wait(world));
    co_await yield();
    EXPECT_FALSE(waiter.done());
  });
  EXPECT_TRUE(waiter.cancelled());
  EXPECT_TRUE(world.inner.done());
  world.open_gate();
  EXPECT_FALSE(world.gate.locked()) << "nobody waits for it any more";
}

INSTANTIATE_TEST_SUITE_P(Each, Waiting, testing::ValuesIn(ways),
                         [](const auto& info) { return std::string(info.param.name); });

// -- what fails --

struct Failed {
  const char* name;
  Task<> (*wait)(bool later);
};

Task<> fails(bool later) {
  if (later) co_await sleep(1ms);
  throw std::runtime_error("mine");
}

constexpr Failed failing[] = {
    {"Child", [](bool later) -> Task<> { co_await fails(later); }},
    {"Join", [](bool later) -> Task<> { co_await spawn(fails(later)); }},
    {"Shield", [](bool later) -> Task<> { co_await shield(spawn(fails(later))); }},
    {"ShieldOfTask", [](bool later) -> Task<> { co_await shield(fails(later)); }},
    {"Timeout", [](bool later) -> Task<> { co_await timeout(1h, fails(later)); }},
    {"TimeoutOfJoin", [](bool later) -> Task<> { co_await timeout(1h, spawn(fails(later))); }},
    {"TimeoutOfBody",
     [](bool later) -> Task<> { co_await timeout(1h, [&](Timeout&) { return fails(later); }); }},
    {"ExpiredTimeout",
     [](bool later) -> Task<> {
       const auto slow = [&]() -> Task<> {
         static_cast<void>(co_await as_outcome(sleep(1h)));
         co_await fails(later);
       };
       co_await timeout(1ms, slow());
     }},
    {"WaitFor", [](bool later) -> Task<> { co_await wait_for(fails(later), 1h); }},
    {"TryFinally", [](bool later) -> Task<> { co_await try_finally(fails(later), cleanup); }},
    {"Cleanup",
     [](bool later) -> Task<> { co_await try_finally(yield(), [&] { return fails(later); }); }},
    {"AsResult", [](bool later) -> Task<> { static_cast<void>(co_await as_result(fails(later))); }},
    {"Eager", [](bool later) -> Task<> { co_await spawn(fails(later), {.eager = true}); }},
};

class Failing : public testing::TestWithParam<Failed> {};

TEST_P(Failing, PassesTheExceptionOn) {
  test::run([&]() -> Task<> {
    for (const bool later : {false, true}) {
      try {
        co_await GetParam().wait(later);
        ADD_FAILURE() << "no exception";
      } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "mine");
      }
      EXPECT_EQ(this_task().cancelling(), 0u);
      EXPECT_EQ(Loop::current().stats().timers, 0u);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Each, Failing, testing::ValuesIn(failing),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
