#include "support/run.hpp"

#include <eddy/work/internal/blocking_calls.hpp>

#include <latch>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::wait_until_done;

// A call that takes until it is let go.
class Held : public BlockingCall {
 public:
  explicit Held(std::latch* dropped = nullptr) : dropped_(dropped) {}
  ~Held() override { if (dropped_) dropped_->count_down(); }
  void run() noexcept override {
    ran_on = std::this_thread::get_id();
    begun.count_down();
    go.wait();
  }

  std::latch begun{1};
  std::latch go{1};
  std::thread::id ran_on;

 private:
  std::latch* dropped_;
};
using HeldCall = std::shared_ptr<Held>;

Task<> make(std::shared_ptr<BlockingCall> call) { co_await WaitForCall(std::move(call)); }

// All threads but one are in a call that is held, so that the one makes its calls in their order.
class OneThread {
 public:
  OneThread() {
    for (auto& call : held_) call = std::make_shared<Held>();
    for (auto& call : held_) tasks_.push_back(spawn(make(call)));
  }
  Task<> begin() {
    co_await test::settle(2);
    for (auto& call : held_) call->begun.wait();
  }
  Task<> end() {
    for (auto& call : held_) call->go.count_down();
    co_await gather(std::move(tasks_));
  }

 private:
  std::array<HeldCall, BlockingCalls::most_threads - 1> held_;
  std::vector<JoinHandle<>> tasks_;
};

TEST(BlockingCalls, RunOnAnotherThreadWhileTheLoopGoesOn) {
  test::run([]() -> Task<> {
    const auto call = std::make_shared<Held>();
    auto task = spawn(make(call));
    co_await yield();
    call->begun.wait();
    EXPECT_FALSE(task.done());
    co_await test::settle();
    call->go.count_down();
    co_await task;
    EXPECT_NE(call->ran_on, std::this_thread::get_id());
  });
}

TEST(BlockingCalls, QueueWhenEveryThreadIsInACall) {
  test::run([]() -> Task<> {
    std::vector<HeldCall> calls;
    std::vector<JoinHandle<>> tasks;
    for (unsigned i = 0; i < 2 * BlockingCalls::most_threads; ++i) {
      calls.push_back(std::make_shared<Held>());
      tasks.push_back(spawn(make(calls.back())));
    }
    co_await test::settle(2);
    for (unsigned i = 0; i < BlockingCalls::most_threads; ++i) calls[i]->begun.wait();
    for (unsigned i = BlockingCalls::most_threads; i < calls.size(); ++i) {
      EXPECT_FALSE(calls[i]->begun.try_wait());
    }
    for (auto& call : calls) call->go.count_down();
    co_await gather(std::move(tasks));
  });
}

TEST(BlockingCalls, AreNotHeldByThoseThatHang) {
  test::run([]() -> Task<> {
    std::vector<HeldCall> hanging;
    std::vector<JoinHandle<>> tasks;
    for (unsigned i = 0; i < 2 * BlockingCalls::most_threads; ++i) {
      hanging.push_back(std::make_shared<Held>());
      hanging.back()->may_hang(true);
      tasks.push_back(spawn(make(hanging.back())));
    }
    co_await test::settle(2);
    for (auto& call : hanging) call->begun.wait();
    tasks.front().cancel();  // the thread is not free by that
    co_await wait_until_done(tasks.front());
    std::vector<JoinHandle<>> others;
    for (unsigned i = 0; i < 2 * BlockingCalls::most_threads; ++i) {
      const auto quick = std::make_shared<Held>();
      quick->go.count_down();
      others.push_back(spawn(make(quick)));
    }
    co_await gather(std::move(others));
    for (auto& call : hanging) call->go.count_down();
    for (auto& task : tasks) co_await wait_until_done(task);
  });
}

