#include "support/run.hpp"
#include "support/tracker.hpp"

#include <memory>

namespace {

using namespace eddy;
using test::Tracker;
using test::wait_until_done;

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

// F51: after a cancellation, which is delivered already; the first of several requests
TEST(TryFinally, RunsACleanupThatWaitsAfterACancel) {
  test::run([&]() -> Task<> {
    test::Log log;
    auto task = spawn([&]() -> Task<> {
      co_await try_finally(sleep(1h), [&]() -> Task<> {
        co_await sleep(1ms);
        co_await sleep(1ms);
        log("cleaned");
      });
    });
    co_await yield();
    task.cancel("stop");
    task.cancel("again");
    try {
      co_await task;
      ADD_FAILURE() << "the cancel was lost";
    } catch (const Cancelled& cancelled) {
      log(std::string(cancelled.message()));
    }
    EXPECT_EQ(log.text(), "cleaned stop");
  });
}

// C2, F51: a body that is cancelled before it waits has a cleanup too
TEST(TryFinally, RunsItsCleanupWhenTheCancelWasPending) {
  test::run([&]() -> Task<> {
    bool cleaned = false;
    auto task = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await try_finally(sleep(1h), [&]() -> Task<> {
        co_await yield();
        cleaned = true;
      });
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_TRUE(cleaned);
  });
}

// C5: a second cancel ends the cleanup, which may shield what must not end
TEST(TryFinally, GivesWayToASecondCancelButForWhatIsShielded) {
  test::run([&]() -> Task<> {
    test::Log log;
    const auto must = [&]() -> Task<> {
      co_await sleep(5ms);
      log("must");
    };
    auto task = spawn([&]() -> Task<> {
      co_await try_finally(sleep(1h), [&]() -> Task<> {
        co_await shield(must());
        log("not reached");
      });
    });
    co_await yield();
    task.cancel();
    co_await test::settle();
    task.cancel();
    co_await wait_until_done(task);
    co_await sleep(10ms);
    EXPECT_EQ(log.text(), "must");
  });
}

// T3: inside of a timeout the cleanup comes before the TimeoutError
TEST(TryFinally, CleansUpBeforeATimeoutAroundItIsTold) {
  test::run([&]() -> Task<> {
    const Instant start = Loop::current().now();
    bool cleaned = false;
    EXPECT_THROW(co_await timeout(10ms, try_finally(sleep(1h),
                                                    [&]() -> Task<> {
                                                      co_await sleep(5ms);
                                                      cleaned = true;
                                                    })),
                 TimeoutError);
    EXPECT_TRUE(cleaned);
    EXPECT_EQ(Loop::current().now() - start, 15ms);
  });
}

TEST(TryFinally, KeepsValuesReferencesOfBodiesAndTheirCaptures) {
  test::run([&]() -> Task<> {
    {
      const Tracker tracker(3);
      const auto unique = [tracker]() -> Task<std::unique_ptr<int>> {
        co_await yield();
        co_return std::make_unique<int>(tracker.number());
      };
      const auto cleanup = [tracker]() -> Task<> {
        co_await yield();
        EXPECT_EQ(tracker.number(), 3);
      };
      auto value = co_await try_finally(unique, cleanup);
      EXPECT_EQ(*value, 3);
      EXPECT_EQ(Tracker::alive, 3);
    }
    EXPECT_EQ(Tracker::alive, 0);
  });
}

TEST(TryFinally, MayCleanUpWithAnyAwaitable) {
  test::run([&]() -> Task<> {
    Lock lock;
    co_await lock.acquire();
    int cleanups = 0;
    co_await try_finally(yield(), [&] {
      ++cleanups;
      return sleep(1ms);
    });
    EXPECT_THROW(co_await try_finally(timeout(1ms, lock.acquire()),
                                      [&] {
                                        ++cleanups;
                                        return yield();
                                      }),
                 TimeoutError);
    EXPECT_EQ(cleanups, 2);
    lock.release();
  });
}

}  // namespace
