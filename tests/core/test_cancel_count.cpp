// What a cancellation counts and says, and how the task that was cancelled ends: C5 to C10.
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::wait_until_done;

Task<> sleep_for_ever(test::Log& log) {
  try {
    co_await sleep(1h);
  } catch (const Cancelled& cancelled) {
    log("cancelled:" + std::string(cancelled.message()));
    throw;
  }
}

// C5
TEST(Cancel, ManyTimesIsDeliveredOnceAndCounted) {
  test::run([&]() -> Task<> {
    int delivered = 0;
    auto task = spawn([&]() -> Task<> {
      for (int i = 0; i < 3; ++i) {
        try {
          co_await sleep(1ms);
        } catch (const Cancelled&) {
          ++delivered;
        }
      }
    });
    co_await yield();
    for (int i = 0; i < 3; ++i) task.cancel();
    co_await task;
    EXPECT_EQ(delivered, 1);
    EXPECT_EQ(task.cancelling(), 3u);
  });
}

// C6
TEST(Cancel, IsNotNeededForACancelledTask) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<> {
      throw Cancelled();
      co_return;
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(task.cancelling(), 0u);
  });
}

// C6, C7, F52
TEST(Cancel, SwallowedLeavesATaskThatIsDoneAndItsCount) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<int> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
      }
      co_return 3;
    });
    co_await yield();
    task.cancel();
    EXPECT_EQ(co_await task, 3);
    EXPECT_FALSE(task.cancelled());
    EXPECT_EQ(task.cancelling(), 1u);
  });
}

// C7
TEST(Uncancel, ToZeroWithdrawsARequestThatWasNotDelivered) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<int> {
      auto me = this_task();
      me.cancel();
      EXPECT_EQ(me.uncancel(), 0u);
      EXPECT_EQ(me.uncancel(), 0u) << "never below zero";
      co_await yield();
      co_return 1;
    });
    EXPECT_EQ(co_await task, 1);
  });
}

// C7
TEST(Uncancel, AboveZeroWithdrawsNothing) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<> {
      auto me = this_task();
      me.cancel();
      me.cancel();
      EXPECT_EQ(me.uncancel(), 1u);
      co_await yield();
      ADD_FAILURE() << "the request was lost";
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
  });
}

// C8: a scope that cancels its own task takes its request back, and only that
TEST(Cancel, OfAScopeLeavesTheCountAsItWas) {
  test::run([&]() -> Task<> {
    auto task = spawn([]() -> Task<unsigned> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
      }
      static_cast<void>(co_await as_result(timeout(1ms, sleep(1h))));
      co_return this_task().cancelling();
    });
    co_await yield();
    task.cancel();
    EXPECT_EQ(co_await task, 1u);
  });
}

// C9
TEST(Cancel, CarriesTheFirstMessage) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto task = spawn(sleep_for_ever(log));
    co_await yield();
    task.cancel("first");
    task.cancel("second");
    try {
      co_await task;
    } catch (const Cancelled& cancelled) {
      EXPECT_EQ(cancelled.message(), "first");
    }
    EXPECT_EQ(log.text(), "cancelled:first");
  });
}

// C10
TEST(Cancel, OfAnAwaitedTaskLooksLikeOnesOwnButForTheCount) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto inner = spawn(sleep_for_ever(log));
    co_await yield();
    inner.cancel();
    try {
      co_await inner;
      ADD_FAILURE() << "no Cancelled";
    } catch (const Cancelled&) {
      EXPECT_EQ(this_task().cancelling(), 0u);
    }
  });
}

// C5, C7: the count is the number of requests, whatever the body makes of them
TEST(Cancel, IsDeliveredAgainWhenItComesAgain) {
  test::run([&]() -> Task<> {
    int delivered = 0;
    auto task = spawn([&]() -> Task<> {
      while (delivered < 3) {
        try {
          co_await sleep(1h);
        } catch (const Cancelled&) {
          ++delivered;
        }
      }
    });
    for (int i = 0; i < 3; ++i) {
      co_await test::settle();
      EXPECT_EQ(delivered, i);
      EXPECT_TRUE(task.cancel());
    }
    co_await task;
    EXPECT_FALSE(task.cancelled());
    EXPECT_EQ(task.cancelling(), 3u);
  });
}

