// Firing takes no memory: what it takes was there when the timers were armed.
#include "support/run.hpp"

#include "support/failing_memory.hpp"

#include <deque>

namespace {

using namespace eddy;
using namespace eddy::internal;

struct Counted : Timer {
  explicit Counted(int& fired) : Timer(&fire), fired(fired) {}
  static void fire(Timer& timer) { ++static_cast<Counted&>(timer).fired; }
  int& fired;
};

// Heap and young ones in turn, in every number around which places are made.
TEST(Timers, TakeNoMemoryToFire) {
  for (const int sorted : {0, 1, 31, 32, 33, 63, 64, 100, 5000}) {
    for (const int young : {1, 31, 32, 33, 64, 65, 1000, 1023, 1024, 1025, 3000}) {
      int fired = 0;
      TimerQueue queue;
      std::deque<Counted> timers;
      for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < std::max(sorted, young); ++i) {
          const Instant deadline(std::chrono::nanoseconds(1 + i % 2));
          if (i < sorted) queue.arm(timers.emplace_back(fired), deadline);
          if (i < young) queue.arm_young(timers.emplace_back(fired), deadline);
        }
        const auto armed = static_cast<std::size_t>(sorted + young);
        ASSERT_EQ(queue.size(), armed);
        test::FailingMemory memory(1, 1000);
        memory.arm();
        queue.fire_until(Instant(std::chrono::nanoseconds(1)));
        const auto left = queue.size();
        queue.fire_until(Instant(std::chrono::nanoseconds(2)));
        memory.disarm();
        ASSERT_FALSE(memory.failed()) << sorted << " and " << young;
        ASSERT_LT(left, armed);
        ASSERT_TRUE(queue.empty());
      }
      ASSERT_EQ(fired, 3 * (sorted + young));
    }
  }
}

// What fired makes room for the next ones; where there is no memory for them, none is lost.
TEST(Timers, AreAllThereWhenThereIsNoMemoryForOneMore) {
  const std::size_t failed = test::fail_each_allocation([](test::FailingMemory& memory) {
    int fired = 0;
    std::size_t armed = 0;
    TimerQueue queue;
    std::deque<Counted> timers;
    for (int i = 0; i < 4000; ++i) timers.emplace_back(fired);
    memory.arm();
    for (auto& timer : timers) {
      try {
        const Instant deadline(std::chrono::nanoseconds(armed % 7 + 1));
        armed % 3 ? queue.arm_young(timer, deadline) : queue.arm(timer, deadline);
        ++armed;
      } catch (const std::bad_alloc&) {
      }
    }
    memory.disarm();
    EXPECT_EQ(queue.size(), armed);
    queue.fire_until(Instant(std::chrono::nanoseconds(7)));
    EXPECT_EQ(static_cast<std::size_t>(fired), armed);
    EXPECT_TRUE(queue.empty());
  });
  EXPECT_GT(failed, 0u);
}

}  // namespace
