#include "work/held.hpp"

#include <atomic>
#include <future>

namespace {

using namespace eddy;
using test::Held;

// A call of `pool` that waits for another call of `pool`, by way of the loop.
auto nested(Loop& loop, ThreadPool& pool, int value) {
  return [&loop, &pool, value] {
    const auto inner = [](ThreadPool& own, int number) -> Task<int> {
      co_return co_await own.submit([number] { return number; });
    };
    return run_from_thread(loop, inner(pool, value)).get();
  };
}

TEST(OwnPool, HasAThreadMoreWhileACallWaitsForIt) {
  test::run([]() -> Task<> {
    ThreadPool pool(1);
    auto call = nested(Loop::current(), pool, 7);
    EXPECT_EQ(co_await pool.submit(std::ref(call)), 7);
    EXPECT_EQ(pool.stats().begun, 2u);
    EXPECT_EQ(pool.stats().waiting, 0u);
  });
}

TEST(OwnPool, HasAsManyMoreAsCallsWaitAndNoneForEver) {
  test::run([]() -> Task<> {
    constexpr unsigned most = 3;
    ThreadPool pool(most);
    for (int round = 0; round < 30; ++round) {
      auto call = nested(Loop::current(), pool, round);
      std::vector<JoinHandle<int>> calls;
      while (calls.size() < 2 * most) calls.push_back(spawn(pool.submit(call)));
      for (auto& each : calls) EXPECT_EQ(co_await each, round);
      EXPECT_LE(pool.stats().threads, 3 * most);
    }
    while (pool.stats().threads > most) std::this_thread::yield();
    EXPECT_EQ(pool.stats().waiting, 0u);
  });
}

TEST(OwnPool, OfTheLoopMayBeWaitedForToo) {
  test::run([]() -> Task<> {
    ThreadPool& pool = default_pool();
    auto call = nested(Loop::current(), pool, 1);
    std::vector<JoinHandle<int>> calls;
    while (calls.size() < pool.stats().most_threads) calls.push_back(spawn(to_thread(call)));
    int sum = 0;
    for (auto& each : calls) sum += co_await each;
    EXPECT_EQ(sum, static_cast<int>(calls.size()));
  });
}

TEST(OwnPool, RunsWhatWasQueuedBeforeTheCallBeganToWait) {
  test::run([]() -> Task<> {
    Loop& loop = Loop::current();
    ThreadPool pool(1);
    Held held;
    std::optional<JoinHandle<int>> queued;
    const auto wait_for_queued = [&]() -> Task<int> { co_return co_await *queued; };
    auto first = run_in_executor(pool, [&] {
      held.run();
      return run_from_thread(loop, wait_for_queued()).get();
    });
    held.wait_for_begin();
    queued = run_in_executor(pool, [] { return 5; });
    EXPECT_EQ(pool.stats().queued, 1u);
    held.go();
    EXPECT_EQ(co_await first, 5);
  });
}

TEST(OwnPool, HearsOfEachWayToWait) {
  test::run([]() -> Task<> {
    Loop& loop = Loop::current();
    ThreadPool pool(1);
    const auto inner = [&]() -> Task<> { co_await pool.submit([] {}); };
    const auto ready = std::future_status::ready;
    EXPECT_EQ(co_await pool.submit([&] { return run_from_thread(loop, inner()).wait_for(1h); }),
              ready);
    EXPECT_EQ(co_await pool.submit([&] {
      return run_from_thread(loop, inner()).wait_until(std::chrono::steady_clock::now() + 1h);
    }), ready);
    co_await pool.submit([&] {
      const auto future = run_from_thread(loop, inner());
      future.wait();
      EXPECT_EQ(future.wait_for(0s), std::future_status::ready);
      EXPECT_EQ(future.wait_until(std::chrono::steady_clock::now()), std::future_status::ready);
    });
    EXPECT_EQ(pool.stats().begun, 6u);
  });
}

TEST(OwnPool, TellsHowManyCallsWait) {
  test::run([]() -> Task<> {
    Loop& loop = Loop::current();
    ThreadPool pool(1);
    Held held;
    const auto inner = [&]() -> Task<> { co_await pool.submit([&] { held.run(); }); };
    auto outer = run_in_executor(pool, [&] { run_from_thread(loop, inner()).get(); });
    while (!held.has_begun()) co_await yield();
    auto third = run_in_executor(pool, [] {});
    const ThreadPoolStats stats = pool.stats();
    EXPECT_EQ(stats.waiting, 1u);
    EXPECT_EQ(stats.running, 2u);
    EXPECT_EQ(stats.threads, 2u);
    EXPECT_EQ(stats.most_threads, 1u);
    EXPECT_EQ(stats.queued, 1u) << "one runs, one waits";
    held.go();
    co_await gather(outer, third);
  });
}

TEST(OwnPool, EndsWhileACallWaitsForWhatIsQueued) {
  test::run([]() -> Task<> {
    Loop& loop = Loop::current();
    std::optional<ThreadPool> pool(std::in_place, 1);
    Held held;
    std::optional<JoinHandle<int>> queued;
    const auto wait_for_queued = [&]() -> Task<int> { co_return co_await *queued; };
    auto first = run_in_executor(*pool, [&] {
      held.run();
      return run_from_thread(loop, wait_for_queued()).get();
    });
    held.wait_for_begin();
    queued = run_in_executor(*pool, [] { return 6; });
    co_await to_thread([&] {  // a thread that is not the loop's waits for it
      std::jthread lets_go([&] { held.go(); });
      pool.reset();
    });
    EXPECT_EQ(co_await first, 6);
  });
}

// Its waits are the program's own affair.
TEST(OwnPool, IsNoConcernOfAThreadOfTheProgram) {
  test::run([]() -> Task<> {
    Loop& loop = Loop::current();
    std::atomic<int> got = 0;
    Event done;
    std::jthread thread([&] {
      got = run_from_thread(loop, []() -> Task<int> { co_return 3; }()).get();
      loop.post([&] { done.set(); });
    });
    co_await done.wait();
    EXPECT_EQ(got, 3);
  });
}

}  // namespace
