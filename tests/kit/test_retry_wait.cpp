#include <eddy/base/error.hpp>
#include <eddy/kit/retry_wait.hpp>

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace {

using namespace eddy;
using namespace std::chrono_literals;
using internal::RetryChance;

std::vector<Duration> waits(RetryWait wait, std::size_t count, std::uint64_t seed = 1) {
  RetryChance chance(seed);
  std::vector<Duration> lengths;
  Duration previous{};
  for (std::size_t attempts = 1; attempts <= count; ++attempts) {
    lengths.push_back(previous = wait.after(attempts, previous, chance));
  }
  return lengths;
}
using Lengths = std::vector<Duration>;

// F140, 4.1: 2, 2, 4, 8, 10, 10...
TEST(RetryWait, GrowsAsTenacitysDoes) {
  EXPECT_EQ(waits(wait_exponential(1s, {.min = 2s, .max = 10s}), 6),
            (Lengths{2s, 2s, 4s, 8s, 10s, 10s}));
  EXPECT_EQ(waits(wait_exponential(1s, {.base = 3}), 4), (Lengths{1s, 3s, 9s, 27s}));
  EXPECT_EQ(waits(wait_fixed(3s), 3), (Lengths{3s, 3s, 3s}));
  EXPECT_EQ(waits(RetryWait(), 2), (Lengths{0s, 0s}));
}

// tenacity#656: a power that no number can say is the longest wait there is, or the limit
TEST(RetryWait, DoesNotOverflow) {
  RetryChance chance(1);
  for (const std::size_t attempts : {64u, 1100u, 4000000000u}) {
    EXPECT_EQ(wait_exponential(1s, {.max = 7s}).after(attempts, {}, chance), 7s);
    EXPECT_EQ(wait_exponential(1s).after(attempts, {}, chance), Duration::max());
    EXPECT_EQ(wait_exponential(0s).after(attempts, {}, chance), 0s) << "none, however often";
    EXPECT_EQ(wait_exponential_jitter(1s, {}, 1h).after(attempts, {}, chance), Duration::max());
    EXPECT_GE(wait_random_exponential(1s).after(attempts, {}, chance), 0s);
  }
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(wait_exponential(1s, {.max = 9s, .base = infinity}).after(2, {}, chance), 9s);
  EXPECT_LE(wait_decorrelated(1s, 9s).after(2, Duration::max(), chance), 9s);
}

// edge 9
TEST(RetryWait, TakesLengthsBelowZeroForNone) {
  RetryChance chance(1);
  for (const RetryWait wait : {wait_fixed(-1s), wait_random(-2s, -1s), wait_exponential(-1s),
                               wait_fixed(Duration::min()), wait_decorrelated(-1s, -1s),
                               wait_exponential(1s, {.max = -1s}),
                               wait_exponential_jitter(-1s, {}, -1s),
                               wait_random_exponential(Duration::min())}) {
    EXPECT_EQ(wait.after(3, {}, chance), 0s);
  }
  EXPECT_EQ(wait_fixed(std::chrono::hours::max()).after(1, {}, chance), Duration::max());
}

// edge 10
TEST(RetryWait, RefusesWhatIsNoNumber) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(wait_exponential(1s, {.base = nan}), UsageError);
  EXPECT_THROW(wait_exponential(1s, {.base = -2}), UsageError);
  EXPECT_THROW(wait_fixed(std::chrono::duration<double>(nan)), UsageError);
}

void expect_within(const Lengths& lengths, Duration least, Duration most) {
  for (const Duration length : lengths) {
    EXPECT_GE(length, least);
    EXPECT_LE(length, most);
  }
}

TEST(RetryWait, StaysWithinItsLimitsWhateverChanceSays) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    expect_within(waits(wait_random(2s, 5s), 5, seed), 2s, 5s);
    expect_within(waits(wait_random_exponential(1s, {.min = 1s, .max = 9s}), 8, seed), 1s, 9s);
    expect_within(waits(wait_exponential_jitter(1s, {.max = 6s}, 2s), 8, seed), 1s, 6s);
    const Lengths decorrelated = waits(wait_decorrelated(1s, 20s), 8, seed);
    expect_within(decorrelated, 1s, 20s);
    for (std::size_t i = 1; i < decorrelated.size(); ++i) {
      EXPECT_LE(decorrelated[i], 3 * decorrelated[i - 1]);
    }
  }
}

// Full jitter: from nothing to what it would be without, over all of that
TEST(RetryWait, SpreadsOverAllThatItMay) {
  RetryChance chance(7);
  Duration least = Duration::max(), most{};
  for (int i = 0; i < 1000; ++i) {
    const Duration length = wait_random_exponential(1s).after(3, {}, chance);
    least = std::min(least, length);
    most = std::max(most, length);
  }
  EXPECT_LT(least, 40ms);
  EXPECT_GT(most, 3960ms);
  EXPECT_LE(most, 4s);
}

TEST(RetryWait, IsTheSameFromTheSameSeed) {
  const RetryWait wait = wait_random(0s, 1h);
  EXPECT_EQ(waits(wait, 9, 3), waits(wait, 9, 3));
  EXPECT_NE(waits(wait, 9, 3), waits(wait, 9, 4));
  EXPECT_NE(RetryChance::any_seed(), RetryChance::any_seed());
}

}  // namespace
