#include "support/allocations.hpp"
#include "support/failing_memory.hpp"
#include "support/run.hpp"

#include <eddy/kit/resource_pool.hpp>

#include <set>
#include <vector>

namespace {

using namespace eddy;

// A connection that knows its number, counts its kind, and can break.
struct Connection {
  explicit Connection(int id, std::set<int>& all) : number(id), open(&all) { all.insert(id); }
  Connection(Connection&& other) noexcept : number(other.number), open(other.open) {
    other.open = nullptr;
  }
  ~Connection() { if (open) open->erase(number); }
  int number;
  std::set<int>* open;
};

// Makes one in a millisecond; the first `failures` attempts fail.
struct Server {
  Task<Connection> connect() {
    ++attempts;
    most = std::max(most, ++attempting);
    auto waited = co_await as_outcome(sleep(takes));
    --attempting;
    if (!waited) co_await fail(std::move(waited.error()));
    if (failures > 0) {
      --failures;
      co_await fail(Failure::error(ECONNREFUSED, "connect"));
    }
    co_return Connection(next++, open);
  }
  auto factory() {
    return [this] { return connect(); };
  }

  std::set<int> open;
  int next = 1;
  int attempts = 0;
  int attempting = 0;
  int most = 0;
  int failures = 0;
  Duration takes = 1ms;
};

using Connections = Pool<Connection>;

Instant now() { return Loop::current().now(); }

// F131: max 5, overflow 10
TEST(ResourcePool, LetsNoMoreBeLentThanMaxAndOverflowAndServesAll) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.max = 5, .overflow = 10});
    int lent = 0, most = 0, served = 0;
    const auto user = [&]() -> Task<> {
      auto connection = co_await pool.acquire();
      most = std::max(most, ++lent);
      co_await sleep(10ms);
      --lent;
      ++served;
    };
    std::vector<Task<>> users;
    for (int i = 0; i < 20; ++i) users.push_back(user());
    co_await gather(std::move(users));
    EXPECT_EQ(most, 15);
    EXPECT_EQ(served, 20);
    EXPECT_EQ(pool.stats().size, 5u) << "what overflows goes when it is given back";
    EXPECT_EQ(server.open.size(), 5u);
    co_await pool.close();
    EXPECT_TRUE(server.open.empty());
  });
}

TEST(ResourcePool, LendsAnIdleOneAtOnceAndAllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP();
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory());
    { auto first = co_await pool.acquire(); }
    const auto turns = Loop::current().stats().turns;
    std::size_t allocations = test::allocations();
    for (int i = 0; i < 100; ++i) {
      auto connection = co_await pool.acquire();
      EXPECT_EQ(connection->number, 1);
      auto second = pool.try_acquire();
      EXPECT_FALSE(second);
    }
    EXPECT_EQ(test::allocations() - allocations, 0u);
    EXPECT_EQ(Loop::current().stats().turns, turns);

    // Two that take turns with one, handed over: nothing either, after warm-up.
    Connections one(server.factory(), {.max = 1});
    const auto worker = [&](int times) -> Task<> {
      for (int i = 0; i < times; ++i) {
        auto connection = co_await one.acquire();
        co_await yield();
      }
    };
    co_await gather(worker(10), worker(10));
    allocations = test::allocations();
    co_await gather(worker(10), worker(10));
    EXPECT_EQ(test::allocations() - allocations, 0u);
  });
}

TEST(ResourcePool, ServesWaitersInOrderAndLetsNobodyOvertake) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.max = 1});
    test::Log log;
    const auto worker = [&](std::string name) -> Task<> {
      for (int i = 0; i < 2; ++i) {
        auto connection = co_await pool.acquire();
        log(name);
        co_await yield();
      }
    };
    co_await gather(worker("a"), worker("b"), worker("c"));
    EXPECT_EQ(log.text(), "a b c a b c");
    EXPECT_EQ(server.attempts, 1);
  });
}

