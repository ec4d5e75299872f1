#include <eddy/core/histogram.hpp>

#include <eddy/base/error.hpp>

#include <cmath>

namespace eddy {

std::uint64_t Histogram::quantile(double part) const {
  if (!(part >= 0 && part <= 1)) throw UsageError("a quantile is from 0 to 1");
  const double rank = std::max(std::ceil(part * static_cast<double>(count_)), 1.0);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    seen += counts_[bucket];
    if (static_cast<double>(seen) >= rank) return std::min(upper_bound(bucket), max_);
  }
  EDDY_ASSERT(count_ == 0);
  return 0;
}

}  // namespace eddy
