// A task of another thread's loop, stopped through the future of run_from_thread().
#include "support/failing_memory.hpp"
#include "support/run.hpp"

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <new>
#include <thread>
#include <vector>

namespace {

using namespace eddy;

Task<> waits(std::latch* begun = nullptr) {
  if (begun) begun->count_down();
  co_await Event().wait();
}

// A loop on a thread of its own, which runs until it is told to end.
class LoopThread {
 public:
  LoopThread() {
    std::promise<Loop*> made;
    auto loop = made.get_future();
    thread_ = std::thread([made = std::move(made)]() mutable {
      Loop own;
      made.set_value(&own);
      const auto for_ever = []() -> Task<> { co_await sleep(std::chrono::years(1)); };
      EXPECT_THROW(own.run(for_ever()), UsageError) << "stopped";
    });
    loop_ = loop.get();
  }
  ~LoopThread() { end(); }

  Loop& loop() { return *loop_; }
  void end() {
    if (!thread_.joinable()) return;
    loop_->post([loop = loop_] { loop->stop(); });
    thread_.join();
  }

 private:
  Loop* loop_;
  std::thread thread_;
};

// L9, asyncio: run_coroutine_threadsafe(...).cancel()
TEST(RunFromThread, IsCancelledThroughItsFuture) {
  LoopThread thread;
  std::latch begun(1);
  ThreadFuture<void> future = run_from_thread(thread.loop(), waits(&begun));
  begun.wait();
  EXPECT_TRUE(future.cancel("enough"));
  try {
    future.get();
    ADD_FAILURE() << "a value";
  } catch (const Cancelled& cancelled) {
    EXPECT_EQ(cancelled.message(), "enough");
  }
  EXPECT_FALSE(future.cancel()) << "it has ended";
}

TEST(RunFromThread, IsCancelledWhileAnotherThreadWaitsForIt) {
  LoopThread thread;
  ThreadFuture<void> future = run_from_thread(thread.loop(), waits());
  std::thread other([&] { EXPECT_TRUE(future.cancel()); });
  EXPECT_THROW(future.get(), Cancelled);
  other.join();
}

TEST(RunFromThread, ThatCleansUpGivesWhatItEndsWith) {
  LoopThread thread;
  std::latch begun(1);
  const auto stubborn = [](std::latch& latch) -> Task<int> {
    latch.count_down();
    try {
      co_await sleep(std::chrono::years(1));
    } catch (const Cancelled&) {
      co_return 5;
    }
    co_return 6;
  };
  auto future = run_from_thread(thread.loop(), stubborn(begun));
  begun.wait();
  EXPECT_TRUE(future.cancel());
  EXPECT_EQ(future.get(), 5);
}

TEST(RunFromThread, ThatHasEndedIsNotCancelled) {
  LoopThread thread;
  const auto value = []() -> Task<int> { co_return 1; };
  auto future = run_from_thread(thread.loop(), value());
  future.wait();
  EXPECT_FALSE(future.cancel());
  EXPECT_EQ(future.get(), 1);
  EXPECT_FALSE(future.cancel());
  EXPECT_FALSE(ThreadFuture<int>().cancel()) << "of nothing";
}

TEST(RunFromThread, CanBeCancelledWhenItsLoopIsGone) {
  LoopThread thread;
  auto waiting = run_from_thread(thread.loop(), waits());
  auto shared = run_from_thread(thread.loop(), waits()).share();
  std::future<void> plain = run_from_thread(thread.loop(), waits());
  thread.end();
  EXPECT_FALSE(waiting.cancel());
  EXPECT_THROW(waiting.get(), Cancelled) << "by the end of the loop";
  EXPECT_THROW(shared.get(), Cancelled);
  EXPECT_THROW(plain.get(), Cancelled);
}

TEST(RunFromThread, CanBeCancelledByManyThreadsWhileItEndsAndItsLoopDies) {
  LoopThread thread;
  std::vector<ThreadFuture<void>> futures;
  for (int i = 0; i < 200; ++i) {
    futures.push_back(run_from_thread(thread.loop(), i % 2 == 0 ? waits() : test::settle(i % 7)));
  }
  std::atomic<int> asked = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (const auto& future : futures) asked += future.cancel();
    });
  }
  thread.end();
  for (auto& other : threads) other.join();
  for (auto& future : futures) {
    EXPECT_FALSE(future.cancel());
    try {
      future.get();
    } catch (const Cancelled&) {  // asked, or closed
    }
  }
  EXPECT_LE(asked, 600);
}

// C3, on a loop that another thread's turns drive
TEST(ThreadFuture, CancelsWhatHasNotBegun) {
  Loop loop(test::options());
  auto future = run_from_thread(loop, []() -> Task<> {
    ADD_FAILURE() << "began";
    co_return;
  }());
  EXPECT_TRUE(future.cancel("early"));
  while (loop.turn()) {
  }
  EXPECT_THROW(future.get(), Cancelled);
}

TEST(ThreadFuture, OfALoopThatClosesBeforeItBeginsHasNothingToCancel) {
  ThreadFuture<int> asked, not_asked;
  {
    Loop loop(test::options());
    const auto value = []() -> Task<int> { co_return 1; };
    asked = run_from_thread(loop, value());
    not_asked = run_from_thread(loop, value());
    EXPECT_TRUE(asked.cancel());
    loop.close();
    EXPECT_FALSE(not_asked.cancel());
  }
  EXPECT_FALSE(asked.cancel());
  EXPECT_THROW(asked.get(), std::future_error);
  EXPECT_THROW(not_asked.get(), std::future_error);
}

TEST(ThreadFuture, WithoutMemoryForACancelAsksNothing) {
  const auto failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
    Loop loop(test::options());
    auto future = run_from_thread(loop, waits());
    while (loop.stats().tasks == 0) loop.turn();
    memory.arm();
    bool asked = false;
    try {
      asked = future.cancel("a reason that is too long to be kept in the object itself");
    } catch (const std::bad_alloc&) {
    }
    memory.disarm();
    EXPECT_EQ(asked, !memory.failed());
    for (int i = 0; i < 5; ++i) loop.turn();
    EXPECT_EQ(future.wait_for(0s) == std::future_status::ready, asked);
    loop.close();
    EXPECT_THROW(future.get(), Cancelled);
  });
  EXPECT_GT(failed, 0u);
}

}  // namespace
