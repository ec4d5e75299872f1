#include "kernel.hpp"
#include "support/run.hpp"

#include <latch>
#include <thread>

namespace {

using namespace eddy;
using namespace std::chrono_literals;

// A task that waits until it is told, from a callback on the loop.
struct Gate {
  Task<> wait() {
    while (!open) co_await yield();
  }
  bool open = false;
};

// L9
TEST(Post, WakesALoopThatSleeps) {
  Loop loop;
  std::latch ready(1);
  std::thread thread([&] {
    ready.wait();
    loop.post([&] { loop.stop(); });
  });
  const auto for_ever = []() -> Task<> { co_await sleep(1h); };
  loop.post([&] { ready.count_down(); });
  EXPECT_THROW(loop.run(for_ever()), UsageError) << "stopped";
  thread.join();
}

TEST(Post, KeepsTheOrderOfEachThreadAndLosesNone) {
  Loop loop;
  constexpr int threads = 4;
  constexpr int each = 2500;
  std::vector<int> next(threads, 0);
  int total = 0;
  bool in_order = true;
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        loop.post([&, t, i] {
          in_order &= next[static_cast<std::size_t>(t)]++ == i;
          if (++total == threads * each) loop.stop();
        });
      }
    });
  }
  const auto for_ever = []() -> Task<> { co_await sleep(1h); };
  EXPECT_THROW(loop.run(for_ever()), UsageError);
  for (auto& thread : all) thread.join();
  EXPECT_EQ(total, threads * each);
  EXPECT_TRUE(in_order);
  EXPECT_EQ(loop.stats().posts, static_cast<std::uint64_t>(threads * each));
}

TEST(Post, RunsACallbackOfItsOwnThread) {
  test::run([&]() -> Task<> {
    bool ran = false;
    Loop::current().post([&] { ran = true; });
    EXPECT_FALSE(ran) << "never inline";
    co_await test::settle(2);
    EXPECT_TRUE(ran);
  });
}

// L6
TEST(Post, ReportsWhatACallbackThrowsAndGoesOn) {
  Loop loop(test::options());
  int reported = 0;
  loop.on_exception([&](const ExceptionReport& report) {
    ++reported;
    EXPECT_TRUE(report.exception);
  });
  bool second = false;
  loop.post([] { throw std::runtime_error("bad"); });
  loop.post([&] { second = true; });
  loop.turn();
  loop.turn();
  EXPECT_EQ(reported, 1);
  EXPECT_TRUE(second);
}

TEST(RunFromThread, BringsTheValueAndTheExceptionBack) {
  Loop loop;
  std::thread thread([&] {
    const auto value = []() -> Task<std::unique_ptr<int>> {
      co_await sleep(1ms);
      co_return std::make_unique<int>(5);
    };
    const auto failure = []() -> Task<int> {
      co_await yield();
      throw std::runtime_error("from the loop");
    };
    const auto nothing = []() -> Task<> { co_return; };
    EXPECT_EQ(*run_from_thread(loop, value()).get(), 5);
    EXPECT_THROW(run_from_thread(loop, failure()).get(), std::runtime_error);
    run_from_thread(loop, nothing()).get();
    loop.post([&] { loop.stop(); });
  });
  const auto for_ever = []() -> Task<> { co_await sleep(1h); };
  EXPECT_THROW(loop.run(for_ever()), UsageError);
  thread.join();
}

TEST(RunFromThread, BreaksItsPromiseWhenTheLoopCloses) {
  std::future<int> result;
  {
    Loop loop(test::options());
    const auto value = []() -> Task<int> { co_return 1; };
    result = run_from_thread(loop, value());
  }
  EXPECT_THROW(result.get(), std::future_error);
}

}  // namespace
