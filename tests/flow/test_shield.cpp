#include "support/allocations.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::wait_until_done;

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

// SH1, bpo-35125: the waiter leaves nothing behind in the task that runs on
TEST(Shield, LeavesTheTaskInOrderHoweverOftenItsWaitIsCancelled) {
  test::run([&]() -> Task<> {
    auto inner = spawn([]() -> Task<int> {
      co_await sleep(1s);
      co_return 6;
    });
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(co_await as_result(timeout(1us, shield(inner))));
    EXPECT_EQ(inner.cancelling(), 0u);
    EXPECT_EQ(co_await inner, 6);
  });
}

// SH1, bpo-42636 (gh-86802): reported only when nobody ever looks
TEST(Shield, ReportsAFailureOfATaskThatNobodyWaitsForAnyMore) {
  for (const bool looks : {true, false}) {
    Loop loop(test::options());
    std::vector<std::string> reports;
    loop.on_exception([&](const ExceptionReport& report) { reports.push_back(report.task); });
    const auto fails = []() -> Task<> {
      co_await sleep(10ms);
      throw std::runtime_error("late");
    };
    const auto main = [&]() -> Task<> {
      auto inner = spawn(fails(), {.name = "inner"});
      EXPECT_FALSE(co_await as_result(timeout(1ms, shield(inner))));
      co_await sleep(20ms);
      EXPECT_TRUE(inner.done());
      if (!looks) co_return;
      EXPECT_THROW(co_await shield(inner), std::runtime_error);
    };
    loop.run(main());
    loop.close();
    EXPECT_EQ(reports, looks ? std::vector<std::string>{} : std::vector<std::string>{"inner"});
  }
}

// SH1, C4: the wait was woken already
TEST(Shield, IsCancelledInTheTurnInWhichTheTaskEnded) {
  test::run([&]() -> Task<> {
    auto inner = spawn([]() -> Task<int> {
      co_await yield();
      co_return 4;
    });
    auto outer = spawn([&]() -> Task<int> { co_return co_await shield(inner); });
    co_await yield();
    co_await yield();
    EXPECT_TRUE(inner.done());
    outer.cancel();
    co_await wait_until_done(outer);
    EXPECT_TRUE(outer.cancelled());
    EXPECT_EQ(inner.result(), 4);
  });
}

// SH3
TEST(Shield, ComposesWithWhatJoinsSeveral) {
  test::run([&]() -> Task<> {
    const auto work = [](int value) -> Task<int> {
      co_await sleep(10ms);
      co_return value;
    };
    const auto both = [&]() -> Task<int> {
      auto a = spawn(work(1));
      auto b = spawn(work(2));
      co_return co_await a + co_await b;
    };
    auto inner = spawn(both());
    auto outer = spawn([&]() -> Task<int> { co_return co_await shield(inner); });
    co_await test::settle();
    outer.cancel();
    co_await wait_until_done(outer);
    EXPECT_EQ(co_await inner, 3) << "what is below the shield ran on";
    const auto shields = [&]() -> Task<int> {
      auto a = spawn(work(3));
      auto b = spawn(work(4));
      co_return co_await shield(a) + co_await shield(b);
    };
    EXPECT_EQ(co_await shields(), 7);
  });
}

TEST(Shield, OfATaskRunsItEvenWhenTheWaitIsCancelledAtOnce) {
  test::run([&]() -> Task<> {
    bool ran = false;
    const auto work = [&]() -> Task<> {
      ran = true;
      co_return;
    };
    auto outer = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await shield(work());
    });
    co_await wait_until_done(outer);
    EXPECT_TRUE(outer.cancelled());
    co_await test::settle();
    EXPECT_TRUE(ran);
  });
}

TEST(Shield, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([&]() -> Task<> {
    const auto use = [&]() -> Task<> {
      auto inner = spawn([]() -> Task<int> {
        co_await sleep(3ms);
        co_return 1;
      });
      static_cast<void>(co_await as_result(timeout(1ms, shield(inner))));
      co_await shield(inner);
    };
    for (int i = 0; i < 3; ++i) co_await use();
    const auto before = test::allocations();
    co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
