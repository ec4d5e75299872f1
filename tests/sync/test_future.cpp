// Values that callbacks give.
#include "support/allocations.hpp"
#include "support/run.hpp"

#include <functional>
#include <memory>
#include <stdexcept>

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

template <class T>
Task<T> value_of(Future<T> future) {
  co_return co_await future;
}

TEST(Future, GivesWhatACallbackSets) {
  test::run([]() -> Task<> {
    std::function<void(int)> callback;  // a copyable one: so are setters
    FutureSetter<int> setter;
    callback = [setter](int value) mutable { setter.set_value(value); };
    auto waiter = spawn(value_of(setter.future()));
    co_await test::settle();
    EXPECT_FALSE(waiter.done());
    callback(7);
    EXPECT_EQ(co_await waiter, 7);
  });
}

// K1
TEST(Future, RunsNobodyWithinSetValue) {
  test::run([]() -> Task<> {
    FutureSetter<> setter;
    Log log;
    auto waiter = spawn([&]() -> Task<> {
      co_await setter.future();
      log("waiter");
    });
    co_await yield();
    setter.set_value();
    log("setter");
    co_await waiter;
    EXPECT_EQ(log.text(), "setter waiter");
  });
}

TEST(Future, KeepsAValueThatCameBeforeAnybodyWaited) {
  FutureSetter<std::string> setter;
  setter.set_value("before there is a loop");
  const Future<std::string> future = setter.future();
  EXPECT_TRUE(future.done());
  EXPECT_EQ(future.result(), "before there is a loop");
  test::run([&]() -> Task<> {
    const auto turns = Loop::current().stats().turns;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(co_await future, "before there is a loop");
    EXPECT_EQ(Loop::current().stats().turns, turns) << "it waits for nothing";
  });
}

TEST(Future, ServesItsWaitersInTheOrderOfTheirComing) {
  test::run([]() -> Task<> {
    FutureSetter<int> setter;
    Log log;
    const auto wait = [&](std::string name) -> Task<> {
      log(name + std::to_string(co_await setter.future()));
    };
    auto all = spawn([&]() -> Task<> { co_await gather(wait("a"), wait("b"), wait("c")); });
    co_await test::settle();
    setter.set_value(1);
    co_await all;
    EXPECT_EQ(log.text(), "a1 b1 c1");
  });
}

TEST(Future, ThrowsTheExceptionThatWasSetForEachOfItsWaiters) {
  test::run([]() -> Task<> {
    FutureSetter<int> setter;
    auto first = spawn(value_of(setter.future()));
    auto second = spawn(value_of(setter.future()));
    co_await test::settle();
    setter.set_exception(std::runtime_error("no"));
    EXPECT_THROW(co_await first, std::runtime_error);
    EXPECT_THROW(co_await second, std::runtime_error);
    EXPECT_THROW(static_cast<void>(setter.future().result()), std::runtime_error);
    FutureSetter<> refused;
    refused.set_exception(Error(ECONNREFUSED, "connect"));
    EXPECT_EQ((co_await as_result(refused.future())).error(), std::errc::connection_refused);
    FutureSetter<> kept;
    kept.set_exception(std::make_exception_ptr(std::logic_error("kept")));
    EXPECT_THROW(co_await kept.future(), std::logic_error);
  });
}

TEST(Future, ReportsAnExceptionThatNobodyLooksAt) {
  Loop loop(test::options());
  std::vector<std::string> reports;
  loop.on_exception([&](const ExceptionReport& report) { reports.push_back(to_text(report)); });
  const auto main = []() -> Task<> {
    FutureSetter<> setter;
    setter.set_exception(std::runtime_error("no"));
    EXPECT_TRUE(setter.done());
    co_return;
  };
  loop.run(main());
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0], "the exception of a Future was never retrieved: no");
}

TEST(Future, CancelsThoseWhoWaitWhenItIsCancelled) {
  test::run([]() -> Task<> {
    FutureSetter<int> setter;
    auto waiter = spawn(value_of(setter.future()));
    co_await test::settle();
    EXPECT_TRUE(setter.cancel("the host shuts down"));
    EXPECT_FALSE(setter.cancel());
    EXPECT_TRUE(setter.future().cancelled());
    std::string message;
    try {
      co_await waiter;
    } catch (const Cancelled& cancelled) {
      message = cancelled.message();
    }
    EXPECT_EQ(message, "the host shuts down");
    EXPECT_TRUE(waiter.cancelled());
    EXPECT_EQ(this_task().cancelling(), 0u) << "nobody asked the task to stop";
  });
}

// Unlike asyncio's, where one waiter that times out takes the future from all
TEST(Future, OutlivesAWaiterThatIsCancelled) {
  test::run([]() -> Task<> {
    FutureSetter<int> setter;
    auto first = spawn(value_of(setter.future()));
    auto second = spawn(value_of(setter.future()));
    co_await test::settle();
    first.cancel();
    EXPECT_THROW(co_await timeout(1ms, setter.future()), TimeoutError);
    EXPECT_TRUE(first.cancelled());
    EXPECT_FALSE(setter.done());
    setter.set_value(3);
    EXPECT_EQ(co_await second, 3);
  });
}