TEST(ResourcePool, ServesByWhatIsGivenBackWhileTheFactoryStillRuns) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory());
    auto first = co_await pool.acquire();
    server.takes = 1h;
    auto waiter = spawn([&]() -> Task<int> { co_return (co_await pool.acquire())->number; });
    co_await test::settle();
    EXPECT_EQ(pool.stats().making, 1u);
    first.release();
    EXPECT_EQ(co_await waiter, 1);
    co_await sleep(2h);
    EXPECT_EQ(pool.stats().idle, 2u) << "what was made for it is idle";
  });
}

TEST(ResourcePool, LosesNothingWhenAnAcquireIsCancelledWhileTheFactoryRuns) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory());
    auto waiter = spawn([&]() -> Task<> { auto connection = co_await pool.acquire(); });
    co_await test::settle();
    EXPECT_EQ(server.attempts, 1);
    waiter.cancel();
    co_await test::wait_until_done(waiter);
    EXPECT_TRUE(waiter.cancelled());
    EXPECT_EQ(pool.stats().waiting, 0u);
    co_await sleep(2ms);
    EXPECT_EQ(pool.stats().idle, 1u);
    auto connection = co_await pool.acquire();
    EXPECT_EQ(connection->number, 1);
    EXPECT_EQ(server.attempts, 1);
  });
}

// C4: cancelled in the turn in which it was woken
TEST(ResourcePool, PassesOnTheResourceOfAWaiterThatIsCancelledWhenItWasWoken) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.max = 1});
    auto held = co_await pool.acquire();
    const auto wait = [&]() -> Task<> { auto connection = co_await pool.acquire(); };
    auto first = spawn(wait());
    auto second = spawn(wait());
    co_await test::settle();
    held.release();
    first.cancel();
    co_await test::wait_until_done(first);
    EXPECT_TRUE(first.cancelled());
    co_await second;
    EXPECT_EQ(pool.stats().idle, 1u);
    EXPECT_EQ(server.attempts, 1);

    held = co_await pool.acquire();
    auto last = spawn(wait());
    co_await test::settle();
    held.release();
    last.cancel();
    co_await test::wait_until_done(last);
    EXPECT_EQ(pool.stats().idle, 1u) << "nobody waits: it is idle";
  });
}

TEST(ResourcePool, EndsTheOldestWaitWithTheFactorysFailureAndLetsTheNextTry) {
  test::run([]() -> Task<> {
    Server server;
    server.failures = 3;
    Connections pool(server.factory(), {.max = 2});
    test::Log log;
    const auto wait = [&](std::string name) -> Task<> {
      auto connection = co_await as_result(pool.acquire());
      const bool refused = !connection && connection.error() == std::errc::connection_refused;
      log(name + (connection ? "" : refused ? "!" : "?"));
      if (connection) co_await sleep(1ms);
    };
    co_await gather(wait("a"), wait("b"), wait("c"), wait("d"), wait("e"));
    EXPECT_EQ(log.text(), "a! b! c! d e");
    EXPECT_EQ(pool.stats().failed, 3u);
    EXPECT_EQ(pool.stats().waiting, 0u);
  });
}

TEST(ResourcePool, TriesOneAtATimeAfterAFailure) {
  test::run([]() -> Task<> {
    Server server;
    server.failures = 1;
    Connections pool(server.factory());
    EXPECT_FALSE(co_await as_result(pool.acquire()));
    server.failures = 8;
    server.most = 0;
    const auto wait = [&]() -> Task<> {
      auto connection = co_await as_result(pool.acquire());
      static_cast<void>(connection);
    };
    co_await gather(wait(), wait(), wait(), wait());
    EXPECT_EQ(server.most, 1);
  });
}

