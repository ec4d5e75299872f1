#include "support/run.hpp"

#include <eddy/kit/bulk.hpp>

#include <memory>
#include <numeric>

namespace {

using namespace eddy;

using Ints = std::vector<int>;

Instant now() { return Loop::current().now(); }

// 1 to `last`; then the failure, if that is meant. Notes how far it came, and that it was closed.
struct Source {
  Generator<int> items(int last, bool fails = false) {
    try {
      for (int i = 1; i <= last; ++i) {
        asked = i;
        co_yield int(i);
      }
    } catch (const GeneratorExit&) {
      closed = true;
      throw;
    }
    if (fails) throw std::runtime_error("the source broke");
  }
  int asked = 0;
  bool closed = false;
};

// Takes longer for the early ones.
struct Worker {
  Task<int> operator()(int item) {
    most = std::max(most, ++running);
    auto slept = co_await as_outcome(sleep(100ms - item * 1ms));
    --running;
    if (!slept) co_await fail(std::move(slept.error()));
    if (item == breaks) throw std::runtime_error("broke");
    co_return item * 10;
  }
  int running = 0;
  int most = 0;
  int breaks = 0;
};

TEST(Bulk, GivesTheValuesInTheOrderOfTheItems) {
  test::run([]() -> Task<> {
    Ints items(20);
    std::iota(items.begin(), items.end(), 1);
    Worker worker;
    const auto values = co_await bulk(items, 6, std::ref(worker));
    EXPECT_EQ(worker.most, 6);
    EXPECT_EQ(values.size(), 20u);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(values[i], 10 * (i + 1));
  });
}

TEST(Bulk, StartsTheNextWhenOneHasEnded) {
  test::run([]() -> Task<> {
    const Instant start = now();
    const Ints lengths{30, 10, 10, 10};
    co_await bulk(lengths, 2, [](int ms) -> Task<> { co_await sleep(ms * 1ms); });
    EXPECT_EQ(now() - start, 30ms) << "no batch waits for its slowest";
  });
}

TEST(Bulk, AsksForAnItemOnlyWhenThereIsRoom) {
  test::run([]() -> Task<> {
    Source source;
    Event gate;
    auto running = spawn([&]() -> Task<> {
      co_await bulk(source.items(1'000'000), 3, [&](int) -> Task<> { co_await gate.wait(); });
    });
    co_await test::settle(20);
    EXPECT_EQ(source.asked, 3);
    running.cancel();
    co_await test::wait_until_done(running);
    EXPECT_TRUE(running.cancelled());
    EXPECT_TRUE(source.closed);
  });
}

TEST(Bulk, TakesItemsThatOnlyMove) {
  test::run([]() -> Task<> {
    std::vector<std::unique_ptr<int>> items;
    for (int i = 0; i < 3; ++i) items.push_back(std::make_unique<int>(i));
    const auto twice = [](std::unique_ptr<int> item) -> Task<std::unique_ptr<int>> {
      *item *= 2;
      co_return std::move(item);
    };
    const auto values = co_await bulk(std::move(items), 2, twice);
    EXPECT_EQ(*values[2], 4);
  });
}

TEST(Bulk, EndsWithTheFirstFailureWhenTheOthersHaveEnded) {
  test::run([]() -> Task<> {
    Source source;
    Worker worker{.breaks = 3};
    const Instant start = now();
    try {
      static_cast<void>(co_await bulk(source.items(50), 4, std::ref(worker)));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "broke") << "itself, and no group of it";
    }
    EXPECT_EQ(worker.running, 0);
    EXPECT_EQ(now() - start, 97ms);
    EXPECT_LE(source.asked, 6);
    EXPECT_TRUE(source.closed);
  });
}

TEST(Bulk, EndsWithTheFailureOfTheSource) {
  test::run([]() -> Task<> {
    Source source;
    Worker worker;
    try {
      static_cast<void>(co_await bulk(source.items(2, true), 4, std::ref(worker)));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "the source broke");
    }
    EXPECT_EQ(worker.running, 0);
  });
}

TEST(Bulk, GivesEveryOutcomeIfThatIsMeant) {
  test::run([]() -> Task<> {
    Worker worker{.breaks = 2};
    Source source;
    const auto outcomes = co_await bulk_settled(source.items(4), 2, std::ref(worker));
    EXPECT_EQ(outcomes.size(), 4u);
    EXPECT_EQ(outcomes[0].value(), 10);
    EXPECT_THROW(outcomes[1].value(), std::runtime_error);
    EXPECT_EQ(outcomes[3].value(), 40);
  });
}

