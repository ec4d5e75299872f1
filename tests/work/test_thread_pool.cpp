#include "work/held.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <deque>
#include <latch>

namespace {

using namespace eddy;
using test::Held;
using test::wait_until_done;

// F82
TEST(ThreadPool, BoundsHowManyRunAtOnce) {
  test::run([]() -> Task<> {
    ThreadPool pool(2);
    std::deque<Held> calls(4);
    std::vector<JoinHandle<>> tasks;
    for (Held& call : calls) tasks.push_back(spawn(pool.submit([&call] { call.run(); })));
    co_await yield();
    calls[0].wait_for_begin();
    calls[1].wait_for_begin();
    const ThreadPoolStats stats = pool.stats();
    EXPECT_EQ(stats.running, 2u);
    EXPECT_EQ(stats.queued, 2u);
    EXPECT_EQ(stats.threads, 2u);
    EXPECT_FALSE(calls[2].has_begun() || calls[3].has_begun());
    for (Held& call : calls) call.go();
    co_await gather(std::move(tasks));
    const ThreadPoolStats after = pool.stats();
    EXPECT_EQ(after.begun, 4u);
    EXPECT_EQ(after.queued, 0u);
    EXPECT_GT(after.longest_wait, 0ns);
    EXPECT_GE(after.waited, after.longest_wait);
  });
}

// F83: they meet, so they run at the same time
TEST(ThreadPool, ForProcessorsRunsCallsAtTheSameTime) {
  test::run([]() -> Task<> {
    ThreadPool pool = cpu_pool();
    EXPECT_EQ(pool.stats().most_threads, available_cpus());
    if (available_cpus() < 2) co_return;
    std::barrier meeting(2);
    const auto meet = [&meeting] { meeting.arrive_and_wait(); };
    co_await gather(pool.submit(meet), pool.submit(meet));
  });
}

// One is woken, and wakes the next before it runs anything.
TEST(ThreadPool, WakesAThreadForEachOfSeveralCalls) {
  test::run([]() -> Task<> {
    constexpr std::size_t many = 4;
    ThreadPool pool(many);
    for (int round = 0; round < 100; ++round) {
      std::barrier meeting(many);
      std::vector<JoinHandle<>> calls;
      while (calls.size() < many) {
        calls.push_back(spawn(pool.submit([&meeting] { meeting.arrive_and_wait(); })));
      }
      co_await gather(std::move(calls));
    }
    EXPECT_EQ(pool.stats().threads, many);
  });
}

TEST(ThreadPool, GivesBackInOrderWhatEndedWhileTheLoopDidOtherThings) {
  test::run([]() -> Task<> {
    constexpr int many = 10;
    ThreadPool pool(1);
    std::latch ended(many);
    std::vector<int> order;
    std::vector<JoinHandle<>> tasks;
    const auto call = [&](int number) -> Task<> {
      co_await pool.submit([&ended] { ended.count_down(); });
      order.push_back(number);
    };
    for (int i = 0; i < many; ++i) tasks.push_back(spawn(call(i)));
    co_await yield();
    ended.wait();
    co_await gather(std::move(tasks));
    EXPECT_TRUE(std::ranges::is_sorted(order));
    EXPECT_EQ(order.size(), static_cast<std::size_t>(many));
  });
}

TEST(ThreadPool, NeverRunsWhatIsCancelledInTheQueue) {
  static std::atomic<int> ran;
  ran = 0;
  test::run([]() -> Task<> {
    ThreadPool pool(1);
    Held held;
    const auto counts = [](int more) { ran += more; };
    auto first = spawn(pool.submit([&] { held.run(); }));
    auto second = spawn(pool.submit(counts, 1));
    auto third = spawn(pool.submit(abandon_on_cancel, counts, 10));
    auto fourth = spawn(pool.submit(counts, 100));
    co_await yield();
    held.wait_for_begin();
    second.cancel();
    third.cancel();
    co_await wait_until_done(second);
    co_await wait_until_done(third);
    EXPECT_TRUE(second.cancelled() && third.cancelled());
    EXPECT_EQ(pool.stats().queued, 1u);
    held.go();
    co_await gather(first, fourth);
    EXPECT_EQ(ran, 100);
  });
}

TEST(ThreadPool, RunsWhatIsQueuedBeforeItEnds) {
  test::run([]() -> Task<> {
    std::atomic<int> ran = 0;
    std::vector<JoinHandle<>> tasks;
    {
      ThreadPool pool(2);
      for (int i = 0; i < 20; ++i) tasks.push_back(run_in_executor(pool, [&] { ++ran; }));
    }
    EXPECT_EQ(ran, 20);
    co_await gather(std::move(tasks));
  });
}

TEST(ThreadPool, RefusesACallThatWaitsForItsOwnPool) {
  test::run([]() -> Task<> {
    ThreadPool pool(1), other(1);
    const auto nested = [](ThreadPool& inner) {
      return run([&]() -> Task<int> { co_return co_await inner.submit([] { return 7; }); });
    };
    std::string said;
    try {
      co_await pool.submit(nested, std::ref(pool));
    } catch (const UsageError& error) {
      said = error.what();
    }
    EXPECT_EQ(said, "a call of a thread pool waits for its own pool: give it another one");
    EXPECT_EQ(co_await pool.submit(nested, std::ref(other)), 7);
    EXPECT_EQ(co_await pool.submit([] {
      return run([]() -> Task<int> { co_return co_await to_thread([] { return 8; }); });
    }), 8) << "another loop has another pool";
  });
}

TEST(ThreadPool, ServesSeveralLoops) {
  ThreadPool pool(2);
  std::atomic<int> sum = 0;
  {
    std::vector<std::jthread> loops;
    for (int i = 0; i < 3; ++i) {
      loops.emplace_back([&] {
        run([&]() -> Task<> {
          for (int k = 0; k < 100; ++k) sum += co_await pool.submit([k] { return k; });
        });
      });
    }
  }
  EXPECT_EQ(sum, 3 * 4950);
  EXPECT_EQ(pool.stats().begun, 300u);
}

TEST(ThreadPool, RefusesWhatCannotBeRun) {
  EXPECT_THROW(ThreadPool(0), UsageError);
  test::run([]() -> Task<> {
    std::optional<ThreadPool> pool(std::in_place, 1);
    auto late = pool->submit([] {});
    pool.reset();
    bool refused = false;
    try {
      co_await std::move(late);
    } catch (const UsageError&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
  });
}

TEST(ThreadPool, EndsWhileALoopThatItServedGoesOn) {
  test::run([]() -> Task<> {
    Held held;
    std::optional<ThreadPool> pool(std::in_place, 1);
    auto task = spawn(pool->submit([&] { held.run(); }));
    co_await yield();
    held.wait_for_begin();
    held.go();
    pool.reset();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
  });
}

}  // namespace
