#include "support/run.hpp"

#include <eddy/sync/queue.hpp>

#include <gtest/gtest.h>

namespace {

using namespace eddy;

// Q4, Q5: what is done with is not counted a second time
TEST(Queue, IsDoneWithWhenWhatIsDroppedWasCountedAsDoneBefore) {
  test::run([]() -> Task<> {
    Queue<int> queue;
    queue.put_nowait(1);
    queue.put_nowait(2);
    queue.task_done();
    queue.shutdown(true);
    co_await queue.join();
    EXPECT_THROW(queue.task_done(), UsageError);
  });
}

}  // namespace
