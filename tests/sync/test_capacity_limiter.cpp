// A limiter that knows who has its tokens, and may change how many there are.
#include "support/allocations.hpp"
#include "support/failing_memory.hpp"
#include "support/run.hpp"

#include <new>
#include <string>
#include <vector>

namespace {

using namespace eddy;

Task<> hold(CapacityLimiter& limiter, Event& until, test::Log& log, std::string name) {
  auto token = co_await limiter.scoped();
  log(name);
  co_await until.wait();
}

TEST(CapacityLimiter, LetsSoManyInFirstComeFirstServed) {
  test::run([]() -> Task<> {
    test::Log log;
    Event end;
    CapacityLimiter limiter(2);
    std::vector<JoinHandle<>> tasks;
    for (const char* name : {"a", "b", "c", "d"}) {
      tasks.push_back(spawn(hold(limiter, end, log, name)));
    }
    co_await test::settle();
    EXPECT_EQ(log.text(), "a b");
    EXPECT_EQ(limiter.borrowed_tokens(), 2u);
    EXPECT_EQ(limiter.available_tokens(), 0u);
    EXPECT_EQ(limiter.statistics().tasks_waiting, 2u);
    EXPECT_FALSE(limiter.try_acquire());
    end.set();
    for (auto& task : tasks) co_await task;
    EXPECT_EQ(log.text(), "a b c d");
    EXPECT_EQ(limiter.borrowed_tokens(), 0u);
    EXPECT_TRUE(limiter.try_acquire());
    limiter.release();
  });
}

TEST(CapacityLimiter, LetsMoreInWhenItsTotalGrowsAndNobodyWhenItShrinks) {
  test::run([]() -> Task<> {
    test::Log log;
    Event end;
    CapacityLimiter limiter(1);
    std::vector<JoinHandle<>> tasks;
    for (const char* name : {"a", "b", "c", "d"}) {
      tasks.push_back(spawn(hold(limiter, end, log, name)));
    }
    co_await test::settle();
    EXPECT_EQ(log.text(), "a");
    limiter.set_total_tokens(3);
    EXPECT_EQ(log.text(), "a") << "nobody runs within";
    EXPECT_EQ(limiter.borrowed_tokens(), 3u) << "they have theirs already";
    co_await test::settle();
    EXPECT_EQ(log.text(), "a b c");
    limiter.set_total_tokens(1);
    EXPECT_EQ(limiter.total_tokens(), 1u);
    EXPECT_EQ(limiter.borrowed_tokens(), 3u) << "nobody loses one";
    EXPECT_EQ(limiter.available_tokens(), 0u);
    tasks[0].cancel();
    tasks[1].cancel();
    co_await test::settle();
    EXPECT_EQ(log.text(), "a b c") << "one is still out";
    tasks[2].cancel();
    co_await test::settle();
    EXPECT_EQ(log.text(), "a b c d");
    end.set();
    co_await tasks[3];
    for (auto& task : tasks) co_await test::wait_until_done(task);
  });
}

TEST(CapacityLimiter, OfNoneStopsAll) {
  test::run([]() -> Task<> {
    CapacityLimiter limiter(0);
    EXPECT_FALSE(limiter.try_acquire());
    auto waiting = spawn([&]() -> Task<> { co_await limiter.acquire(); });
    co_await test::settle();
    EXPECT_FALSE(waiting.done());
    limiter.set_total_tokens(1);
    co_await waiting;
    EXPECT_THROW(limiter.set_total_tokens(-1), UsageError);
    EXPECT_THROW(CapacityLimiter(-1), UsageError);
  });
}

TEST(CapacityLimiter, KnowsItsBorrowers) {
  test::run([]() -> Task<> {
    test::Log log;
    Event end;
    CapacityLimiter limiter(3);
    const int connection = 0;
    auto named = spawn(hold(limiter, end, log, "a"), {.name = "fetcher"});
    auto unnamed = spawn(hold(limiter, end, log, "b"));
    co_await test::settle();
    co_await limiter.acquire_on_behalf_of(&connection);
    auto waiting = spawn(hold(limiter, end, log, "c"), {.name = "late"});
    co_await test::settle();
    const LimiterStatistics seen = limiter.statistics();
    EXPECT_EQ(seen.total_tokens, 3u);
    EXPECT_EQ(seen.borrowed_tokens, 3u);
    EXPECT_EQ(seen.tasks_waiting, 1u);
    EXPECT_EQ(seen.borrowers.size(), 3u);
    EXPECT_EQ(seen.borrowers[0].name, "fetcher");
    EXPECT_EQ(seen.borrowers[1].name, unnamed.name());
    EXPECT_EQ(seen.borrowers[2].object, &connection);
    EXPECT_EQ(seen.borrowers[2].name, "");
    limiter.release_on_behalf_of(&connection);
    end.set();
    co_await waiting;
    EXPECT_TRUE(limiter.statistics().borrowers.empty());
    co_await named;
    co_await unnamed;
  });
}

// anyio's RuntimeError
TEST(CapacityLimiter, GivesOneTokenToABorrowerAtMost) {
  test::run([]() -> Task<> {
    CapacityLimiter limiter(5);
    const int object = 0;
    co_await limiter.acquire();
    EXPECT_THROW(co_await limiter.acquire(), UsageError);
    EXPECT_THROW(static_cast<void>(co_await limiter.scoped()), UsageError);
    EXPECT_THROW(limiter.try_acquire(), UsageError);
    EXPECT_TRUE(limiter.try_acquire_on_behalf_of(&object));
    EXPECT_THROW(co_await limiter.acquire_on_behalf_of(&object), UsageError);
    EXPECT_THROW(limiter.try_acquire_on_behalf_of(nullptr), UsageError);
    EXPECT_EQ(limiter.borrowed_tokens(), 2u);
    limiter.set_total_tokens(2);
    const int other = 0;
    auto waiting = spawn([&]() -> Task<> { co_await limiter.acquire_on_behalf_of(&other); });
    co_await test::settle();
    EXPECT_THROW(limiter.try_acquire_on_behalf_of(&other), UsageError) << "it waits for one";
    EXPECT_THROW(limiter.release_on_behalf_of(&other), UsageError) << "and has none yet";
    limiter.release();
    co_await waiting;
    limiter.release_on_behalf_of(&object);
    limiter.release_on_behalf_of(&other);
    EXPECT_EQ(limiter.borrowed_tokens(), 0u);
  });
}

TEST(CapacityLimiter, IsNotReleasedByWhoHasNoToken) {
  test::run([]() -> Task<> {
    CapacityLimiter limiter(2);
    EXPECT_THROW(limiter.release(), UsageError);
    co_await limiter.acquire();
    auto other = spawn([&]() -> Task<> {
      EXPECT_THROW(limiter.release(), UsageError) << "another's";
      co_return;
    });
    co_await other;
    EXPECT_EQ(limiter.borrowed_tokens(), 1u);
    limiter.release();
    EXPECT_THROW(limiter.release(), UsageError) << "twice";
  });
}

TEST(CapacityLimiter, IsGivenBackByItsGuardInWhateverTask) {
  test::run([]() -> Task<> {
    CapacityLimiter limiter(1);
    CapacityLimiter::Guard kept;
    auto taker = spawn([&]() -> Task<> { kept = co_await limiter.scoped(); });
    co_await taker;
    EXPECT_EQ(limiter.borrowed_tokens(), 1u);
    CapacityLimiter::Guard moved = std::move(kept);
    kept.release();
    EXPECT_EQ(limiter.borrowed_tokens(), 1u);
    moved.release();
    moved.release();
    EXPECT_EQ(limiter.borrowed_tokens(), 0u);
    const int object = 0;
    { const auto token = co_await limiter.scoped_on_behalf_of(&object); }
    EXPECT_EQ(limiter.available_tokens(), 1u);
  });
}

// C1, C4, K4
TEST(CapacityLimiter, LosesNoTokenToACancelWhateverItsMoment) {
  test::run([]() -> Task<> {
    test::Log log;
    Event end;
    CapacityLimiter limiter(1);
    co_await limiter.acquire();
    auto before = spawn(hold(limiter, end, log, "before"));
    before.cancel();
    auto during = spawn(hold(limiter, end, log, "during"));
    auto given = spawn(hold(limiter, end, log, "given"));
    auto last = spawn(hold(limiter, end, log, "last"));
    co_await test::settle();
    during.cancel();
    co_await test::settle();
    EXPECT_EQ(limiter.statistics().tasks_waiting, 2u);
    limiter.release();
    given.cancel();
    co_await test::settle();
    EXPECT_EQ(log.text(), "last") << "handed on";
    end.set();
    co_await last;
    EXPECT_EQ(limiter.available_tokens(), 1u);
    EXPECT_EQ(limiter.statistics().tasks_waiting, 0u);
    co_await test::wait_until_done(given);
  });
}

TEST(CapacityLimiter, IsLeftByTheEndOfTheLoop) {
  CapacityLimiter limiter(1);
  {
    test::Log log;
    Event end;
    Loop loop(test::options());
    auto first = loop.spawn(hold(limiter, end, log, "a"));
    auto second = loop.spawn(hold(limiter, end, log, "b"));
    loop.turn();
    loop.turn();
    EXPECT_EQ(limiter.borrowed_tokens(), 1u);
    loop.close();
  }
  EXPECT_EQ(limiter.borrowed_tokens(), 0u);
}

// K8
TEST(CapacityLimiter, BelongsToOneLoop) {
  CapacityLimiter limiter(1);
  EXPECT_THROW(limiter.try_acquire(), UsageError) << "outside of a task";
  test::run([&]() -> Task<> { const auto token = co_await limiter.scoped(); });
  test::run([&]() -> Task<> {
    EXPECT_THROW(co_await limiter.acquire(), UsageError);
    EXPECT_THROW(limiter.try_acquire(), UsageError);
  });
  EXPECT_EQ(limiter.borrowed_tokens(), 0u);
}

TEST(CapacityLimiter, MayBeAskedByAnAwaitableThatIsNeverAwaited) {
  test::run([]() -> Task<> {
    CapacityLimiter limiter(1);
    static_cast<void>(limiter.acquire());
    EXPECT_EQ(limiter.borrowed_tokens(), 0u);
    co_await limiter.acquire();
    auto waiting = spawn([&]() -> Task<> {
      EXPECT_FALSE(co_await move_on_after(1ms, limiter.acquire()));
    });
    co_await waiting;
    EXPECT_EQ(limiter.statistics().tasks_waiting, 0u);
    limiter.release();
  });
}

TEST(CapacityLimiter, WithoutMemoryForABorrowerGivesNothing) {
  const auto failed = test::fail_each_allocation([](test::FailingMemory& memory) {
    test::run([&]() -> Task<> {
      CapacityLimiter limiter(1);
      memory.arm();
      bool done = true;
      try {
        co_await limiter.acquire();
      } catch (const std::bad_alloc&) {
        done = false;
      }
      memory.disarm();
      EXPECT_EQ(limiter.borrowed_tokens(), done ? 1u : 0u);
      EXPECT_EQ(done, !memory.failed());
      if (done) limiter.release();
    });
  });
  EXPECT_GT(failed, 0u);
}

TEST(CapacityLimiter, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([]() -> Task<> {
    CapacityLimiter limiter(1);
    const auto take = [&]() -> Task<> {
      auto token = co_await limiter.scoped();
      co_await yield();
    };
    const auto use = [&]() -> Task<> {
      auto a = spawn(take());
      auto b = spawn(take());
      co_await a;
      co_await b;
      co_await limiter.acquire();
      limiter.release();
    };
    for (int i = 0; i < 3; ++i) co_await use();
    const auto before = test::allocations();
    co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

using CapacityLimiterDeathTest = testing::Test;
TEST(CapacityLimiterDeathTest, DiesInUseOnlyWithAMessage) {
  const auto dies = [] {
    Loop loop(test::options());
    auto limiter = std::make_unique<CapacityLimiter>(1);
    const auto take = [](CapacityLimiter& from) -> Task<> { co_await from.acquire(); };
    auto a = loop.spawn(take(*limiter));
    auto b = loop.spawn(take(*limiter));
    loop.turn();
    limiter.reset();
  };
  EXPECT_DEATH(dies(), "a CapacityLimiter died while a task waited for it");
}

}  // namespace