TEST(ResourcePool, ChecksAnIdleOneBeforeItIsLentAndReplacesTheBroken) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory());
    int checks = 0;
    bool good = true;
    pool.on_check([&](Connection&) -> Task<bool> {
      ++checks;
      co_await sleep(1ms);
      co_return good;
    });
    { auto connection = co_await pool.acquire(); }
    { auto connection = co_await pool.acquire(); }
    EXPECT_EQ(checks, 0) << "used just now";
    co_await sleep(1s);
    EXPECT_FALSE(pool.try_acquire());
    { auto connection = co_await pool.acquire(); EXPECT_EQ(connection->number, 1); }
    EXPECT_EQ(checks, 1);
    co_await sleep(1s);
    good = false;
    { auto connection = co_await pool.acquire(); EXPECT_EQ(connection->number, 2); }
    EXPECT_EQ(server.open, std::set<int>{2});
    EXPECT_EQ(pool.stats().lost, 1u);
    EXPECT_EQ(pool.stats().size, 1u);
  });
}

TEST(ResourcePool, DiscardsOneWhoseCheckWasCancelledAndFreesItsPlace) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.max = 1});
    pool.on_check([](Connection&) -> Task<bool> {
      co_await sleep(1h);
      co_return true;
    });
    { auto connection = co_await pool.acquire(); }
    co_await sleep(1s);
    auto limited = co_await as_result(pool.acquire(10ms));
    EXPECT_EQ(limited.error(), std::errc::timed_out);
    EXPECT_EQ(pool.stats().size, 0u);
    auto connection = co_await pool.acquire();
    EXPECT_EQ(connection->number, 2);
  });
}

TEST(ResourcePool, EndsOneThatIsTooOld) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.max_age = 40s});
    auto connection = co_await pool.acquire();
    co_await sleep(39s);
    connection.release();
    EXPECT_EQ(pool.stats().idle, 1u);
    co_await sleep(2s);
    EXPECT_FALSE(pool.try_acquire());
    connection = co_await pool.acquire();
    EXPECT_EQ(connection->number, 2);
    EXPECT_EQ(server.open, std::set<int>{2});
    co_await sleep(41s);
    connection.release();
    EXPECT_EQ(pool.stats().size, 0u) << "and when it is given back";
  });
}

TEST(ResourcePool, EndsOneThatWasUsedOftenEnough) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.max_uses = 3});
    std::vector<int> numbers;
    for (int i = 0; i < 7; ++i) numbers.push_back((co_await pool.acquire())->number);
    EXPECT_EQ(numbers, (std::vector<int>{1, 1, 1, 2, 2, 2, 3}));
    EXPECT_EQ(server.open, std::set<int>{3});
  });
}

TEST(ResourcePool, DoesNotLetAllEndAtOnce) {
  test::run([]() -> Task<> {
    Server server;
    server.takes = 0s;
    Connections pool(server.factory(), {.max = 8, .max_age = 1000s});
    std::vector<Connections::Guard> all;
    for (int i = 0; i < 8; ++i) all.push_back(co_await pool.acquire());
    co_await sleep(974s);
    all.clear();
    EXPECT_EQ(pool.stats().size, 8u) << "2.5 % less at the most";
    co_await sleep(13s);
    for (int i = 0; i < 8; ++i) all.push_back(co_await pool.acquire());
    EXPECT_GT(server.attempts, 9) << "in between some have, and some have not";
    EXPECT_LT(server.attempts, 15);
  });
}

TEST(ResourcePool, EndsWhatIsIdleForTooLongButKeepsTheLeast) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.min = 1, .max = 3, .max_idle = 10s});
    std::vector<Connections::Guard> all;
    for (int i = 0; i < 3; ++i) all.push_back(co_await pool.acquire());
    all.erase(all.begin());
    co_await sleep(5s);
    all.clear();
    EXPECT_EQ(pool.stats().idle, 3u);
    co_await sleep(5s);
    co_await test::settle();
    EXPECT_EQ(pool.stats().idle, 2u);
    co_await sleep(1h);
    EXPECT_EQ(pool.stats().idle, 1u);
    EXPECT_EQ(server.open, std::set<int>{3});
  });
}

