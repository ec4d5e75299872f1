// How many processors this process may use.
#pragma once

#include <eddy/base/internal/standard.hpp>

namespace eddy {

namespace internal {

// What the control groups that `membership` names leave, of those under `root`, rounded up; 0 when
// they set no limit, or cannot be read.
unsigned control_group_cpus(const char* membership = "/proc/self/cgroup",
                            const char* root = "/sys/fs/cgroup");

}  // namespace internal

// Those of its affinity (taskset, cpusets), no more than the quota of its control groups allows
// (docker run --cpus): never the machine's, never 0. Asked anew each time.
unsigned available_cpus();

}  // namespace eddy
