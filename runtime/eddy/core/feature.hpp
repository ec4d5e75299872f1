// Feature: what newer kernels have, each found by trying. Any may be left unused
// (LoopOptions::without), so that the paths for old kernels are tested on new ones.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <cstdint>

namespace eddy {

// As a mask: LoopOptions::without.
enum Feature : std::uint32_t {
  feature_single_issuer = 1u << 0,      // 6.0: kernel short cuts; with it
  feature_defer_taskrun = 1u << 1,      // 6.1: completions run in our enter, in batches
  feature_taskrun_flag = 1u << 2,       // 5.19: one load tells that the kernel has work for us
  feature_submit_all = 1u << 3,         // 5.18: a bad entry does not strand the rest of its batch
  feature_registered_ring = 1u << 4,    // 5.18: no descriptor look-up per enter
  feature_absolute_timer = 1u << 5,     // 6.12: the kernel takes our deadline as it is
  feature_registered_wait = 1u << 6,    // 6.13: the kernel reads the deadline from a shared page
  feature_no_iowait = 1u << 7,          // 6.15: an idle loop does not show as 100 % iowait
  feature_minimum_wait = 1u << 8,       // 6.12: wait a little for more completions
  feature_multishot_poll = 1u << 9,     // 5.13
  feature_multishot_accept = 1u << 10,  // 5.19
  feature_buffer_rings = 1u << 11,      // 5.19: the kernel takes memory when bytes arrive
  feature_incremental_buffers = 1u << 12,  // 6.12: ... as much as there are
  feature_zero_copy_send = 1u << 13,    // 6.0
  feature_quiet_write = 1u << 14,       // 6.18: a write to nobody sends no SIGPIPE; found by use
};

}  // namespace eddy