TEST(ResourcePool, LendsTheLatestFirstOrEachInItsTurn) {
  test::run([]() -> Task<> {
    for (const auto order : {PoolOrder::latest_first, PoolOrder::oldest_first}) {
      Server server;
      Connections pool(server.factory(), {.order = order});
      std::vector<Connections::Guard> all;
      for (int i = 0; i < 3; ++i) all.push_back(co_await pool.acquire());
      for (auto& one : all) one.release();
      auto next = co_await pool.acquire();
      EXPECT_EQ(next->number, order == PoolOrder::latest_first ? 3 : 1);
    }
  });
}

// F132: the borrower is cancelled; what it left is undone before anybody else gets it
TEST(ResourcePool, ResetsWhatIsGivenBackAlsoByACancelledTask) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.max = 1});
    test::Log log;
    pool.on_reset([&](Connection&) -> Task<> {
      log("reset");
      co_await sleep(5ms);
      log("clean");
    });
    auto borrower = spawn([&]() -> Task<> {
      auto connection = co_await pool.acquire();
      co_await sleep(1h);
    });
    co_await sleep(2ms);
    borrower.cancel();
    auto connection = co_await pool.acquire();
    log("lent");
    EXPECT_EQ(log.text(), "reset clean lent");
    EXPECT_EQ(connection->number, 1);
    connection.release();
    co_await test::settle();
    EXPECT_EQ(log.text(), "reset clean lent reset");
    const Instant start = now();
    co_await pool.close();
    EXPECT_EQ(now() - start, 0s) << "a reset is of no use any more";
  });
}

TEST(ResourcePool, DiscardsWhatCannotBeResetInTime) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.max = 1, .reset_limit = 10ms});
    bool fails = true;
    pool.on_reset([&](Connection&) -> Task<> {
      if (fails) throw std::runtime_error("out of step");
      co_await sleep(1h);
    });
    { auto connection = co_await pool.acquire(); }
    { auto connection = co_await pool.acquire(); EXPECT_EQ(connection->number, 2); }
    co_await test::settle();
    EXPECT_EQ(pool.stats().size, 0u);
    fails = false;
    const Instant start = now();
    { auto connection = co_await pool.acquire(); }
    { auto connection = co_await pool.acquire(); EXPECT_EQ(connection->number, 4); }
    EXPECT_EQ(now() - start, 12ms);
    EXPECT_EQ(pool.stats().lost, 3u);
    co_await pool.close();
  });
}

TEST(ResourcePool, NeverLendsWhatWasDiscarded) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.max = 1});
    auto broken = co_await pool.acquire();
    auto waiter = spawn([&]() -> Task<int> { co_return (co_await pool.acquire())->number; });
    co_await test::settle();
    broken.discard();
    EXPECT_FALSE(broken);
    EXPECT_EQ(co_await waiter, 2) << "a new one, for whoever waits";
    EXPECT_EQ(pool.stats().lost, 1u);
  });
}

TEST(ResourcePool, WaitsNoLongerThanTheLimit) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.max = 1});
    auto held = co_await pool.acquire(1s);
    const Instant start = now();
    auto second = co_await as_result(pool.acquire(50ms));
    EXPECT_EQ(second.error(), std::errc::timed_out);
    EXPECT_EQ(now() - start, 50ms);
    try {
      auto named = co_await pool.acquire(50ms);
      ADD_FAILURE() << "it is lent";
    } catch (const TimeoutError& error) {
      const std::string said = error.what();
      EXPECT_NE(said.find("::acquire(): timed out after 50ms"), std::string::npos) << said;
      EXPECT_EQ(said.find("internal"), std::string::npos) << said;
    }
    EXPECT_EQ(pool.stats().waiting, 0u);
    auto third = co_await as_result(pool.acquire(0s));
    EXPECT_EQ(third.error(), std::errc::timed_out);
    held.release();
    auto fourth = co_await as_result(pool.acquire(0s));
    EXPECT_TRUE(fourth) << "idle: nothing to wait for";
  });
}