TEST(BlockingCalls, ThatHungLeaveNoMoreThreadsThanBefore) {
  test::run([]() -> Task<> {
    std::vector<HeldCall> hanging, calls;
    std::vector<JoinHandle<>> tasks;
    for (unsigned i = 0; i < BlockingCalls::most_threads + 2; ++i) {
      hanging.push_back(std::make_shared<Held>());
      hanging.back()->may_hang(true);
      tasks.push_back(spawn(make(hanging.back())));
    }
    co_await test::settle(2);
    for (auto& call : hanging) {
      call->begun.wait();
      call->go.count_down();
    }
    co_await gather(std::move(tasks));
    for (unsigned i = 0; i < BlockingCalls::most_threads + 1; ++i) {
      calls.push_back(std::make_shared<Held>());
      tasks.push_back(spawn(make(calls.back())));
    }
    co_await test::settle(2);
    for (unsigned i = 0; i < BlockingCalls::most_threads; ++i) calls[i]->begun.wait();
    EXPECT_FALSE(calls.back()->begun.try_wait());
    for (auto& call : calls) call->go.count_down();
    co_await gather(std::move(tasks));
  });
}

TEST(BlockingCalls, UseAThreadAgain) {
  test::run([]() -> Task<> {
    OneThread one;
    co_await one.begin();
    std::thread::id before;
    for (int i = 0; i < 3; ++i) {
      const auto call = std::make_shared<Held>();
      call->go.count_down();
      co_await make(call);
      EXPECT_TRUE(i == 0 || call->ran_on == before);
      before = call->ran_on;
    }
    co_await one.end();
  });
}

TEST(BlockingCalls, LeaveSignalsToOtherThreads) {
  class Mask : public BlockingCall {
   public:
    void run() noexcept override { ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked); }
    sigset_t blocked{};
  };
  test::run([]() -> Task<> {
    const auto call = std::make_shared<Mask>();
    co_await make(call);
    EXPECT_EQ(::sigismember(&call->blocked, SIGTERM), 1);
    sigset_t here;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &here);
    EXPECT_EQ(::sigismember(&here, SIGTERM), 0);
  });
}

// C2, C3
TEST(BlockingCalls, AreNotMadeForATaskThatWasCancelledBefore) {
  test::run([]() -> Task<> {
    OneThread one;
    co_await one.begin();
    const auto call = std::make_shared<Held>();
    auto unstarted = spawn(make(call));
    unstarted.cancel();
    const auto cancels_itself = [](HeldCall held) -> Task<> {
      this_task().cancel();
      co_await WaitForCall(std::move(held));
    };
    auto pending = spawn(cancels_itself(call));
    co_await wait_until_done(unstarted);
    co_await wait_until_done(pending);
    EXPECT_TRUE(unstarted.cancelled() && pending.cancelled());
    const auto last = std::make_shared<Held>();
    last->go.count_down();
    co_await make(last);  // by the thread that would have made it
    EXPECT_FALSE(call->begun.try_wait());
    co_await one.end();
  });
}

// C1
TEST(BlockingCalls, AreAbandonedByACancelledWait) {
  std::latch dropped(1);
  test::run([&]() -> Task<> {
    auto call = std::make_shared<Held>(&dropped);
    auto task = spawn(make(call));
    co_await yield();
    call->begun.wait();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled()) << "while the thread goes on";
    call->go.count_down();
    call.reset();
  });
  dropped.wait();
}

TEST(BlockingCalls, AreTakenFromTheQueueByACancelledWait) {
  test::run([]() -> Task<> {
    OneThread one;
    co_await one.begin();
    const auto first = std::make_shared<Held>();
    const auto second = std::make_shared<Held>();
    const auto third = std::make_shared<Held>();
    auto running = spawn(make(first));
    auto queued = spawn(make(second));
    auto behind = spawn(make(third));
    co_await yield();
    first->begun.wait();
    queued.cancel();
    co_await wait_until_done(queued);
    EXPECT_TRUE(queued.cancelled());
    first->go.count_down();
    third->go.count_down();
    co_await gather(running, behind);
    EXPECT_FALSE(second->begun.try_wait());
    co_await one.end();
  });
}

