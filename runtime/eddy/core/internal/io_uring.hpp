// IoUring: io_uring as a Kernel. No other file of the library uses liburing or makes its calls.
//
// What the kernel offers is found by trying, never by its version, and any part of it can be
// switched off (RingOptions::without) so that the paths for old kernels are tested on new ones.
#pragma once

#include <eddy/core/internal/kernel.hpp>

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace eddy::internal {

struct RingOptions {
  unsigned submission_entries = 256;   // how many operations one enter submits
  unsigned completion_entries = 4096;  // how many may be in flight; the rest queue in user space
  unsigned bounded_workers = 4;        // kernel threads for file operations that would block
  unsigned unbounded_workers = 16;     // ... and for everything else
  std::uint32_t without = 0;           // features not to use, even where the kernel has them
};

// Throws Error that says what to do about it where the kernel refuses.
std::unique_ptr<Kernel> open_io_uring(const RingOptions& options);

// Whether two short receives fill one buffer one behind the other: some kernels take the flag and
// do something else. Asked once in a process, unless there were no descriptors or no memory to find
// it out with.
bool incremental_buffers_work();

// What to do where a filter forbids it.
inline constexpr const char* how_to_allow_io_uring =
    "(blocked: allow the io_uring_* system calls in the container's seccomp profile, or try "
    "'sysctl -w kernel.io_uring_disabled=0'; needs Linux 6.1 or newer)";

// By which who looks at a thread from outside knows that it waits here.
inline constexpr long enter_call_number = __NR_io_uring_enter;

// io_uring_enter(2), without the detour over errno: the negative errno on failure. Its argument may
// be null, and is of 8 bytes then.
inline long enter_io_uring(int fd, unsigned count, unsigned wait, unsigned flags,
                           const void* argument, std::size_t size) noexcept {
#if defined(__x86_64__)
  register long r10 asm("r10") = static_cast<long>(flags);
  register const void* r8 asm("r8") = argument;
  register std::size_t r9 asm("r9") = size;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(__NR_io_uring_enter), "D"(static_cast<long>(fd)),
                 "S"(static_cast<long>(count)), "d"(static_cast<long>(wait)), "r"(r10), "r"(r8),
                 "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#else
  const long result = ::syscall(__NR_io_uring_enter, fd, count, wait, flags, argument, size);
  return result < 0 ? -errno : result;
#endif
}

}  // namespace eddy::internal
