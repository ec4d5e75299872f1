// CompletionHandler: a request whose completions go to a function instead of a task: the loop's
// waker, and everything that the kernel answers more than once.
#pragma once

#include <eddy/base/internal/intrusive.hpp>
#include <eddy/core/internal/request.hpp>

#include <cstdint>

namespace eddy {
class Loop;
}

namespace eddy::internal {

class CompletionHandler : public Link<CompletionHandler> {
 public:
  // Called in poll(), while completions are reaped: it may queue and wake, and resumes nothing.
  // `result` is the kernel's; without IORING_CQE_F_MORE in `flags` it was the last one.
  using Handle = void (*)(CompletionHandler&, int result, std::uint32_t flags) noexcept;

  explicit CompletionHandler(Handle function) noexcept : handle_(function) {}
  CompletionHandler(const CompletionHandler&) = delete;
  CompletionHandler& operator=(const CompletionHandler&) = delete;

  void handle(int result, std::uint32_t flags) noexcept { handle_(*this, result, flags); }

 private:
  friend class eddy::Loop;

  Handle handle_;
  // What has no place in the ring yet:
  bool submit_waits_ = false;
  bool cancel_waits_ = false;
  PackedRequest request_;
};

}  // namespace eddy::internal
