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
    EXPECT_NE(kept->when(), std::nullopt) << "what it was";
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
    EXPECT_EQ(log.lines(), (std::vector<std::string>{"Sleep: timed out after 1ms"}));
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