// C4
TEST(Future, KeepsItsValueForOthersWhenTheWokenOneIsCancelled) {
  test::run([]() -> Task<> {
    FutureSetter<std::unique_ptr<int>> setter;
    auto waiter = spawn(value_of(setter.future()));
    co_await test::settle();
    setter.set_value(std::make_unique<int>(4));
    waiter.cancel();
    co_await wait_until_done(waiter);
    EXPECT_TRUE(waiter.cancelled());
    const auto value = co_await setter.future();
    EXPECT_EQ(*value, 4);
  });
}

TEST(Future, GivesAValueThatCanOnlyBeMovedOnce) {
  test::run([]() -> Task<> {
    FutureSetter<std::unique_ptr<int>> setter;
    setter.set_value(new int(5));
    const Future<std::unique_ptr<int>> future = setter.future();
    const auto value = co_await future;
    EXPECT_EQ(*value, 5);
    EXPECT_THROW(co_await future, UsageError);
  });
}

TEST(Future, IsBrokenWhenItsLastSetterDies) {
  test::run([]() -> Task<> {
    auto setter = std::make_unique<FutureSetter<int>>();
    auto copy = std::make_unique<FutureSetter<int>>(*setter);
    auto waiter = spawn(value_of(setter->future()));
    co_await test::settle();
    setter.reset();
    co_await test::settle();
    EXPECT_FALSE(waiter.done()) << "a copy may still set it";
    copy.reset();
    EXPECT_THROW(co_await waiter, BrokenPromise);
    const Future<> late = FutureSetter<>().future();
    EXPECT_TRUE(late.done());
    EXPECT_THROW(co_await late, BrokenPromise);
    EXPECT_EQ((co_await as_result(late)).error(), std::errc::broken_pipe);
  });
}

TEST(Future, IsNotBrokenByASetterThatHasSet) {
  test::run([]() -> Task<> {
    Future<int> future;
    {
      FutureSetter<int> setter;
      future = setter.future();
      FutureSetter<int> moved = std::move(setter);
      moved.set_value(6);
    }
    EXPECT_EQ(co_await future, 6);
  });
}

TEST(Future, CanBeSetOnce) {
  FutureSetter<int> setter;
  setter.set_value(1);
  EXPECT_THROW(setter.set_value(2), InvalidState);
  EXPECT_THROW(setter.set_value(2), UsageError);
  EXPECT_THROW(setter.set_exception(std::runtime_error("late")), UsageError);
  EXPECT_FALSE(setter.cancel());
  EXPECT_EQ(setter.future().result(), 1);
  FutureSetter<> cancelled;
  EXPECT_TRUE(cancelled.cancel());
  EXPECT_THROW(cancelled.set_value(), UsageError);
}

TEST(Future, RefusesWhatCannotBe) {
  FutureSetter<int> setter;
  EXPECT_THROW(static_cast<void>(setter.future().result()), InvalidState);
  EXPECT_THROW(setter.set_exception(std::exception_ptr()), UsageError);
  EXPECT_FALSE(Future<int>().valid());
  EXPECT_THROW(static_cast<void>(Future<int>().done()), UsageError);
  const FutureSetter<int> taken = std::move(setter);
  EXPECT_THROW(setter.set_value(1), UsageError);
  EXPECT_FALSE(taken.done());
}

struct ThrowsOnce {
  explicit ThrowsOnce(bool throws) { if (throws) throw std::runtime_error("not made"); }
};

TEST(Future, CanBeSetAfterAValueThatCouldNotBeMade) {
  FutureSetter<ThrowsOnce> setter;
  EXPECT_THROW(setter.set_value(true), std::runtime_error);
  EXPECT_FALSE(setter.done());
  setter.set_value(false);
  EXPECT_TRUE(setter.done());
}

TEST(Future, IsSetFromAnotherThreadByPost) {
  Loop loop;
  FutureSetter<int> setter;
  std::thread thread([&] { loop.post([&setter] { setter.set_value(8); }); });
  EXPECT_EQ(loop.run(value_of(setter.future())), 8);
  thread.join();
}

TEST(Future, OutlivesItsLoop) {
  FutureSetter<int> setter;
  {
    Loop loop(test::options());
    auto waiter = loop.spawn(value_of(setter.future()));
    loop.turn();
    loop.close();
    EXPECT_TRUE(waiter.cancelled());
  }
  setter.set_value(9);
  EXPECT_EQ(setter.future().result(), 9);
}

TEST(Future, IsAwaitedByWhateverComposes) {
  test::run([]() -> Task<> {
    FutureSetter<int> a, b;
    auto both = spawn([&]() -> Task<int> {
      auto [x, y] = co_await gather(a.future(), b.future());
      co_return x + y;
    });
    co_await test::settle();
    a.set_value(1);
    b.set_value(2);
    EXPECT_EQ(co_await both, 3);
  });
}

TEST(Future, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "under a sanitizer";
  Loop loop(test::options());
  const auto main = []() -> Task<> {
    for (int i = 0; i < 100; ++i) {
      FutureSetter<int> setter;
      auto waiter = spawn([&]() -> Task<bool> {
        const auto outcome = co_await as_outcome(setter.future());
        co_return outcome.has_value();
      });
      co_await yield();
      if (i % 3 == 0) setter.set_value(i);
      if (i % 3 == 1) setter.cancel();
      if (i % 3 == 2) setter = FutureSetter<int>();  // breaks it
      EXPECT_EQ(co_await waiter, i % 3 == 0);
    }
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(main()); }), 0u);
}

}  // namespace
