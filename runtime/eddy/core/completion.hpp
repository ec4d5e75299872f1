// Completion: a request whose completions go to a function instead of a task: the loop's waker, and
// everything that the kernel answers more than once.
#pragma once

#include <cstdint>

namespace eddy {

class Completion {
 public:
  // Called while completions are reaped: it may queue and wake, and resumes nothing. `result` is
  // the kernel's; without IORING_CQE_F_MORE in `flags` it was the last one.
  using Handle = void (*)(Completion&, int result, std::uint32_t flags) noexcept;

  explicit Completion(Handle handle) noexcept : handle_(handle) {}
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  void handle(int result, std::uint32_t flags) noexcept { handle_(*this, result, flags); }

 private:
  Handle handle_;
};

}  // namespace eddy
