// What runs in the processes of WorkerProcesses: plain calls that block, and no loop.
#pragma once

#include <eddy/base/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace eddy::internal {

// Before the bytes of a request and of an answer.
struct WorkerHeader {
  std::uint64_t size = 0;
  std::uint64_t failed = 0;  // an answer that is the what() of an exception
};

// Has the process behind `control` start worker number `worker`, in place of the one there may be,
// which it kills. The worker serves the other end of what is returned; without a value there is
// no such process, or no descriptor. Blocks for no longer than a fork takes.
UniqueFd start_worker(int control, unsigned worker) noexcept;

// In a process of its own: forks workers as start_worker() asks, until `control` is closed.
[[noreturn]] void serve_as_forker(UniqueFd control,
                                  std::function<std::string(std::string)>& function) noexcept;

}  // namespace eddy::internal
