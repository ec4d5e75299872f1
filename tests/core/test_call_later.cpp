// Functions that run after a time.
#include "support/allocations.hpp"
#include "support/run.hpp"

#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>

namespace {

using namespace eddy;
using test::Log;

TEST(CallLater, RunsItsFunctionWhenTheTimeHasPassed) {
  test::run([]() -> Task<> {
    const Instant start = Loop::current().now();
    std::optional<Instant> ran;
    const TimerHandle call = call_later(10ms, [&] { ran = Loop::current().now(); });
    EXPECT_EQ(call.when(), start + 10ms);
    EXPECT_TRUE(call.pending());
    co_await sleep(9ms);
    EXPECT_FALSE(ran);
    co_await sleep(2ms);
    EXPECT_EQ(ran, start + 10ms);
    EXPECT_FALSE(call.pending());
  });
}

// What libcurl means by a timeout of 0: as soon as can be, and not within the call
TEST(CallLater, OfNoTimeRunsInTheNextTurn) {
  test::run([]() -> Task<> {
    for (const Duration delay : {Duration(0), Duration(-5), Duration::min()}) {
      bool ran = false;
      call_later(delay, [&] { ran = true; });
      EXPECT_FALSE(ran);
      co_await yield();
      EXPECT_TRUE(ran);
    }
  });
}

TEST(CallLater, KeepsTheOrderOfAskingAtEqualTimes) {
  test::run([]() -> Task<> {
    Log log;
    const Instant when = Loop::current().now() + 5ms;
    call_at(when, [&] { log("a"); });
    auto sleeper = spawn([&]() -> Task<> {
      co_await sleep_until(when);
      log("sleeper");
    }, {.eager = true});
    call_later(5ms, [&] { log("b"); });
    call_later(1ms, [&] { log("first"); });
    co_await sleeper;
    co_await yield();
    EXPECT_EQ(log.text(), "first a sleeper b");
  });
}

TEST(CallLater, DoesNotRunWhatWasCancelled) {
  test::run([]() -> Task<> {
    bool ran = false;
    TimerHandle call = call_later(1ms, [&] { ran = true; });
    EXPECT_TRUE(call.cancel());
    EXPECT_FALSE(call.pending());
    EXPECT_FALSE(call.cancel()) << "a second time";
    EXPECT_EQ(Loop::current().stats().timers, 0u);
    co_await sleep(2ms);
    EXPECT_FALSE(ran);
  });
}

// C4
TEST(CallLater, CanBeCancelledWhenItsTimeHasComeAndItsTurnHasNot) {
  test::run([]() -> Task<> {
    bool ran = false;
    TimerHandle second;
    call_later(1ms, [&] { EXPECT_TRUE(second.cancel()); });
    second = call_later(1ms, [&] { ran = true; });
    co_await sleep(2ms);
    EXPECT_FALSE(ran);
  });
}

TEST(CallLater, CannotBeCancelledByItselfOrAfterwards) {
  test::run([]() -> Task<> {
    TimerHandle call;
    bool ran = false;
    call = call_later(1ms, [&] {
      EXPECT_FALSE(call.pending());
      EXPECT_FALSE(call.cancel());
      ran = true;
    });
    const TimerHandle copy = call;
    co_await sleep(2ms);
    EXPECT_TRUE(ran);
    EXPECT_FALSE(call.cancel());
    EXPECT_FALSE(copy.pending());
    EXPECT_FALSE(TimerHandle().pending());
    EXPECT_FALSE(TimerHandle().cancel());
  });
}

TEST(CallLater, MayAskForItselfAgain) {
  test::run([]() -> Task<> {
    int calls = 0;
    std::function<void()> again = [&] { if (++calls < 5) call_later(1ms, [&] { again(); }); };
    again();
    co_await sleep(10ms);
    EXPECT_EQ(calls, 5);
  });
}

TEST(CallLater, GivesUpWhatItHoldsWhenItEnds) {
  test::run([]() -> Task<> {
    auto held = std::make_shared<int>(1);
    auto function = [held] {};
    TimerHandle ran = call_later(1ms, function);
    TimerHandle cancelled = call_later(1h, function);
    auto owner = [own = std::make_unique<int>(2)] { EXPECT_EQ(*own, 2); };
    call_later(1ms, moved(owner));
    EXPECT_EQ(held.use_count(), 4);
    cancelled.cancel();
    co_await yield();
    EXPECT_EQ(held.use_count(), 3);
    co_await sleep(2ms);
    EXPECT_EQ(held.use_count(), 2);
  });
}

TEST(CallLater, ReportsWhatItsFunctionThrows) {
  Loop loop(test::options());
  std::vector<std::string> reports;
  loop.on_exception([&](const ExceptionReport& report) { reports.push_back(to_text(report)); });
  bool next = false;
  const auto main = [&]() -> Task<> {
    const TimerHandle held = call_later(1ms, [] { throw std::runtime_error("no"); });
    call_later(1ms, [&] { next = true; });
    co_await sleep(2ms);
    EXPECT_EQ(reports.size(), 1u) << "at once, also when the handle lives on";
  };
  loop.run(main());
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0], "exception in a function of call_later(): no");
  EXPECT_TRUE(next);
}

TEST(CallLater, IsTakenBackByTheEndOfTheLoop) {
  bool ran = false;
  auto held = std::make_shared<int>(1);
  Loop loop(test::options());
  const auto main = [&]() -> Task<> {
    auto function = [&ran, held] { ran = true; };
    call_later(1h, function);
    co_return;
  };
  loop.run(main());
  EXPECT_EQ(held.use_count(), 2);
  loop.close();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(ran);
}

TEST(CallLater, CanBeAskedForInACallback) {
  Loop loop(test::options());
  bool ran = false;
  loop.post([&] { call_later(1ms, [&] { ran = true; }); });
  const auto main = []() -> Task<> { co_await sleep(5ms); };
  loop.run(main());
  EXPECT_TRUE(ran);
  EXPECT_THROW(call_later(1ms, [] {}), UsageError) << "outside of a loop";
}

TEST(CallLater, TakesAnyTime) {
  test::run([]() -> Task<> {
    TimerHandle never = call_later(Duration::max(), [] { ADD_FAILURE(); });
    TimerHandle later = call_later(std::chrono::years(1000), [] { ADD_FAILURE(); });
    EXPECT_THROW(call_later(std::chrono::duration<double>(std::nan("")), [] {}), UsageError);
    bool ran = false;
    call_at(Instant::min(), [&] { ran = true; });
    co_await sleep(1h);
    EXPECT_TRUE(ran);
    EXPECT_TRUE(never.pending());
    EXPECT_TRUE(later.cancel());
    EXPECT_TRUE(never.cancel());
  });
}

TEST(CallLater, HasTheContextOfItsCaller) {
  static ContextVar<int> variable("variable", 0);
  test::run([]() -> Task<> {
    int seen = 0;
    const auto guard = variable.set(7);
    call_later(1ms, [&] { seen = variable.get(); });
    co_await sleep(2ms);
    EXPECT_EQ(seen, 7);
  });
}

TEST(CallLater, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "under a sanitizer";
  Loop loop(test::options());
  const auto main = []() -> Task<> {
    int ran = 0;
    for (int i = 0; i < 100; ++i) {
      TimerHandle kept = call_later(1ms, [&ran] { ++ran; });
      TimerHandle cancelled = call_later(1ms, [&ran] { ++ran; });
      cancelled.cancel();
      co_await sleep(2ms);
    }
    EXPECT_EQ(ran, 100);
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(main()); }), 0u);
}

}  // namespace
