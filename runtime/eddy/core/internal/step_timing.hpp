// StepTiming: how far the turn that runs is, for a loop's histograms.
#pragma once

#include <eddy/base/clock.hpp>

#include <cstdint>

namespace eddy::internal {

// On the real clock, also where time is virtual.
struct StepTiming {
  std::uint64_t turn = 0;
  std::uint64_t steps = 0;  // of it, so far
  Instant turn_began{};
  Instant step_began{};
};

}  // namespace eddy::internal
