#include <eddy/core/internal/timers.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <vector>

namespace {

using namespace eddy;
using namespace eddy::internal;

struct Numbered : Timer {
  explicit Numbered(int number, std::vector<int>& fired)
      : Timer([](Timer& timer) {
          auto& self = static_cast<Numbered&>(timer);
          self.fired.push_back(self.number);
        }),
        number(number),
        fired(fired) {}
  int number;
  std::vector<int>& fired;
};

Instant at(long n) { return Instant(Duration(n)); }

// L2
TEST(TimerQueue, FiresInOrderOfDeadlineAndEqualOnesInOrderOfArming) {
  TimerQueue queue;
  std::vector<int> fired;
  std::deque<Numbered> timers;
  const long deadlines[] = {50, 10, 30, 10, 20, 10, 50};
  for (int i = 0; i < 7; ++i) queue.arm(timers.emplace_back(i, fired), at(deadlines[i]));
  EXPECT_EQ(queue.next(), at(10));
  queue.fire_until(at(49));
  EXPECT_EQ(fired, (std::vector{1, 3, 5, 4, 2}));
  queue.fire_until(at(50));
  EXPECT_EQ(fired, (std::vector{1, 3, 5, 4, 2, 0, 6}));
  EXPECT_TRUE(queue.empty());
}

TEST(TimerQueue, NeverFiresEarly) {
  TimerQueue queue;
  std::vector<int> fired;
  Numbered timer(0, fired);
  queue.arm(timer, at(100));
  queue.fire_until(at(99));
  EXPECT_TRUE(fired.empty());
  queue.cancel(timer);
  EXPECT_FALSE(timer.armed());
}

// L2, F06: against a multimap, with arming, cancelling and firing at random
TEST(TimerQueue, AgreesWithAModel) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    TimerQueue queue;
    std::vector<int> fired, expected;
    std::deque<Numbered> timers;
    std::multimap<long, int> model;
    std::vector<std::multimap<long, int>::iterator> places;
    long now = 0;
    for (int step = 0; step < 300; ++step) {
      if (random() % 3 != 0) {
        const long deadline = now + static_cast<long>(random() % 50);
        const int number = static_cast<int>(timers.size());
        auto& timer = timers.emplace_back(number, fired);
        if (random() % 2) {
          queue.arm(timer, at(deadline));
        } else {
          queue.arm_young(timer, at(deadline));
        }
        EXPECT_EQ(queue.deadline(timer), at(deadline));
        places.push_back(model.emplace(deadline, number));
      } else if (random() % 2 && !timers.empty()) {
        auto& timer = timers[random() % timers.size()];
        if (timer.armed()) model.erase(places[static_cast<std::size_t>(timer.number)]);
        queue.cancel(timer);
      } else {
        now += static_cast<long>(random() % 20);
        queue.fire_until(at(now));
        while (!model.empty() && model.begin()->first <= now) {
          expected.push_back(model.begin()->second);
          model.erase(model.begin());
        }
      }
      ASSERT_EQ(queue.size(), model.size());
      ASSERT_EQ(queue.empty(), model.empty());
      if (!model.empty()) {
        ASSERT_LE(queue.next(), at(model.begin()->first));
      }
      ASSERT_EQ(fired, expected) << "round " << round;
    }
    queue.fire_until(Instant::max());
  }
}

TEST(TimerQueue, HoldsAMillion) {
  TimerQueue queue;
  std::vector<int> fired;
  std::deque<Numbered> timers;
  std::mt19937 random(1);
  for (int i = 0; i < 1'000'000; ++i) {
    const Instant deadline = at(static_cast<long>(random() % 1'000'000));
    if (i % 3) {
      queue.arm(timers.emplace_back(i, fired), deadline);
    } else {
      queue.arm_young(timers.emplace_back(i, fired), deadline);
    }
  }
  for (int i = 0; i < 1'000'000; i += 2) queue.cancel(timers[static_cast<std::size_t>(i)]);
  EXPECT_EQ(queue.size(), 500'000u);
  queue.fire_until(at(1'000'000));
  EXPECT_EQ(fired.size(), 500'000u);
  EXPECT_TRUE(queue.empty());
}

// A timeout that is cancelled costs no place in the heap, and leaves no early wake-up for long.
TEST(TimerQueue, ForgetsTheYoungOnesThatWereCancelled) {
  TimerQueue queue;
  std::vector<int> fired;
  Numbered early(0, fired), late(1, fired);
  queue.arm_young(early, at(10));
  queue.arm_young(late, at(20));
  queue.cancel(early);
  EXPECT_EQ(queue.size(), 1u);
  queue.fire_until(at(10));
  EXPECT_EQ(queue.next(), at(20));
  queue.cancel(late);
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(fired.empty());
}

}  // namespace
