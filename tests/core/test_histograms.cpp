#include "kernel.hpp"
#include "support/allocations.hpp"
#include "support/run.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace {

using namespace eddy;

// -- Histogram --

TEST(Histogram, PutsEachValueBelowTheBoundOfItsBucketAndAboveTheOneBefore) {
  for (std::uint64_t power = 1; power < (std::uint64_t{1} << 40); power *= 2) {
    for (const std::uint64_t value : {power - 1, power, power + 1}) {
      const std::size_t bucket = Histogram::bucket_of(value);
      EXPECT_LE(value, Histogram::upper_bound(bucket));
      EXPECT_TRUE(bucket == 0 || value > Histogram::upper_bound(bucket - 1)) << value;
    }
  }
  EXPECT_EQ(Histogram::bucket_of(0), 0u);
  EXPECT_EQ(Histogram::bucket_of(Histogram::no_bound), Histogram::buckets - 1);
  EXPECT_EQ(Histogram::upper_bound(Histogram::buckets - 1), Histogram::no_bound);
}

TEST(Histogram, CountsSumsAndKeepsTheLargest) {
  Histogram histogram;
  for (const std::uint64_t value : {3, 4, 5, 1000}) histogram.add(value);
  EXPECT_EQ(histogram.count(), 4u);
  EXPECT_EQ(histogram.sum(), 1012u);
  EXPECT_EQ(histogram.max(), 1000u);
  EXPECT_EQ(histogram.in_bucket(2), 2u) << "3 and 4";
  EXPECT_EQ(histogram.in_bucket(3), 1u);
  EXPECT_EQ(histogram.in_bucket(10), 1u);
}

TEST(Histogram, GivesQuantilesThatAreNeverTooSmallAndLessThanTwiceWhatTheyAre) {
  std::mt19937_64 random(7);
  for (const std::size_t size : {1u, 2u, 3u, 100u, 1000u}) {
    Histogram histogram;
    std::vector<std::uint64_t> values;
    for (std::size_t i = 0; i < size; ++i) {
      values.push_back(1 + (random() >> (24 + random() % 40)));
      histogram.add(values.back());
    }
    std::ranges::sort(values);
    for (const double part : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const double rank = std::max(std::ceil(part * static_cast<double>(size)), 1.0);
      const std::uint64_t exact = values[static_cast<std::size_t>(rank) - 1];
      EXPECT_GE(histogram.quantile(part), exact);
      EXPECT_LT(histogram.quantile(part), 2 * exact) << part << " of " << size;
    }
    EXPECT_EQ(histogram.quantile(1), histogram.max());
  }
}

TEST(Histogram, HasNoQuantileOutsideOfItsParts) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), 0u) << "nothing was seen";
  histogram.add(0);
  EXPECT_EQ(histogram.quantile(0.5), 0u);
  histogram.add(Histogram::no_bound);
  EXPECT_EQ(histogram.quantile(1), Histogram::no_bound);
  for (const double part : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(static_cast<void>(histogram.quantile(part)), UsageError) << part;
  }
}

// -- of a loop --

Task<> steps(int count) {
  for (int i = 1; i < count; ++i) co_await yield();
}

void hold(Duration length) {
  const Instant start = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < start + length) {
  }
}

TEST(LoopHistograms, CountEachStepAndHowManyThereWereInATurn) {
  Loop loop(test::options({.histograms = true}));
  for (int i = 0; i < 5; ++i) loop.spawn(steps(3));
  while (loop.turn()) {
  }
  const Stats stats = loop.stats();
  EXPECT_EQ(stats.step_ns.count(), 15u);
  EXPECT_EQ(stats.step_ns.count(), stats.steps);
  EXPECT_EQ(stats.queue_length.count(), 3u) << "turns in which nothing runs are none of it";
  EXPECT_EQ(stats.queue_length.sum(), 15u);
  EXPECT_EQ(stats.queue_length.max(), 5u);
  EXPECT_EQ(stats.turn_ns.count(), 3u);
  EXPECT_GE(stats.turn_ns.sum(), stats.step_ns.sum());
}

TEST(LoopHistograms, CountCallbacksAsSteps) {
  Loop loop(test::options({.histograms = true}));
  loop.post([] {});
  loop.turn();
  EXPECT_EQ(loop.stats().step_ns.count(), 1u);
  EXPECT_EQ(loop.stats().queue_length.max(), 1u);
}

// Virtual time stands still during a step: a step takes real time.
TEST(LoopHistograms, TellTheStepThatHeldTheLoopFromTheOthers) {
  for (const bool debug : {false, true}) {
    Loop loop(test::options({.debug = debug, .histograms = true}));
    loop.on_exception([](const ExceptionReport&) {});
    loop.spawn([]() -> Task<> {
      hold(2ms);
      co_return;
    });
    for (int i = 0; i < 3; ++i) loop.spawn(steps(1));
    while (loop.turn()) {
    }
    const Stats stats = loop.stats();
    EXPECT_GE(Duration(stats.step_ns.max()), 2ms);
    EXPECT_GE(stats.turn_ns.max(), stats.step_ns.max());
    EXPECT_EQ(stats.step_ns.count(), 4u) << "also what has no task: none, here";
    EXPECT_EQ(stats.turn_ns.count(), 1u);
  }
}

TEST(LoopHistograms, AreEmptyUnlessAskedForWithDebugModeAsWell) {
  for (const bool debug : {false, true}) {
    Loop loop(test::options({.debug = debug}));
    loop.spawn(steps(3));
    while (loop.turn()) {
    }
    EXPECT_EQ(loop.stats().steps, 3u);
    EXPECT_EQ(loop.stats().step_ns.count(), 0u);
    EXPECT_EQ(loop.stats().queue_length.count(), 0u);
    EXPECT_EQ(loop.stats().turn_ns.count(), 0u);
  }
}

TEST(LoopHistograms, GoOnWhenDebugModeEnds) {
  Loop loop(test::options({.debug = true, .histograms = true}));
  loop.set_debug(false);
  loop.spawn(steps(3));
  while (loop.turn()) {
  }
  EXPECT_EQ(loop.stats().step_ns.count(), 3u);
}

TEST(LoopHistograms, AllocateNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP();
  Loop loop(test::options({.histograms = true}));
  EXPECT_EQ(test::allocations_of([&] { loop.run(steps(10)); }), 0u);
  EXPECT_GE(loop.stats().step_ns.count(), 40u);
}

// -- the tasks --

TEST(TaskCounts, TellWhoRunsWhoIsReadyAndWhoWaits) {
  test::run([]() -> Task<> {
    Loop& loop = Loop::current();
    auto sleeper = spawn(sleep(1s));
    auto other = spawn(sleep(1s));
    co_await yield();
    auto ready = spawn(steps(1));
    const TaskCounts counts = loop.count_tasks();
    EXPECT_EQ(counts.running, 1u);
    EXPECT_EQ(counts.ready, 1u);
    EXPECT_EQ(counts.waiting, 2u);
    co_await ready;
    co_await sleeper;
    co_await other;
  });
  EXPECT_EQ(Loop(test::options()).count_tasks().running, 0u);
}

}  // namespace
