// Groups whose children fail alone, and children that say when they are ready.
#include "support/run.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace eddy;
using test::wait_until_done;

Task<> nap(Duration length) { co_await sleep(length); }
Task<> fail_after(Duration length, const char* what) {
  co_await sleep(length);
  throw std::runtime_error(what);
}

TEST(Supervisor, LetsTheOthersGoOnAndTellsAllFailuresInTheEnd) {
  test::run([]() -> Task<> {
    bool ended = false;
    const auto body = [&](TaskGroup& group) -> Task<> {
      group.spawn(fail_after(1ms, "one"));
      group.spawn(fail_after(2ms, "two"));
      co_await sleep(5ms);
      ended = true;
    };
    std::size_t failures = 0;
    try {
      co_await supervisor(body);
    } catch (const ExceptionGroup& group) {
      failures = group.exceptions().size();
    }
    EXPECT_TRUE(ended);
    EXPECT_EQ(failures, 2u);
  });
}

TEST(Supervisor, TellsOfEachFailureWhenItComesAndForgetsIt) {
  test::run([]() -> Task<> {
    std::vector<std::string> told;
    const auto note = [&](const TaskHandle& child, std::exception_ptr exception) {
      try {
        std::rethrow_exception(exception);
      } catch (const std::exception& error) {
        told.push_back(child.name() + ": " + error.what());
      }
    };
    const int value = co_await supervisor(
        [&](TaskGroup& group) -> Task<int> {
          group.spawn(fail_after(1ms, "one"), {.name = "first"});
          co_await sleep(2ms);
          EXPECT_EQ(told.size(), 1u);
          group.spawn(fail_after(1ms, "two"), {.name = "second"});
          co_return 7;
        },
        note);
    EXPECT_EQ(value, 7);
    EXPECT_EQ(told, (std::vector<std::string>{"first: one", "second: two"}));
  });
}

TEST(Supervisor, EndsItsChildrenWhenTheBodyFailsOrItIsCancelled) {
  test::run([]() -> Task<> {
    JoinHandle<> child;
    const auto body = [&](TaskGroup& group) -> Task<> {
      child = group.spawn(nap(1h));
      co_await sleep(1ms);
      throw std::runtime_error("body");
    };
    EXPECT_THROW(co_await supervisor(body), ExceptionGroup);
    EXPECT_TRUE(child.cancelled());

    auto outer = spawn([&]() -> Task<> {
      co_await supervisor([&](TaskGroup& group) -> Task<> {
        child = group.spawn(nap(1h));
        co_await sleep(1h);
      });
    });
    co_await test::settle();
    outer.cancel();
    co_await wait_until_done(outer);
    EXPECT_TRUE(outer.cancelled());
    EXPECT_TRUE(child.cancelled());
  });
}

Task<> serve_on(int port, FutureSetter<int> ready) {
  co_await sleep(1ms);
  ready.set_value(port);
  co_await sleep(5ms);
}

TEST(GroupStart, WaitsUntilTheChildSaysThatItIsReady) {
  test::run([]() -> Task<> {
    const Instant before = Loop::current().now();
    co_await task_group([&](TaskGroup& group) -> Task<> {
      const int port = co_await group.start<int>(
          [](FutureSetter<int> ready) { return serve_on(80, std::move(ready)); });
      EXPECT_EQ(port, 80);
      EXPECT_EQ(Loop::current().now() - before, 1ms);
      co_await group.start([](FutureSetter<> ready) -> Task<> {
        ready.set_value();
        co_return;
      });
    });
    EXPECT_EQ(Loop::current().now() - before, 6ms) << "it is a child of the group";
  });
}

TEST(GroupStart, ThrowsWhatTheChildFailsWithBeforeAndTheGroupGoesOn) {
  test::run([]() -> Task<> {
    co_await task_group([&](TaskGroup& group) -> Task<> {
      auto other = group.spawn(nap(2ms));
      EXPECT_THROW(co_await group.start<int>([](FutureSetter<int>) -> Task<> {
        co_await sleep(1ms);
        throw std::runtime_error("no port");
      }),
                   std::runtime_error);
      EXPECT_THROW(co_await group.start<int>([](FutureSetter<int>) -> Task<> { co_return; }),
                   BrokenPromise);
      co_await other;
    });
  });
}

TEST(GroupStart, CancelsAChildOfTheGroupThatFailsOnceItIsReady) {
  test::run([]() -> Task<> {
    const auto body = [](TaskGroup& group) -> Task<> {
      co_await group.start([](FutureSetter<> ready) -> Task<> {
        ready.set_value();
        co_await sleep(1ms);
        throw std::runtime_error("later");
      });
      co_await sleep(1h);
    };
    EXPECT_THROW(co_await task_group(body), ExceptionGroup);
  });
}

TEST(GroupStart, EndsTheChildWhenItIsCancelledInAnyTurn) {
  for (int turns = 0; turns < 12; ++turns) {
    test::run([&]() -> Task<> {
      bool began = false, ended = false;
      auto starting = spawn([&]() -> Task<> {
        co_await task_group([&](TaskGroup& group) -> Task<> {
          co_await group.start([&](FutureSetter<> ready) -> Task<> {
            began = true;
            std::exception_ptr cancelled;
            try {
              for (int i = 0; i < 4; ++i) co_await yield();
              ready.set_value();
              co_await sleep(1h);
            } catch (const Cancelled&) {
              cancelled = std::current_exception();
            }
            co_await yield();  // some cleaning up
            ended = true;
            if (cancelled) std::rethrow_exception(cancelled);
          });
        });
      });
      co_await test::settle(turns);
      starting.cancel();
      co_await wait_until_done(starting);
      EXPECT_TRUE(starting.cancelled());
      EXPECT_EQ(ended, began) << turns;
    });
  }
}

TEST(GroupStart, StartsNothingInAGroupThatIsBeingCancelled) {
  test::run([]() -> Task<> {
    const auto body = [](TaskGroup& group) -> Task<> {
      group.cancel();
      EXPECT_THROW(co_await group.start([](FutureSetter<>) -> Task<> { co_return; }), UsageError);
    };
    co_await task_group(body);
  });
}

}  // namespace