TEST(ResourcePool, RefusesToLetTooManyWait) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.max = 1, .waiting = 1});
    auto held = co_await pool.acquire();
    auto waiter = spawn([&]() -> Task<> { auto connection = co_await pool.acquire(); });
    co_await test::settle();
    auto refused = co_await as_result(pool.acquire());
    EXPECT_EQ(refused.error(), std::errc::resource_unavailable_try_again);
    held.release();
    co_await waiter;
  });
}

TEST(ResourcePool, MakesTheLeastWhenItIsAskedTo) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.min = 3});
    EXPECT_EQ(server.attempts, 0);
    co_await pool.fill();
    EXPECT_EQ(pool.stats().idle, 3u);
    co_await pool.fill();
    EXPECT_EQ(server.attempts, 3);
    server.failures = 1;
    pool.try_acquire()->discard();
    auto failed = co_await as_result(pool.fill());
    EXPECT_EQ(failed.error(), std::errc::connection_refused);
    EXPECT_EQ(pool.stats().size, 2u);
  });
}

TEST(ResourcePool, ClosesWhenAllIsGivenBack) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.max = 2});
    auto held = co_await pool.acquire();
    { auto idle = co_await pool.acquire(); }
    auto closing = spawn([&]() -> Task<> { co_await pool.close(); });
    co_await test::settle();
    EXPECT_FALSE(closing.done());
    EXPECT_EQ(server.open, std::set<int>{1});
    EXPECT_THROW(auto late = co_await pool.acquire(), UsageError);
    EXPECT_THROW(auto late = co_await pool.acquire(1s), UsageError);
    EXPECT_THROW(co_await pool.fill(), UsageError);
    EXPECT_FALSE(pool.try_acquire());
    held.release();
    co_await closing;
    EXPECT_TRUE(server.open.empty());
    co_await pool.close();
  });
}

TEST(ResourcePool, IsClosedAtOnceByTerminateAndEndsWhatIsLentLater) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.max = 1});
    auto held = co_await pool.acquire();
    auto waiter = spawn([&]() -> Task<std::error_code> {
      auto connection = co_await as_result(pool.acquire());
      co_return connection.error();
    });
    co_await test::settle();
    pool.terminate();
    EXPECT_EQ(co_await waiter, std::errc::operation_canceled);
    EXPECT_THROW(auto late = co_await pool.acquire(), UsageError);
    EXPECT_EQ(server.open, std::set<int>{1});
    held.release();
    EXPECT_TRUE(server.open.empty());
    co_await pool.close();
  });
}

TEST(ResourcePool, RefusesWhoWaitsAndEndsTheFactoryWhenItIsClosed) {
  test::run([]() -> Task<> {
    Server server;
    server.takes = 1h;
    Connections pool(server.factory());
    auto waiter = spawn([&]() -> Task<std::error_code> {
      auto connection = co_await as_result(pool.acquire());
      co_return connection.error();
    });
    co_await test::settle();
    const Instant start = now();
    co_await pool.close();
    EXPECT_EQ(co_await waiter, std::errc::operation_canceled);
    EXPECT_EQ(now() - start, 0s);
    EXPECT_EQ(server.attempting, 0);
  });
}

TEST(ResourcePool, IsClosedThoughNobodyWaitsForThatAnyMore) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory());
    auto held = co_await pool.acquire();
    EXPECT_EQ((co_await as_result(timeout(1s, pool.close()))).error(), std::errc::timed_out);
    held.release();
    EXPECT_TRUE(server.open.empty());
    co_await pool.close();
  });
}

TEST(ResourcePool, MayDieBeforeWhatItLent) {
  test::run([]() -> Task<> {
    Server server;
    Connections::Guard held;
    {
      Connections pool(server.factory(), {.max_idle = 1h});
      held = co_await pool.acquire();
      auto idle = co_await pool.acquire();
    }
    EXPECT_EQ(server.open, std::set<int>{1});
    EXPECT_EQ(held->number, 1);
    held.release();
    EXPECT_TRUE(server.open.empty());
  });
}

