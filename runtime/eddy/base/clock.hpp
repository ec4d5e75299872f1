// Time as eddy counts it: nanoseconds on CLOCK_MONOTONIC, which libstdc++ calls steady_clock.
//
// An absolute deadline never drifts, so every timeout is turned into an Instant once and kept so.
#pragma once

#include <chrono>

namespace eddy {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

// `start + length`, or the end of time where that would overflow: sleep(Duration::max()) is legal.
constexpr Instant later(Instant start, Duration length) noexcept {
  return length > Instant::max() - start ? Instant::max() : start + length;
}

}  // namespace eddy
