#include "core/kernel.hpp"
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

// C4, K2, T3: what was given in the turn of the deadline is handed on, and the scope times out
TEST(Timeout, WinsInTheTurnInWhichTheAwaitableWasWoken) {
  test::run([&]() -> Task<> {
    Lock lock;
    co_await lock.acquire();
    const Instant deadline = Loop::current().now() + 5ms;
    auto waiter = spawn([&]() -> Task<bool> {
      co_return co_await times_out(
          [&]() -> Task<> { co_await timeout_at(deadline, lock.acquire()); });
    });
    auto inner = spawn([&]() -> Task<int> {
      co_await sleep_until(deadline);
      co_return 3;
    });
    auto joins = spawn([&]() -> Task<bool> {
      co_return co_await times_out(
          [&]() -> Task<> { co_await timeout_at(deadline, shield(inner)); });
    });
    co_await sleep_until(deadline);  // armed before the timeouts: runs before the waiters
    lock.release();
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
      EXPECT_TRUE(co_await times_out([]() -> Task<> {
        co_await timeout(1ms, timeout(1ms, timeout(1ms, sleep(1h))));
      }));
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

// T8
TEST(Timeout, ConvertsWhatIsDerivedFromCancelled) {
  test::run([&]() -> Task<> {
    struct Mine : Cancelled {};
    const auto body = []() -> Task<> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
        throw Mine();
      }
    };
    EXPECT_THROW(co_await timeout(1ms, body()), TimeoutError);
  });
}

// T1
TEST(Timeout, IsMisusedAfterItsScopeAndOutsideOfATask) {
  test::run([&]() -> Task<> {
    Timeout* kept = nullptr;
    auto scope = timeout(1ms, [&](Timeout& inside) -> Task<> {
      kept = &inside;
      EXPECT_FALSE(inside.expired());
      co_await yield();
    });
    co_await scope;
    EXPECT_EQ(kept->when(), std::nullopt);
    EXPECT_FALSE(kept->expired());
    EXPECT_THROW(kept->reschedule(Loop::current().now()), UsageError);
    EXPECT_THROW(co_await scope, UsageError) << "entered twice";
    EXPECT_EQ(Loop::current().stats().timers, 0u);
  });
}

// T7
TEST(Timeout, RescheduledToThePastExpiresInTheNextTurn) {
  test::run([&]() -> Task<> {
    const Instant start = Loop::current().now();
    EXPECT_TRUE(co_await times_out([&]() -> Task<> {
      co_await timeout(1h, [&](Timeout& scope) -> Task<> {
        scope.reschedule(start - 1h);
        EXPECT_FALSE(scope.expired());
        co_await sleep(1h);
      });
    }));
    EXPECT_EQ(Loop::current().now(), start);
  });
}

// T7
TEST(Timeout, InALoopLeavesNoTimersHoweverItEnds) {
  test::run([&]() -> Task<> {
    Lock lock;
    co_await lock.acquire();
    const auto fails = []() -> Task<> {
      co_await yield();
      throw std::runtime_error("body");
    };
    for (int i = 0; i < 10'000; ++i) {
      co_await timeout(1h, yield());
      static_cast<void>(co_await as_result(timeout(1us, lock.acquire())));
      if (i % 100 != 0) continue;
      EXPECT_THROW(co_await timeout(1h, fails()), std::runtime_error);
    }
    EXPECT_EQ(Loop::current().stats().timers, 0u);
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

// F43
TEST(Timeout, IsATimeoutErrorInsideOfAWrapper) {
  test::run([&]() -> Task<> {
    test::Log log;
    const auto logged = [&](auto body) -> Task<> {
      try {
        co_await timeout(1ms, std::move(body));
      } catch (const TimeoutError& error) {
        log(error.what());
        throw;
      }
    };
    EXPECT_TRUE(co_await times_out([&]() -> Task<> { co_await logged(sleep(1h)); }));
    EXPECT_EQ(log.lines(), (std::vector<std::string>{"timeout: Connection timed out"}));
  });
}

// F44
TEST(Timeout, CanBeMappedToADefaultOrToAnotherError) {
  test::run([&]() -> Task<> {
    const auto slow = []() -> Task<int> {
      co_await sleep(1h);
      co_return 1;
    };
    const auto or_default = [&]() -> Task<int> {
      co_return (co_await as_result(timeout(1ms, slow()))).value_or(-1);
    };
    EXPECT_EQ(co_await or_default(), -1);
    const auto mapped = [&]() -> Task<int> {
      try {
        co_return co_await timeout(1ms, slow());
      } catch (const TimeoutError&) {
        throw std::runtime_error("504");
      }
    };
    EXPECT_THROW(co_await mapped(), std::runtime_error);
  });
}

// F45: the timeout has cancelled the task that was awaited; a second cancel() finds it done
TEST(Timeout, AroundAnAwaitOfATaskCancelsThatTask) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<> { co_await sleep(1h); });
    EXPECT_TRUE(co_await times_out([&]() -> Task<> { co_await timeout(1ms, task); }));
    EXPECT_TRUE(task.cancelled());
    EXPECT_FALSE(task.cancel());
    EXPECT_THROW(co_await task, Cancelled);
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

}  // namespace
