#include "core/kernel.hpp"
#include "support/allocations.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::wait_until_done;

template <class F>
Task<bool> times_out(F&& body) {
  try {
    co_await body();
  } catch (const TimeoutError& error) {
    EXPECT_EQ(error.code(), std::errc::timed_out);
    co_return true;
  }
  co_return false;
}

// F40, T3
TEST(Timeout, BecomesATimeoutErrorAndLeavesNoCount) {
  test::run([&]() -> Task<> {
    const Instant start = Loop::current().now();
    EXPECT_TRUE(co_await times_out([]() -> Task<> { co_await timeout(10ms, sleep(1h)); }));
    EXPECT_EQ(Loop::current().now() - start, 10ms);
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

// T7
TEST(Timeout, ThatDoesNotExpireLeavesNoTimer) {
  test::run([&]() -> Task<> {
    const auto value = []() -> Task<int> {
      co_await sleep(1ms);
      co_return 5;
    };
    EXPECT_EQ(co_await timeout(10ms, value()), 5);
    EXPECT_EQ(Loop::current().stats().timers, 0u);
    for (int i = 0; i < 10'000; ++i) co_await timeout(1h, yield());
    EXPECT_EQ(Loop::current().stats().timers, 0u);
  });
}

// T7: no deadline is never
TEST(Timeout, WithoutADeadlineNeverExpires) {
  test::run([&]() -> Task<> {
    co_await timeout_at(std::nullopt, sleep(48h));
    co_await timeout(Duration::max(), sleep(1h));
    co_await wait_for(sleep(48h), std::nullopt);
  });
}

// T2, L5
TEST(Timeout, OfNothingLetsTheBodyRunToItsFirstWait) {
  test::run([&]() -> Task<> {
    bool started = false;
    EXPECT_TRUE(co_await times_out([&]() -> Task<> {
      co_await timeout(0ms, [&](Timeout&) -> Task<> {
        started = true;
        co_await sleep(1ms);
      });
    }));
    EXPECT_TRUE(started);
    const auto no_wait = []() -> Task<int> { co_return 1; };
    EXPECT_EQ(co_await timeout(-1s, no_wait()), 1);
  });
}

// T4
TEST(Timeout, ThatIsSwallowedIsSilentButExpired) {
  test::run([&]() -> Task<> {
    bool expired = false;
    const int value = co_await timeout(1ms, [&](Timeout& scope) -> Task<int> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
      }
      expired = scope.expired();
      co_return 2;
    });
    EXPECT_EQ(value, 2);
    EXPECT_TRUE(expired);
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

// T4
TEST(Timeout, LetsAnotherExceptionThrough) {
  test::run([&]() -> Task<> {
    const auto fails = []() -> Task<> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
        throw std::runtime_error("mine");
      }
    };
    EXPECT_THROW(co_await timeout(1ms, fails()), std::runtime_error);
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
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

// T1, T7
TEST(Timeout, CanBeRescheduledWhileItIsActive) {
  test::run([&]() -> Task<> {
    const Instant start = Loop::current().now();
    EXPECT_TRUE(co_await times_out([&]() -> Task<> {
      co_await timeout(10ms, [&](Timeout& scope) -> Task<> {
        EXPECT_EQ(scope.when(), start + 10ms);
        scope.reschedule(std::nullopt);
        EXPECT_EQ(scope.when(), std::nullopt);
        co_await sleep(50ms);
        scope.reschedule(start + 60ms);
        try {
          co_await sleep(1h);
        } catch (const Cancelled&) {
          EXPECT_THROW(scope.reschedule(std::nullopt), UsageError) << "expired";
          throw;
        }
      });
    }));
    EXPECT_EQ(Loop::current().now() - start, 60ms);
  });
}

TEST(Timeout, TakesAnInstant) {
  test::run([&]() -> Task<> {
    const Instant start = Loop::current().now();
    EXPECT_TRUE(
        co_await times_out([&]() -> Task<> { co_await timeout_at(start + 7ms, sleep(1h)); }));
    EXPECT_TRUE(co_await times_out([&]() -> Task<> { co_await timeout_at(start, sleep(1h)); }));
    EXPECT_EQ(Loop::current().now() - start, 7ms);
  });
}

TEST(Timeout, CancelsAnOperationInTheKernel) {
  test::run([&]() -> Task<> {
    test::Pipe pipe;
    char byte;
    const auto nothing = co_await as_result(timeout(1ms, test::read(pipe.out.get(), &byte, 1)));
    EXPECT_EQ(nothing.error(), std::errc::timed_out);
    pipe.put("x");
    EXPECT_EQ(co_await timeout(1ms, test::read(pipe.out.get(), &byte, 1)), 1);
  });
}

// C3, L8
TEST(Timeout, EndsWithTheLoopAndBeforeItStarts) {
  test::run([&]() -> Task<> {
    auto early = spawn([]() -> Task<> {
      this_task().cancel();
      co_await timeout(1h, sleep(1h));
    });
    co_await wait_until_done(early);
    EXPECT_TRUE(early.cancelled());
    spawn([]() -> Task<> { co_await timeout(1h, sleep(2h)); });  // cancelled when the loop closes
    co_await yield();
  });
}

// W1, F41
TEST(WaitFor, GivesTheValueInTheSameTask) {
  test::run([&]() -> Task<> {
    const auto me = this_task();
    const auto value = [&]() -> Task<int> {
      EXPECT_TRUE(this_task() == me) << "no extra task (W3)";
      co_await yield();
      co_return 3;
    };
    EXPECT_EQ(co_await wait_for(value(), 1s), 3);
    EXPECT_EQ(co_await wait_for(value(), std::nullopt), 3);
  });
}

// W2
TEST(WaitFor, WithoutTimeStartsNoCoroutine) {
  test::run([&]() -> Task<> {
    bool started = false;
    const auto work = [&]() -> Task<int> {
      started = true;
      co_return 1;
    };
    EXPECT_TRUE(co_await times_out([&]() -> Task<> { co_await wait_for(work(), 0s); }));
    EXPECT_FALSE(started);
    EXPECT_EQ((co_await as_result(wait_for(work(), -1s))).error(), std::errc::timed_out);
    auto done = spawn(work());
    co_await done;
    EXPECT_EQ(co_await wait_for(done, 0s), 1);
    auto pending = spawn([]() -> Task<> { co_await sleep(1h); });
    EXPECT_TRUE(co_await times_out([&]() -> Task<> { co_await wait_for(pending, 0s); }));
    EXPECT_TRUE(pending.cancelled());
  });
}

// W4, W5
TEST(WaitFor, WaitsForTheCleanupAndTakesItsValue) {
  test::run([&]() -> Task<> {
    bool cleaned = false;
    const auto slow = [&]() -> Task<> {
      co_await try_finally(sleep(1h), [&]() -> Task<> {
        co_await sleep(5ms);
        cleaned = true;
      });
    };
    EXPECT_TRUE(co_await times_out([&]() -> Task<> { co_await wait_for(slow(), 1ms); }));
    EXPECT_TRUE(cleaned);
    const auto stubborn = []() -> Task<int> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
      }
      co_return 9;
    };
    EXPECT_EQ(co_await wait_for(stubborn(), 1ms), 9);
  });
}

// W6, F45
TEST(WaitFor, PassesAnOuterCancelToTheTask) {
  test::run([&]() -> Task<> {
    auto inner = spawn([]() -> Task<> { co_await sleep(1h); });
    auto outer = spawn([&]() -> Task<> { co_await wait_for(inner, 1h); });
    co_await test::settle();
    outer.cancel();
    co_await wait_until_done(outer);
    EXPECT_TRUE(inner.cancelled());
    EXPECT_FALSE(inner.cancel()) << "it has ended";
  });
}

// SH1, F2A
TEST(Shield, KeepsTheTaskFromTheCancel) {
  test::run([&]() -> Task<> {
    auto inner = spawn([]() -> Task<int> {
      co_await sleep(10ms);
      co_return 6;
    });
    auto outer = spawn([&]() -> Task<> { co_await shield(inner); });
    co_await test::settle();
    outer.cancel();
    co_await wait_until_done(outer);
    EXPECT_TRUE(outer.cancelled());
    EXPECT_FALSE(inner.done());
    EXPECT_EQ(inner.cancelling(), 0u);
    EXPECT_EQ(co_await shield(inner), 6) << "awaiting again works";
  });
}

// SH1
TEST(Shield, EndsWhenTheTaskWasCancelledItself) {
  test::run([&]() -> Task<> {
    auto inner = spawn([]() -> Task<> { co_await sleep(1h); });
    co_await yield();
    inner.cancel();
    EXPECT_THROW(co_await shield(inner), Cancelled);
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

// SH2
TEST(Shield, OfADoneTaskDoesNotSuspend) {
  test::run([&]() -> Task<> {
    auto inner = spawn([]() -> Task<int> { co_return 1; });
    co_await inner;
    const auto turns = Loop::current().stats().turns;
    EXPECT_EQ(co_await shield(inner), 1);
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// SH3, W7
TEST(Shield, SurvivesATimeoutAroundIt) {
  test::run([&]() -> Task<> {
    auto inner = spawn([]() -> Task<int> {
      co_await sleep(10ms);
      co_return 6;
    });
    EXPECT_EQ((co_await as_result(timeout(1ms, shield(inner)))).error(), std::errc::timed_out);
    EXPECT_EQ((co_await as_result(wait_for(shield(inner), 1ms))).error(), std::errc::timed_out);
    EXPECT_EQ(co_await inner, 6);
    EXPECT_EQ(co_await shield([]() -> Task<int> { co_return 2; }()), 2);
  });
}

// F50, F51
TEST(TryFinally, RunsItsCleanupOnceHoweverTheBodyEnds) {
  test::run([&]() -> Task<> {
    int cleaned = 0;
    const auto cleanup = [&]() -> Task<> {
      co_await yield();
      co_await yield();
      ++cleaned;
    };
    const auto value = []() -> Task<int> { co_return 4; };
    EXPECT_EQ(co_await try_finally(value(), cleanup), 4);
    EXPECT_EQ(co_await try_finally(value, cleanup), 4) << "a callable is as good";
    const auto failure = []() -> Task<> {
      throw std::runtime_error("body");
      co_return;
    };
    EXPECT_THROW(co_await try_finally(failure(), cleanup), std::runtime_error);
    auto task = spawn([&]() -> Task<> { co_await try_finally(sleep(1h), cleanup); });
    co_await yield();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(cleaned, 4);
  });
}

TEST(TryFinally, LetsTheCleanupsExceptionReplaceTheBodys) {
  test::run([&]() -> Task<> {
    const auto body = []() -> Task<> {
      throw std::runtime_error("body");
      co_return;
    };
    const auto cleanup = []() -> Task<> {
      throw std::logic_error("cleanup");
      co_return;
    };
    EXPECT_THROW(co_await try_finally(body(), cleanup), std::logic_error);
  });
}

TEST(AsResult, GivesFailuresAsValuesAndThrowsTheRest) {
  test::run([&]() -> Task<> {
    const auto error = []() -> Task<int> {
      throw Error(ENOENT, "look");
      co_return 0;
    };
    const auto other = []() -> Task<int> {
      throw std::runtime_error("not an operation's");
      co_return 0;
    };
    EXPECT_EQ((co_await as_result(error())).error(), std::errc::no_such_file_or_directory);
    EXPECT_THROW(static_cast<void>(co_await as_result(other())), std::runtime_error);
    const auto nested = co_await as_result(as_result(timeout(1ms, sleep(1h))));
    EXPECT_EQ(nested->error(), std::errc::timed_out);
    auto task = spawn([]() -> Task<> { static_cast<void>(co_await as_result(sleep(1h))); });
    co_await yield();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled()) << "a cancellation is not a result";
    EXPECT_EQ((co_await as_result(spawn(error()))).error(), std::errc::no_such_file_or_directory);
  });
}

TEST(Allocations, TimeoutsMakeNoneWhetherTheyExpireOrNot) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([&]() -> Task<> {
    Lock lock;
    co_await lock.acquire();
    const auto use = [&]() -> Task<> {
      co_await timeout(1s, yield());
      static_cast<void>(co_await as_result(timeout(1ms, sleep(1h))));
      static_cast<void>(co_await as_result(timeout(1ms, lock.acquire())));
      co_await timeout(1s, [&](Timeout&) -> Task<> { co_await yield(); });
      co_await try_finally(yield(), []() -> Task<> { co_await yield(); });
    };
    for (int i = 0; i < 5; ++i) co_await use();
    const auto before = test::allocations();
    for (int i = 0; i < 10; ++i) co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
    lock.release();
  });
}

}  // namespace
