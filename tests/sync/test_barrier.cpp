#include "support/allocations.hpp"
#include "support/run.hpp"

#include <set>

namespace {

using namespace eddy;
using test::wait_until_done;

// K7: each has an index of its own, round after round
TEST(Barrier, LetsAllThroughTogetherWithAnIndexEach) {
  test::run([]() -> Task<> {
    Barrier barrier(3);
    int arrived = 0;
    std::multiset<std::size_t> indices;
    const auto work = [&]() -> Task<> {
      for (int round = 1; round <= 4; ++round) {
        ++arrived;
        indices.insert(co_await barrier.wait());
        EXPECT_GE(arrived, 3 * round);
      }
    };
    co_await gather(work(), work(), work());
    EXPECT_EQ(indices, (std::multiset<std::size_t>{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2}));
    EXPECT_EQ(barrier.n_waiting(), 0u);
    EXPECT_EQ(barrier.parties(), 3u);
  });
}

// K7
TEST(Barrier, IsForSomebody) {
  EXPECT_THROW(Barrier(0), UsageError);
  test::run([]() -> Task<> {
    Barrier alone(1);
    EXPECT_EQ(co_await alone.wait(), 0u);
    EXPECT_EQ(co_await alone.wait(), 0u);
  });
}

// K7: who comes while a round leaves belongs to the next one
TEST(Barrier, KeepsNewcomersForTheNextRound) {
  test::run([]() -> Task<> {
    Barrier barrier(2);
    auto first = spawn([&]() -> Task<> { co_await barrier.wait(); });
    co_await yield();
    co_await barrier.wait();  // completes the round; the first one has not run yet
    auto next = spawn([&]() -> Task<> { co_await barrier.wait(); }, {.eager = true});
    EXPECT_FALSE(first.done());
    co_await first;
    EXPECT_FALSE(next.done());
    EXPECT_EQ(barrier.n_waiting(), 1u);
    co_await barrier.wait();
    co_await next;
  });
}

// K7, C1, C3: only the number of those who wait is lowered
TEST(Barrier, ForgetsAWaiterThatIsCancelled) {
  for (const int turns : {0, 1, 2}) {
    test::run([&]() -> Task<> {
      Barrier barrier(2);
      auto gone = spawn([&]() -> Task<> { co_await barrier.wait(); });
      for (int i = 0; i < turns; ++i) co_await yield();
      gone.cancel();
      co_await wait_until_done(gone);
      EXPECT_TRUE(gone.cancelled());
      EXPECT_EQ(barrier.n_waiting(), 0u);
      auto other = spawn([&]() -> Task<> { co_await barrier.wait(); });
      co_await barrier.wait();
      co_await other;
      EXPECT_FALSE(barrier.broken());
    });
  }
}

// K7, C4: cancelled in the turn in which its round was complete: the others have passed
TEST(Barrier, LetsTheOthersThroughWhenOneIsCancelledInTheLastTurn) {
  test::run([]() -> Task<> {
    Barrier barrier(2);
    auto waiter = spawn([&]() -> Task<> { co_await barrier.wait(); });
    co_await yield();
    EXPECT_EQ(co_await barrier.wait(), 1u);
    waiter.cancel();
    co_await wait_until_done(waiter);
    EXPECT_TRUE(waiter.cancelled());
    EXPECT_EQ(barrier.n_waiting(), 0u);
  });
}

// K7: usable after reset(), broken after abort()
TEST(Barrier, IsBrokenForThoseWhoWait) {
  test::run([]() -> Task<> {
    Barrier barrier(3);
    const auto work = [&]() -> Task<> { co_await barrier.wait(); };
    auto a = spawn(work()), b = spawn(work());
    co_await yield();
    barrier.reset();
    EXPECT_THROW(co_await a, BrokenBarrier);
    EXPECT_THROW(co_await b, BrokenBarrier);
    EXPECT_FALSE(barrier.broken());
    auto c = spawn(work());
    co_await yield();
    barrier.abort();
    EXPECT_TRUE(barrier.broken());
    EXPECT_THROW(co_await c, BrokenBarrier);
    EXPECT_THROW(co_await barrier.wait(), BrokenBarrier);
    barrier.reset();
    co_await gather(work(), work(), work());
  });
}

// K7, C4
TEST(Barrier, IsCancelledRatherThanBroken) {
  test::run([]() -> Task<> {
    Barrier barrier(2);
    auto task = spawn([&]() -> Task<> { co_await barrier.wait(); });
    co_await yield();
    barrier.abort();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
  });
}

// K8, F02
TEST(Barrier, BelongsToALoopAndEndsWithIt) {
  Barrier barrier(2);
  const auto waits = [&]() -> Task<> { co_await timeout(1ms, barrier.wait()); };
  Loop first(test::options()), second(test::options());
  EXPECT_THROW(first.run(waits()), TimeoutError);
  EXPECT_THROW(second.run(waits()), UsageError);
  Barrier left(2);
  test::run([&]() -> Task<> {
    spawn([&]() -> Task<> { co_await left.wait(); });
    co_await test::settle();
  });
  EXPECT_EQ(left.n_waiting(), 0u);
}

TEST(Barrier, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  const auto rounds = []() -> Task<> {
    Barrier barrier(3);
    const auto waits = [&]() -> Task<> { static_cast<void>(co_await as_outcome(barrier.wait())); };
    auto gone = spawn(waits());
    co_await yield();
    gone.cancel();
    auto a = spawn(waits()), b = spawn(waits());
    co_await yield();
    co_await barrier.wait();
    while (!a.done() || !b.done() || !gone.done()) co_await yield();
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(rounds()); }), 0u);
}

}  // namespace
