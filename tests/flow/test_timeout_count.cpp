// Whose cancellation it is: nested timeouts, foreign cancels and the count of requests (T3, T5,
// T6).
#include "core/kernel.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::wait_until_done;

template <class F>
Task<bool> times_out(F&& body) {
  try {
    co_await body();
  } catch (const TimeoutError&) {
    co_return true;
  }
  co_return false;
}

// T5
TEST(Timeout, NestedConvertsOnlyItsOwn) {
  test::run([&]() -> Task<> {
    const auto nested = [](Duration outer, Duration inner) -> Task<std::string> {
      std::string log;
      try {
        co_await timeout(outer, [&](Timeout&) -> Task<> {
          try {
            co_await timeout(inner, sleep(1h));
          } catch (const TimeoutError&) {
            log += "inner";
          }
        });
      } catch (const TimeoutError&) {
        log += "outer";
      }
      co_return log;
    };
    EXPECT_EQ(co_await nested(20ms, 10ms), "inner");
    EXPECT_EQ(co_await nested(10ms, 20ms), "outer");
    EXPECT_EQ(co_await nested(10ms, 10ms), "outer") << "the same instant: only the outermost";
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

// T3: a foreign cancel wins, also in the turn of the deadline
TEST(Timeout, GivesWayToAForeignCancel) {
  test::run([&]() -> Task<> {
    for (const Duration when : {1ms, 5ms}) {
      auto task = spawn([]() -> Task<> { co_await timeout(5ms, sleep(1h)); });
      co_await sleep(when);
      task.cancel();
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
    }
  });
}

// T6
TEST(Timeout, WorksInATaskThatWasCancelledBefore) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<bool> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
      }
      co_return co_await times_out([]() -> Task<> { co_await timeout(1ms, sleep(1h)); });
    });
    co_await yield();
    task.cancel();
    EXPECT_TRUE(co_await task);
    EXPECT_EQ(task.cancelling(), 1u);
  });
}

// C4, K2, T3: what was given in the turn of the deadline is handed on, and the scope times out
TEST(Timeout, WinsInTheTurnInWhichTheAwaitableWasWoken) {
  test::run([&]() -> Task<> {
    Lock lock;
    co_await lock.acquire();
    JoinHandle<int> inner;
    auto waiter = spawn([&]() -> Task<bool> {
      co_return co_await times_out([&]() -> Task<> { co_await timeout(0ms, lock.acquire()); });
    });
    auto joins = spawn([&]() -> Task<bool> {
      co_return co_await times_out([&]() -> Task<> { co_await timeout(0ms, shield(inner)); });
    });
    inner = spawn([]() -> Task<int> { co_return 3; });
    co_await yield();
    lock.release();  // in the turn in which both have begun to wait; the timers fire in the next
    EXPECT_TRUE(inner.done());
    EXPECT_TRUE(co_await waiter);
    EXPECT_FALSE(lock.locked()) << "nobody has it";
    EXPECT_TRUE(co_await joins);
    EXPECT_EQ(co_await inner, 3);
  });
}

// C13, C7, T6: a result that comes with the deadline is the result, and no request of the scope's
// is left, also where there was one before
TEST(Timeout, LeavesNoRequestBehindWhenTheResultCameWithTheDeadline) {
  Loop loop;  // real time: completions and deadlines race
  const auto main = []() -> Task<> {
    for (const unsigned before : {0u, 1u}) {
      if (before) {
        this_task().cancel();
        EXPECT_THROW(co_await yield(), Cancelled);
      }
      for (int i = 0; i < 200; ++i) {
        EXPECT_EQ(co_await timeout(0ms, test::nop()), 0);
        EXPECT_EQ(co_await timeout(1h, timeout(0ms, test::nop())), 0);
        EXPECT_EQ(this_task().cancelling(), before);
        co_await yield();
      }
    }
    this_task().uncancel();
  };
  loop.run(main());
}

// C7, C8: after scopes of every outcome the count is what it was
TEST(Timeout, LeavesTheCountThatItFound) {
  test::run([&]() -> Task<> {
    const auto me = this_task();
    for (const unsigned before : {0u, 1u, 2u}) {
      if (before) {
        me.cancel();
        EXPECT_THROW(co_await yield(), Cancelled);
      }
      EXPECT_EQ(me.cancelling(), before);
      EXPECT_TRUE(co_await times_out([]() -> Task<> { co_await timeout(1ms, sleep(1h)); }));
      EXPECT_FALSE(co_await times_out([]() -> Task<> { co_await timeout(1h, sleep(1ms)); }));
      EXPECT_TRUE(co_await times_out(
          []() -> Task<> { co_await timeout(1ms, timeout(1ms, timeout(1ms, sleep(1h)))); }));
      EXPECT_FALSE(co_await as_result(timeout(2ms, timeout(1ms, sleep(1h)))));
      EXPECT_EQ(me.cancelling(), before);
      co_await yield();
    }
    me.uncancel();
    me.uncancel();
  });
}

// T5: of any number of scopes with one deadline the outermost converts, and all have expired
TEST(Timeout, OfTheSameInstantConvertsOnlyOutermost) {
  test::run([&]() -> Task<> {
    test::Log log;
    const auto scope_of = [&](Duration length, std::string name, auto inner) -> Task<> {
      try {
        co_await timeout(length, [&](Timeout& scope) -> Task<> {
          try {
            co_await inner();
          } catch (const Cancelled&) {
            log(name + (scope.expired() ? ":expired" : ":foreign"));
            throw;
          }
        });
      } catch (const TimeoutError&) {
        log(name + ":converts");
        throw;
      }
    };
    const auto leaf = []() -> Task<> { co_await sleep(1h); };
    const auto innermost = [&]() -> Task<> { co_await scope_of(5ms, "c", leaf); };
    const auto middle = [&]() -> Task<> { co_await scope_of(5ms, "b", innermost); };
    EXPECT_THROW(co_await scope_of(5ms, "a", middle), TimeoutError);
    EXPECT_EQ(log.text(), "c:expired b:expired a:expired a:converts");
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

// T3, C8: the deadline comes in the turn after a foreign cancel, or just before it in the same turn
TEST(Timeout, IsNotMadeOfAForeignCancelHoweverTheyMeet) {
  test::run([&]() -> Task<> {
    auto after = spawn([]() -> Task<> { co_await timeout(0ms, sleep(1h)); });
    co_await yield();
    after.cancel();
    const Instant deadline = Loop::current().now() + 5ms;
    auto before = spawn([&]() -> Task<> { co_await timeout_at(deadline, sleep(1h)); });
    co_await sleep_until(deadline);  // armed before the timeout
    before.cancel();
    for (auto* task : {&after, &before}) {
      co_await wait_until_done(*task);
      EXPECT_TRUE(task->cancelled());
      EXPECT_EQ(task->cancelling(), 1u) << "the scope took its own back";
    }
  });
}

// T3, T6: it is delivered inside, in the turn in which a deadline that has passed comes
TEST(Timeout, IsNotMadeOfAForeignCancelThatWasPendingBefore) {
  test::run([&]() -> Task<> {
    for (const Duration length : {0ms, 1ms}) {
      auto task = spawn([&]() -> Task<> {
        this_task().cancel("foreign");
        co_await timeout(length, sleep(1h));
      });
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
      EXPECT_EQ(task.cancelling(), 1u) << "the scope took its own back";
    }
  });
}

}  // namespace
