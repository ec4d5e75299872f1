// Histogram: how often which size was seen, to a power of two.
//
// Adding is four instructions and a clamp, and nothing is ever allocated: all of it lies in the
// object, which is copied to be kept. What is counted are whole numbers: lengths, or nanoseconds.
#pragma once

#include <eddy/base/internal/assert.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace eddy {

class Histogram {
 public:
  // The first counts 0 and 1, each other what is up to its power of two and above that of the one
  // before, the last everything more: from 2^46 on, 19 hours in nanoseconds.
  static constexpr std::size_t buckets = 48;
  static constexpr std::uint64_t no_bound = std::numeric_limits<std::uint64_t>::max();

  static constexpr std::uint64_t upper_bound(std::size_t bucket) noexcept {
    EDDY_ASSERT(bucket < buckets);
    return bucket + 1 < buckets ? std::uint64_t{1} << bucket : no_bound;
  }
  static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    const std::size_t bucket = value <= 1 ? 0 : std::bit_width(value - 1);
    return std::min(bucket, buckets - 1);
  }

  constexpr void add(std::uint64_t value) noexcept {
    ++counts_[bucket_of(value)];
    ++count_;
    sum_ += value;
    max_ = std::max(max_, value);
  }

  constexpr std::uint64_t count() const noexcept { return count_; }
  constexpr std::uint64_t sum() const noexcept { return sum_; }
  constexpr std::uint64_t max() const noexcept { return max_; }
  constexpr std::uint64_t in_bucket(std::size_t bucket) const noexcept {
    EDDY_ASSERT(bucket < buckets);
    return counts_[bucket];
  }

  // Such that this part of what was seen, 0.5 or 0.99, is not above it: never too small, and less
  // than twice what it is; quantile(1) is max(). 0 when nothing was seen. Throws UsageError for
  // less than 0 and more than 1.
  std::uint64_t quantile(double part) const;

 private:
  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace eddy
