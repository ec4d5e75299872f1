#include "support/allocations.hpp"
#include "support/run.hpp"

#include <eddy/core/as_result.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/sync/barrier.hpp>
#include <eddy/sync/queue.hpp>

#include <gtest/gtest.h>

namespace {

using namespace eddy;

// What is a value to who waits is no exception on its way there.
TEST(FailuresOfSync, AllocateNothingWhereTheyAreValues) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  Queue<int> queue(1);
  queue.shutdown();
  Barrier barrier(2);
  barrier.abort();
  const auto body = [&]() -> Task<> {
    const auto got = co_await as_result(queue.get());
    EXPECT_EQ(got.error().value(), QueueShutDown::number);
    const auto put = co_await as_result(queue.put(1));
    EXPECT_EQ(put.error().value(), QueueShutDown::number);
    const auto met = co_await as_result(barrier.wait());
    EXPECT_EQ(met.error().value(), BrokenBarrier::number);
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(body()); }), 0u);
}

}  // namespace
