// FailingKernel: answers of the kernel's that no test can bring about.
#pragma once

#include "support/submissions.hpp"

#include <cstdint>
#include <memory>

namespace test {

using namespace eddy;

// The kernel, but that each request of one kind fails, as long as `armed`. Needs can_refuse().
class FailingKernel : public internal::Kernel {
 public:
  FailingKernel(std::uint8_t opcode, int error, const bool& armed = always)
      : real_(internal::open_io_uring({})), opcode_(opcode), error_(error), armed_(armed) {
    queues_ = real_->queues();
    queues_.enter_fd = -1;
    offer_ = real_->offer();
  }

  int enter(unsigned count, unsigned wait, Instant deadline,
            Duration batch_wait) noexcept override {
    auto* const entries = reinterpret_cast<io_uring_sqe*>(queues_.entries);
    for (unsigned i = 0; i < count; ++i) {
      io_uring_sqe& request = entries[(*queues_.head + i) & (queues_.entry_count - 1)];
      if (armed_ && request.opcode == opcode_) test::refuse(request, error_);
    }
    return real_->enter(count, wait, deadline, batch_wait);
  }
  void abandon() noexcept override { real_->abandon(); }
  int fd() const noexcept override { return real_->fd(); }
  void add_workers(int change) noexcept override { real_->add_workers(change); }

 private:
  static constexpr bool always = true;

  std::unique_ptr<internal::Kernel> real_;
  std::uint8_t opcode_;
  int error_;
  const bool& armed_;
};

}  // namespace test