// C6
TEST(Cancel, BeforeAReturnIsNotTheSameAsAThrowByHand) {
  test::run([&]() -> Task<> {
    struct MyCancelled : Cancelled {};
    auto derived = spawn([]() -> Task<> {
      throw MyCancelled();
      co_return;
    });
    EXPECT_THROW(co_await derived, MyCancelled) << "T8: it keeps its type";
    EXPECT_TRUE(derived.cancelled());
    auto taken_back = spawn([]() -> Task<int> {
      this_task().cancel();
      this_task().uncancel();
      co_return 1;
    });
    EXPECT_EQ(co_await taken_back, 1);
    EXPECT_FALSE(taken_back.cancelled());
  });
}

// C9: through the tasks that it is forwarded to
TEST(Cancel, CarriesItsMessageToTheLeaf) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto inner = spawn(sleep_for_ever(log));
    auto middle = spawn([&]() -> Task<> { co_await inner; });
    auto outer = spawn([&]() -> Task<> { co_await middle; });
    co_await test::settle();
    outer.cancel("why");
    outer.cancel("too late");
    try {
      co_await outer;
      ADD_FAILURE() << "no Cancelled";
    } catch (const Cancelled& cancelled) {
      EXPECT_EQ(cancelled.message(), "why");
    }
    EXPECT_EQ(log.text(), "cancelled:why");
  });
}

// C9: of the requests that are delivered together; those before and after have their own
TEST(Cancel, KeepsNoMessageOfADeliveryThatIsOverOrTakenBack) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto inner = spawn([&]() -> Task<> {
      for (int i = 0; i < 2; ++i) {
        try {
          co_await sleep(1h);
        } catch (const Cancelled& cancelled) {
          log("inner:" + std::string(cancelled.message()));
        }
      }
    });
    auto task = spawn([&]() -> Task<> {
      for (int i = 0; i < 2; ++i) {
        try {
          co_await sleep(1h);
        } catch (const Cancelled& cancelled) {
          log("[" + std::string(cancelled.message()) + "]");
        }
      }
      this_task().cancel("taken back");
      while (this_task().uncancel() > 0) {
      }
      this_task().cancel();
      try {
        co_await yield();
      } catch (const Cancelled& cancelled) {
        log("[" + std::string(cancelled.message()) + "]");
      }
      co_await inner;
    });
    co_await yield();
    task.cancel("first");
    co_await test::settle();
    task.cancel();
    co_await test::settle();
    task.cancel("forwarded");  // and swallowed there, as the next one
    co_await test::settle();
    task.cancel();
    co_await task;
    EXPECT_EQ(log.text(), "[first] [] [] inner:forwarded inner:");
  });
}

// C10
TEST(Cancel, OfAnAwaitedTaskCancelsTheAwaiterWithoutACount) {
  test::run([&]() -> Task<> {
    auto inner = spawn([]() -> Task<> { co_await sleep(1h); });
    auto outer = spawn([&]() -> Task<> { co_await inner; });
    co_await test::settle();
    inner.cancel();
    co_await wait_until_done(outer);
    EXPECT_TRUE(outer.cancelled());
    EXPECT_EQ(outer.cancelling(), 0u);
  });
}

// F52, F53: swallowed, raised and replaced
TEST(Cancel, LeavesToTheBodyHowItEnds) {
  test::run([&]() -> Task<> {
    const auto work = [](std::exception_ptr replacement) -> Task<int> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
        if (replacement) std::rethrow_exception(replacement);
      }
      co_return 1;
    };
    auto swallows = spawn(work(nullptr));
    auto replaces = spawn(work(std::make_exception_ptr(std::runtime_error("instead"))));
    co_await yield();
    swallows.cancel();
    replaces.cancel();
    co_await wait_until_done(swallows);
    EXPECT_EQ(swallows.result(), 1);
    EXPECT_EQ(swallows.cancelling(), 1u);
    EXPECT_THROW(co_await replaces, std::runtime_error);
    EXPECT_FALSE(replaces.cancelled());
  });
}

}  // namespace