TEST(ResourcePool, OutlivesItsLoopAndBelongsToOne) {
  Server server;
  Connections pool(server.factory(), {.max_idle = 1h});
  Connections::Guard held;
  test::run([&]() -> Task<> {
    held = co_await pool.acquire();
    { auto idle = co_await pool.acquire(); }
  });
  held.release();
  EXPECT_EQ(server.open, std::set<int>{2}) << "idle; what comes back late is ended";
  test::run([&]() -> Task<> {
    EXPECT_FALSE(pool.try_acquire());
    EXPECT_THROW(auto other = co_await pool.acquire(), UsageError);
  });
}

TEST(ResourcePool, RefusesNumbersThatMakeNoPool) {
  Server server;
  EXPECT_THROW(Connections(server.factory(), {.max = 0}), UsageError);
  EXPECT_THROW(Connections(server.factory(), {.min = 3, .max = 2}), UsageError);
  EXPECT_THROW(Connections(server.factory(), {.max = -1}), UsageError);
  Connections only_overflow(server.factory(), {.max = 0, .overflow = 1});
}

// It awaits what somebody cancelled.
TEST(ResourcePool, FailsWhereItsFactoryIsCancelledByItself) {
  test::run([]() -> Task<> {
    int attempts = 0;
    Connections pool([&]() -> Task<Connection> {
      ++attempts;
      auto other = spawn(sleep(1h));
      other.cancel();
      co_await other;
      throw std::logic_error("it was not cancelled");
    });
    EXPECT_EQ((co_await as_result(pool.acquire())).error(), std::errc::operation_canceled);
    EXPECT_EQ(attempts, 1);
    co_await pool.close();
  });
}

TEST(ResourcePool, LendsNothingThatWasCheckedWhileItWasClosed) {
  test::run([]() -> Task<> {
    for (const bool good : {true, false}) {
      Server server;
      Connections pool(server.factory(), {.max = 1, .check_after = 0s});
      pool.on_check([&](Connection&) -> Task<bool> {
        co_await sleep(10ms);
        co_return good;
      });
      { auto connection = co_await pool.acquire(); }
      server.takes = 1h;
      auto acquiring = spawn([&]() -> Task<> { auto connection = co_await pool.acquire(); });
      co_await sleep(1ms);
      const Instant before = now();
      co_await pool.close();
      EXPECT_EQ(now() - before, 9ms);
      co_await test::wait_until_done(acquiring);
      EXPECT_EQ((co_await as_result(acquiring)).error(), std::errc::operation_canceled);
    }
  });
}

TEST(ResourcePool, FailsEachThatWaitsWhereThereIsNoMemoryToMakeOne) {
  const std::size_t failed = test::fail_each_allocation([](test::FailingMemory& memory) {
    test::run([&]() -> Task<> {
      Server server;
      Connections pool(server.factory(), {.max = 2});
      auto one = spawn([&]() -> Task<> { auto connection = co_await pool.acquire(); });
      auto two = spawn([&]() -> Task<> { auto connection = co_await pool.acquire(); });
      memory.arm();
      co_await yield();
      memory.disarm();
      co_await test::wait_until_done(one);
      co_await test::wait_until_done(two);
      static_cast<void>(one.exception());
      static_cast<void>(two.exception());
      co_await pool.close();
    });
  }, 1'000'000);
  EXPECT_GT(failed, 0u);
}

TEST(ResourcePool, TakesACheckThatThrowsForOneThatFailed) {
  test::run([]() -> Task<> {
    Server server;
    Connections pool(server.factory(), {.max = 1, .check_after = 0s});
    pool.on_check([](Connection&) -> Task<bool> { throw std::runtime_error("no task"); });
    { auto connection = co_await pool.acquire(); }
    auto connection = co_await pool.acquire();
    EXPECT_EQ(connection->number, 2);
    EXPECT_EQ(pool.stats().lost, 1u);
  });
}

}  // namespace
