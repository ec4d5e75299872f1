#include "support/run.hpp"

#include <eddy/kit/batches.hpp>

#include <numeric>

namespace {

using namespace eddy;

using Ints = std::vector<int>;

// A braced list in an expression with co_await does not compile with GCC 12.
template <class... N>
Ints ints(N... numbers) {
  return {numbers...};
}

Instant now() { return Loop::current().now(); }

// 1 to `last`, one each `gap`; then the failure, if that is meant.
Generator<int> numbers(int last, Duration gap = 0s, bool fails = false) {
  for (int i = 1; i <= last; ++i) {
    if (gap > 0s) co_await sleep(gap);
    co_yield int(i);
  }
  if (fails) throw std::runtime_error("no more");
}

// F144: batches of k with gather, a pause between them, results in order
TEST(Batches, RunOneAfterTheOtherSoManyAtATime) {
  test::run([]() -> Task<> {
    Ints urls(10);
    std::iota(urls.begin(), urls.end(), 1);
    int running = 0, most = 0;
    const auto fetch = [&](int url) -> Task<int> {
      most = std::max(most, ++running);
      co_await sleep(10ms - url * 1ms);
      --running;
      co_return url * 10;
    };
    Ints results, sizes;
    auto groups = batches(urls, 4);
    while (auto group = co_await groups.next()) {
      EXPECT_EQ(running, 0) << "the batch before is complete";
      std::vector<Task<int>> tasks;
      for (const int url : *group) tasks.push_back(fetch(url));
      const auto some = co_await gather(std::move(tasks));
      results.insert(results.end(), some.begin(), some.end());
      sizes.push_back(static_cast<int>(some.size()));
      co_await sleep(1s);
    }
    EXPECT_EQ(most, 4);
    EXPECT_EQ(sizes, ints(4, 4, 2));
    EXPECT_EQ(results, ints(10, 20, 30, 40, 50, 60, 70, 80, 90, 100));
  });
}

TEST(Batches, AreCompleteByTimeCountedFromTheirFirstItem) {
  test::run([]() -> Task<> {
    auto groups = batches(numbers(5, 10ms), 100, 25ms);
    const Instant start = now();
    EXPECT_EQ(co_await groups.next(), ints(1, 2, 3));
    EXPECT_EQ(now() - start, 35ms);
    EXPECT_EQ(co_await groups.next(), ints(4, 5));
    EXPECT_EQ(now() - start, 50ms) << "at the end at once";
    EXPECT_EQ(co_await groups.next(), std::nullopt);
    EXPECT_EQ(co_await groups.next(), std::nullopt);
  });
}

TEST(Batches, TakeFromAQueueUntilItIsShutDown) {
  test::run([]() -> Task<> {
    Queue<std::unique_ptr<int>> queue;
    auto groups = batches(queue, 2, 10ms);
    for (int i = 0; i < 3; ++i) queue.put_nowait(std::make_unique<int>(i));
    EXPECT_EQ((co_await groups.next())->size(), 2u);
    const Instant start = now();
    EXPECT_EQ((co_await groups.next())->size(), 1u);
    EXPECT_EQ(now() - start, 10ms);
    queue.put_nowait(std::make_unique<int>(3));
    queue.shutdown();
    EXPECT_EQ((co_await groups.next())->size(), 1u);
    EXPECT_FALSE(co_await groups.next());
  });
}

TEST(Batches, LoseNothingWhenTheWaitIsCancelled) {
  test::run([]() -> Task<> {
    Queue<int> queue;
    auto of_queue = batches(queue, 3);
    queue.put_nowait(1);
    EXPECT_EQ((co_await as_result(timeout(1s, of_queue.next()))).error(), std::errc::timed_out);
    queue.put_nowait(2);
    queue.put_nowait(3);
    EXPECT_EQ(co_await of_queue.next(), ints(1, 2, 3));

    auto of_generator = batches(numbers(4, 10ms), 3);
    EXPECT_EQ((co_await as_result(timeout(15ms, of_generator.next()))).error(),
              std::errc::timed_out);
    EXPECT_EQ(co_await of_generator.next(), ints(1, 2, 3));
    EXPECT_EQ(co_await of_generator.next(), ints(4));
  });
}

// The cancel comes in the turn in which the item does, at every turn there is.
TEST(Batches, LoseNothingWhenTheCancelComesWithTheItem) {
  for (int turns = 0; turns < 12; ++turns) {
    test::run([turns]() -> Task<> {
      Event told;
      const auto source = [&]() -> Generator<int> {
        for (int i = 1; i <= 3; ++i) {
          co_await told.wait();
          co_await yield();
          co_yield int(i);
        }
      };
      auto groups = batches(source(), 3);
      auto waiting = spawn([&]() -> Task<> { static_cast<void>(co_await groups.next()); });
      co_await test::settle(3);
      told.set();
      co_await test::settle(turns);
      waiting.cancel();
      co_await test::wait_until_done(waiting);
      auto rest = co_await groups.next();
      EXPECT_TRUE(waiting.cancelled() ? rest == ints(1, 2, 3) : rest == std::nullopt) << turns;
    });
  }
}

TEST(Batches, GiveWhatCameBeforeTheSourceFailed) {
  test::run([]() -> Task<> {
    auto groups = batches(numbers(3, 0s, true), 2);
    EXPECT_EQ(co_await groups.next(), ints(1, 2));
    EXPECT_EQ(co_await groups.next(), ints(3));
    EXPECT_THROW(static_cast<void>(co_await groups.next()), std::runtime_error);
    EXPECT_EQ(co_await groups.next(), std::nullopt);
  });
}

TEST(Batches, PassOnATimeoutOfTheSourceAsAFailure) {
  test::run([]() -> Task<> {
    const auto slow = []() -> Generator<int> {
      co_await timeout(5ms, sleep(1h));
      co_yield 1;
    };
    auto groups = batches(slow(), 2, 1s);
    EXPECT_EQ((co_await as_result(groups.next())).error(), std::errc::timed_out);
  });
}

TEST(Batches, HaveOneConsumerAtATime) {
  test::run([]() -> Task<> {
    Queue<int> queue;
    auto groups = batches(queue, 2);
    auto first = spawn([&]() -> Task<> { static_cast<void>(co_await groups.next()); });
    co_await test::settle();
    EXPECT_THROW(static_cast<void>(co_await groups.next()), UsageError);
    queue.shutdown();
    co_await first;
  });
}

TEST(Batches, CloseTheirSource) {
  test::run([]() -> Task<> {
    bool cleaned = false;
    const auto source = [&]() -> Generator<int> {
      co_yield 1;
      co_await try_finally(sleep(1h), [&]() -> Task<> {
        cleaned = true;
        co_return;
      });
    };
    auto groups = batches(source(), 2, 1s);
    EXPECT_EQ(co_await groups.next(), ints(1));
    co_await groups.aclose();
    EXPECT_TRUE(cleaned);
    EXPECT_EQ(co_await groups.next(), std::nullopt);
  });
}

TEST(Batches, EndTheirSourceWhenTheyAreDroppedHalfWay) {
  test::run([]() -> Task<> {
    auto groups = batches(numbers(2, 1h), 2, 1s);
    EXPECT_FALSE(co_await as_result(timeout(1s, groups.next())));
  });
}

TEST(Batches, RefuseASizeThatIsNone) {
  Queue<int> queue;
  EXPECT_THROW(static_cast<void>(batches(queue, 0)), UsageError);
  EXPECT_THROW(static_cast<void>(batches(queue, -1)), UsageError);
}

}  // namespace
