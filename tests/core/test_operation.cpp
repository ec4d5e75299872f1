#include "kernel.hpp"
#include "support/allocations.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::Pipe;
using test::wait_until_done;

// Growth of what lives in every waiting frame should be noticed.
static_assert(sizeof(Waiter) <= 48);
static_assert(sizeof(Operation) <= 128);
static_assert(sizeof(Timer) <= 24);
static_assert(sizeof(TaskState) <= 256);

TEST(Operation, ReturnsWhatTheKernelReturned) {
  test::run([&]() -> Task<> {
    Pipe pipe;
    pipe.put("hello");
    char buffer[16];
    EXPECT_EQ(co_await test::read(pipe.out.get(), buffer, sizeof buffer), 5);
    EXPECT_EQ(std::string_view(buffer, 5), "hello");
  });
}

TEST(Operation, ThrowsAnErrorWithItsNameAndErrno) {
  test::run([&]() -> Task<> {
    char buffer[1];
    try {
      co_await test::read(-1, buffer, 1);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code().value(), EBADF);
      EXPECT_STREQ(error.what(), "read: Bad file descriptor");
    }
    const auto result = co_await as_result(test::read(-1, buffer, 1));
    EXPECT_EQ(result.error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(co_await test::nop(), 0) << "the loop goes on";
  });
}

// C2: a request that is pending keeps the operation from starting
TEST(Operation, IsNotStartedWhenACancelIsPending) {
  test::run([&]() -> Task<> {
    Pipe pipe;
    pipe.put("x");
    auto task = spawn([&]() -> Task<> {
      this_task().cancel();
      char byte;
      co_await test::read(pipe.out.get(), &byte, 1);
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    char byte = 0;
    EXPECT_EQ(::read(pipe.out.get(), &byte, 1), 1) << "the byte is still there";
  });
}

// C1, C13
TEST(Operation, IsCancelledWhileInFlight) {
  test::run([&]() -> Task<> {
    Pipe pipe;
    auto task = spawn([&]() -> Task<> {
      char byte;
      co_await test::read(pipe.out.get(), &byte, 1);
    });
    co_await test::settle();
    EXPECT_TRUE(task.cancel());
    EXPECT_TRUE(task.cancel()) << "absorbed by the one that is under way";
    EXPECT_FALSE(task.done()) << "the frame waits for the last completion";
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
  });
}

// C13: whichever was first, no byte is lost
TEST(Operation, LosesNothingWhenTheResultArrivesWithTheCancel) {
  int returned = 0;
  int kept = 0;
  test::run([&]() -> Task<> {
    for (int round = 0; round < 200; ++round) {
      Pipe pipe;
      int got = 0;
      auto task = spawn([&]() -> Task<> {
        char byte;
        got = co_await test::read(pipe.out.get(), &byte, 1);
        co_await yield();
      });
      co_await test::settle(1 + round % 3);
      if (round % 2) {
        pipe.put("x");
        task.cancel();
      } else {
        task.cancel();
        pipe.put("x");
      }
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled()) << "delivered in the operation or at the next wait";
      char byte;
      ::fcntl(pipe.out.get(), F_SETFL, O_NONBLOCK);
      const bool still_there = ::read(pipe.out.get(), &byte, 1) == 1;
      EXPECT_NE(got == 1, still_there);
      ++(got == 1 ? returned : kept);
    }
  });
  EXPECT_GT(returned + kept, 0);
}

// C13: the completion was reaped already
TEST(Operation, ReturnsItsResultWhenCancelledInTheTurnItWasWoken) {
  test::run([&]() -> Task<> {
    bool returned = false;
    JoinHandle<> task;
    // Both wake in the same turn; the first cancels the second, which has its completion already.
    auto first = spawn([&]() -> Task<> {
      co_await test::nop();
      EXPECT_FALSE(returned);
      task.cancel();
    });
    task = spawn([&]() -> Task<> {
      EXPECT_EQ(co_await test::nop(), 0);
      returned = true;
      co_await yield();
      ADD_FAILURE() << "the request was lost";
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(returned);
    EXPECT_TRUE(task.cancelled());
    co_await first;
  });
}

TEST(Operation, IsCancelledByALoopThatCloses) {
  Pipe pipe;
  bool cancelled = false;
  {
    Loop loop(test::options());
    const auto reader = [&]() -> Task<> {
      try {
        char byte;
        co_await test::read(pipe.out.get(), &byte, 1);
      } catch (const Cancelled&) {
        cancelled = true;
        throw;
      }
    };
    loop.spawn(reader());
    loop.turn();
    loop.turn();
    EXPECT_EQ(loop.stats().in_flight, 2u) << "the read, and the loop's own poll";
    loop.close();
    EXPECT_EQ(loop.stats().in_flight, 0u);
  }
  EXPECT_TRUE(cancelled);
}

// Nothing is lost when the queues are tiny: operations wait for a place, in order.
TEST(Operation, WaitsForAPlaceInTinyQueues) {
  test::run(
      [&]() -> Task<> {
        int done = 0;
        std::vector<JoinHandle<>> tasks;
        for (int i = 0; i < 1000; ++i) {
          tasks.push_back(spawn([&]() -> Task<> {
            for (int k = 0; k < 10; ++k) {
              co_await test::nop();
              ++done;
            }
          }));
        }
        co_await test::settle(1);
        EXPECT_GT(Loop::current().stats().queued, 900u);
        for (auto& task : tasks) co_await task;
        EXPECT_EQ(done, 10'000);
      },
      {.submission_entries = 2, .completion_entries = 4});
}

TEST(Operation, IsCancelledWhileItWaitsForAPlace) {
  test::run(
      [&]() -> Task<> {
        Pipe pipe;
        std::vector<JoinHandle<>> tasks;
        for (int i = 0; i < 50; ++i) {
          tasks.push_back(spawn([&]() -> Task<> {
            char byte;
            co_await test::read(pipe.out.get(), &byte, 1);
          }));
        }
        co_await test::settle(1);
        EXPECT_GT(Loop::current().stats().queued, 40u);
        for (auto& task : tasks) task.cancel();
        for (auto& task : tasks) co_await wait_until_done(task);
        for (auto& task : tasks) EXPECT_TRUE(task.cancelled());
      },
      {.submission_entries = 2, .completion_entries = 4});
}

// A server's idle connections do not keep others from the kernel.
TEST(Operation, PassesThoseThatWaitForSomebodyElse) {
  test::run(
      [&]() -> Task<> {
        Pipe silent, pipe;
        std::vector<JoinHandle<>> tasks;
        for (int i = 0; i < 1000; ++i) {
          tasks.push_back(spawn([&]() -> Task<> {
            char byte;
            co_await test::read(silent.out.get(), &byte, 1);
          }));
        }
        auto last = spawn([&]() -> Task<> {
          char byte;
          co_await test::read(pipe.out.get(), &byte, 1);
        });
        EXPECT_EQ(::write(pipe.in.get(), "x", 1), 1);
        co_await last;
        const auto turns = Loop::current().stats().turns;
        co_await sleep(1s);
        EXPECT_LT(Loop::current().stats().turns - turns, 20u) << "it sleeps";
        const std::string all(1000, 'x');
        EXPECT_EQ(::write(silent.in.get(), all.data(), all.size()), 1000);
        for (auto& task : tasks) co_await task;
      },
      {.submission_entries = 2, .completion_entries = 4});
}

TEST(Operation, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([&]() -> Task<> {
    std::size_t before = 0;
    for (int i = 0; i < 1000; ++i) {
      if (i == 500) before = test::allocations();
      co_await test::nop();
      co_await as_result(test::nop());
    }
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