// C4: the thread that begins the second call has answered the first
TEST(BlockingCalls, AreCancelledInTheTurnOfTheirAnswer) {
  for (const bool cancel_first : {false, true}) {
    test::run([&]() -> Task<> {
      OneThread one;
      co_await one.begin();
      const auto call = std::make_shared<Held>();
      const auto next = std::make_shared<Held>();
      auto task = spawn(make(call));
      auto other = spawn(make(next));
      co_await test::settle(2);
      call->begun.wait();
      const auto cancel = [&] { EXPECT_TRUE(task.cancel()); };
      if (cancel_first) Loop::current().post(cancel);
      call->go.count_down();
      next->begun.wait();
      if (!cancel_first) Loop::current().post(cancel);
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
      next->go.count_down();
      co_await other;
      co_await one.end();
    });
  }
}

// F02: a call that hangs does not hold the loop, and ends without it
TEST(BlockingCalls, DoNotHoldALoopThatCloses) {
  std::latch dropped(BlockingCalls::most_threads + 1);
  std::vector<HeldCall> calls;
  test::run([&]() -> Task<> {
    for (unsigned i = 0; i < BlockingCalls::most_threads + 1; ++i) {
      calls.push_back(std::make_shared<Held>(&dropped));
      spawn(make(calls.back()));
    }
    co_await test::settle(2);
    for (unsigned i = 0; i < BlockingCalls::most_threads; ++i) calls[i]->begun.wait();
  });
  for (auto& call : calls) call->go.count_down();
  EXPECT_FALSE(calls.back()->begun.try_wait());
  calls.clear();
  dropped.wait();
}

TEST(BlockingCalls, BelongToOneLoopEach) {
  std::latch dropped(1);
  const auto held = [&]() -> Task<HeldCall> {
    auto call = std::make_shared<Held>(&dropped);
    spawn(make(call));
    co_await yield();
    call->begun.wait();
    co_return call;
  };
  HeldCall call = test::run(held);
  for (int i = 0; i < 20; ++i) {
    test::run([]() -> Task<> {
      const auto quick = std::make_shared<Held>();
      quick->go.count_down();
      co_await make(quick);
    });
  }
  call->go.count_down();
  call.reset();
  dropped.wait();
}

// It has the loop's memory and none of its threads.
TEST(BlockingCalls, AreNoConcernOfAChild) {
  std::optional<Loop> loop(std::in_place, test::options());
  const auto quick = []() -> Task<> {
    const auto call = std::make_shared<Held>();
    call->go.count_down();
    co_await make(call);
  };
  loop->run(quick());
  const pid_t child = ::fork();
  if (child == 0) {
    loop.reset();
    ::_exit(0);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  loop->run(quick());
}

Task<> make_to_its_end(std::shared_ptr<BlockingCall> call) {
  co_await WaitForCall(std::move(call), true);
}

TEST(BlockingCalls, AreWaitedForToTheirEndWhereThatIsAskedFor) {
  test::run([]() -> Task<> {
    const auto call = std::make_shared<Held>();
    bool cancelled_later = false;
    auto task = spawn([&]() -> Task<> {
      co_await make_to_its_end(call);
      try {
        co_await yield();
        co_await sleep(1h);
      } catch (const Cancelled&) {
        cancelled_later = true;
      }
    });
    co_await yield();
    call->begun.wait();
    task.cancel();
    co_await test::settle();
    EXPECT_FALSE(task.done()) << "it goes on, and its end is told";
    call->go.count_down();
    co_await wait_until_done(task);
    EXPECT_TRUE(cancelled_later) << "the request waits for the next wait";
  });
}

TEST(BlockingCalls, ToTheirEndAreNotBegunOnceTheyAreCancelled) {
  test::run([]() -> Task<> {
    OneThread threads;
    co_await threads.begin();
    const auto first = std::make_shared<Held>(), second = std::make_shared<Held>();
    auto one = spawn(make_to_its_end(first));
    auto two = spawn(make_to_its_end(second));
    co_await yield();
    first->begun.wait();
    two.cancel();
    co_await wait_until_done(two);
    EXPECT_TRUE(two.cancelled());
    first->go.count_down();
    co_await one;
    EXPECT_FALSE(second->begun.try_wait());
    co_await threads.end();
  });
}

}  // namespace