TEST(Bulk, GivesOutcomesAsTheyCome) {
  test::run([]() -> Task<> {
    Worker worker{.breaks = 5};
    Source source;
    auto outcomes = bulk_as_completed(source.items(6), 3, std::ref(worker));
    std::string order;
    while (auto next = co_await outcomes.next()) {
      order += std::to_string(next->index) + (next->outcome ? " " : "! ");
    }
    EXPECT_EQ(order, "2 1 0 3 4! 5 ");
    EXPECT_EQ(worker.most, 3);
  });
}

TEST(Bulk, WaitsForWhoTakesWhatComes) {
  test::run([]() -> Task<> {
    Source source;
    auto outcomes = bulk_as_completed(source.items(100), 2, [](int) -> Task<> { co_return; });
    EXPECT_TRUE(co_await outcomes.next());
    co_await test::settle(50);
    EXPECT_LE(source.asked, 5) << "two in the queue, two that wait for it, one that was taken";
    co_await outcomes.aclose();
    EXPECT_TRUE(source.closed);
  });
}

TEST(Bulk, EndsItsTasksWhenTheGeneratorIsClosedOrDroppedOrCancelled) {
  test::run([]() -> Task<> {
    Worker worker;
    {
      Source source;
      auto outcomes = bulk_as_completed(source.items(9), 3, std::ref(worker));
      EXPECT_TRUE(co_await outcomes.next());
      co_await outcomes.aclose();
      EXPECT_EQ(worker.running, 0);
      EXPECT_TRUE(source.closed);
    }
    Source source;
    {
      auto outcomes = bulk_as_completed(source.items(9), 3, std::ref(worker));
      EXPECT_TRUE(co_await outcomes.next());
    }
    co_await test::settle();
    EXPECT_EQ(worker.running, 0);
    EXPECT_TRUE(source.closed);
    auto outcomes = bulk_as_completed(source.items(9), 3, std::ref(worker));
    EXPECT_EQ((co_await as_result(timeout(1ms, outcomes.next()))).error(), std::errc::timed_out);
    EXPECT_EQ(worker.running, 0);
  });
}

TEST(Bulk, PassesOnTheFailureOfTheSourceBehindWhatCame) {
  test::run([]() -> Task<> {
    Source source;
    auto outcomes = bulk_as_completed(source.items(1, true), 1, [](int) -> Task<> { co_return; });
    EXPECT_TRUE(co_await outcomes.next());
    EXPECT_THROW(static_cast<void>(co_await outcomes.next()), std::runtime_error);
  });
}

TEST(Bulk, OfNothingIsNothing) {
  test::run([]() -> Task<> {
    Worker worker;
    EXPECT_TRUE((co_await bulk(Ints(), 3, std::ref(worker))).empty());
    EXPECT_THROW(static_cast<void>(bulk(Ints(), 0, std::ref(worker))), UsageError);
    EXPECT_THROW(static_cast<void>(bulk(Ints(), -1, std::ref(worker))), UsageError);
  });
}

// Its cleaning up takes an hour.
Generator<int> slow_to_close() {
  bool left = false;
  try {
    for (int i = 1;; ++i) co_yield int(i);
  } catch (const GeneratorExit&) {
    left = true;
  }
  if (left) co_await sleep(1h);
}

TEST(Bulk, HearsACancelWhileItsSourceCleansUp) {
  test::run([]() -> Task<> {
    auto task = spawn([&]() -> Task<> {
      Worker worker;
      worker.breaks = 1;
      co_await bulk(slow_to_close(), 1, std::ref(worker));
    });
    co_await sleep(200ms);
    EXPECT_FALSE(task.done());
    task.cancel();
    co_await test::wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
  });
}

TEST(Bulk, AsCompletedLeavesNoCallBehindHoweverOftenItIsCancelled) {
  test::run([]() -> Task<> {
    int running = 0;
    const auto call = [&](int) -> Task<int> {
      ++running;
      static_cast<void>(co_await as_outcome(sleep(1h)));
      static_cast<void>(co_await as_outcome(sleep(10ms)));  // its cleaning up
      --running;
      co_return 1;
    };
    auto task = spawn([&]() -> Task<> {
      Ints items{1, 2, 3};
      auto results = bulk_as_completed(items, 2, call);
      static_cast<void>(co_await results.next());
    });
    co_await sleep(1ms);
    EXPECT_EQ(running, 2);
    task.cancel();
    co_await sleep(1ms);
    task.cancel();
    co_await test::wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(running, 0);
  });
}

}  // namespace
