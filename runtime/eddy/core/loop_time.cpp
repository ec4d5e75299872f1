// Deadlines that may be late by a hundredth: by the clock that is cheaper to read.
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/loop.hpp>

#include <ctime>

namespace eddy {
using namespace internal;

// The coarse clock is that of the last tick, and a tick may be late: where a hypervisor holds the
// processor that keeps time, by any length. So it is compared with what this turn knows.
Instant Loop::rough_deadline_after(AnyDuration length) noexcept {
  if (length < rough_from_) return deadline_after(length);
  timespec coarse;
  sys::clock_gettime(CLOCK_MONOTONIC_COARSE, &coarse);
  const Instant tick(std::chrono::seconds(coarse.tv_sec) + Duration(coarse.tv_nsec));
  const Instant start = tick + coarse_lag_;
  if (start < now()) [[unlikely]] return deadline_after(length);
  return later(start, length);
}

// Two ticks, however long this kernel's are: 20 ms where HZ is 100.
Duration Loop::coarse_lag() noexcept {
  timespec tick{};
  sys::clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  return 2 * (std::chrono::seconds(tick.tv_sec) + Duration(tick.tv_nsec));
}

}  // namespace eddy
