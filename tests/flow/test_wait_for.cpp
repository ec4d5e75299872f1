// wait_for() of flow/timeout.hpp: rules W1 to W7.
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

// W1, W3, F41
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

// W4, W5, bpo-32751
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

// W2: on purpose, so nothing is reported in debug mode either
TEST(WaitFor, WithoutTimeIsNoTaskThatWasForgotten) {
  test::run(
      [&]() -> Task<> {
        const auto work = []() -> Task<> { co_return; };
        EXPECT_FALSE(co_await as_result(wait_for(work(), 0s)));
      },
      {.debug = true});
}

// W2: what is pending is cancelled and waited for
TEST(WaitFor, WithoutTimeWaitsForTheEndOfWhatItCancels) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto task = spawn([&]() -> Task<> {
      co_await try_finally(sleep(1h), [&]() -> Task<> {
        co_await sleep(5ms);
        log("cleaned");
      });
    });
    co_await yield();
    EXPECT_TRUE(co_await times_out([&]() -> Task<> { co_await wait_for(task, 0s); }));
    EXPECT_EQ(log.text(), "cleaned");
  });
}

// W3
TEST(WaitFor, SharesTheContextOfItsTask) {
  static ContextVar<int> number("number", 0);
  test::run([&]() -> Task<> {
    const auto sets = []() -> Task<> {
      co_await yield();
      number.set(5).keep();
    };
    co_await wait_for(sets(), 1s);
    EXPECT_EQ(number.get(), 5);
  });
}

// W5
TEST(WaitFor, PassesOnWhatTheBodyThrowsWhenItIsCancelled) {
  test::run([&]() -> Task<> {
    const auto fails = []() -> Task<> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
        throw std::runtime_error("while stopping");
      }
    };
    EXPECT_THROW(co_await wait_for(fails(), 1ms), std::runtime_error);
    auto task = spawn(fails());
    EXPECT_THROW(co_await wait_for(task, 1ms), std::runtime_error);
  });
}

// W6, C4, bpo-42130 (gh-86296), bpo-37658: the cancel is not dropped, nor is the value: it stays
// in the task
TEST(WaitFor, IsCancelledInTheTurnInWhichTheTaskEnded) {
  test::run([&]() -> Task<> {
    auto inner = spawn([]() -> Task<int> {
      co_await yield();
      co_return 8;
    });
    auto outer = spawn([&]() -> Task<int> { co_return co_await wait_for(inner, 1h); });
    co_await yield();
    co_await yield();
    EXPECT_TRUE(inner.done());
    EXPECT_FALSE(outer.done());
    outer.cancel();
    co_await wait_until_done(outer);
    EXPECT_TRUE(outer.cancelled());
    EXPECT_EQ(inner.result(), 8) << "the value stays in the inner task";
  });
}

// L5, gh-107547: what is there already does not suspend, and delivers no cancel
TEST(WaitFor, OfADoneTaskDeliversNoCancel) {
  test::run([&]() -> Task<> {
    auto inner = spawn([]() -> Task<int> { co_return 3; });
    co_await yield();
    co_await yield();
    this_task().cancel();
    EXPECT_EQ(co_await wait_for(inner, 1s), 3);
    this_task().uncancel();
    co_await yield();
  });
}

// W7
TEST(WaitFor, LeavesAShieldedTaskAlone) {
  test::run([&]() -> Task<> {
    auto inner = spawn([]() -> Task<int> {
      co_await sleep(10ms);
      co_return 6;
    });
    for (const Duration length : {0ms, 1ms, 2ms}) {
      EXPECT_TRUE(
          co_await times_out([&]() -> Task<> { co_await wait_for(shield(inner), length); }));
      EXPECT_EQ(inner.cancelling(), 0u);
    }
    EXPECT_EQ(co_await wait_for(shield(inner), 1s), 6);
  });
}

TEST(WaitFor, WithoutTimeRefusesATaskThatIsGone) {
  test::run([]() -> Task<> {
    const auto refused = [](Task<int> task) -> Task<bool> {
      try {
        co_await wait_for(std::move(task), 0s);
      } catch (const UsageError&) {
        co_return true;
      }
      co_return false;
    };
    auto one = []() -> Task<int> { co_return 1; };
    auto task = one();
    co_await std::move(task);
    auto gone = one();
    const auto kept = std::move(gone);
    EXPECT_TRUE(co_await refused(std::move(task)));
    EXPECT_TRUE(co_await refused(std::move(gone)));
  });
}

}  // namespace
