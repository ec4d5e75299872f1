// The requests of a loop, where it shares them with the kernel: a test sees what the kernel is
// asked for, and may have it answer with an error that no test could bring about.
#pragma once

#include <eddy/eddy.hpp>

#include <gtest/gtest.h>

#include <linux/io_uring.h>
#include <sys/mman.h>

namespace test {

// A second view of the queue's entries, from now on.
class Submissions {
 public:
  explicit Submissions(eddy::Loop& loop)
      : ring_(loop.ring()), seen_(ring_.pushed()) {
    void* memory = ::mmap(nullptr, size(), PROT_READ | PROT_WRITE, MAP_SHARED, ring_.kernel().fd(),
                          IORING_OFF_SQES);
    EXPECT_NE(memory, MAP_FAILED);
    entries_ = static_cast<io_uring_sqe*>(memory);
  }
  Submissions(const Submissions&) = delete;
  Submissions& operator=(const Submissions&) = delete;
  ~Submissions() { ::munmap(entries_, size()); }

  // Each request since the last look. Those of this turn are not with the kernel yet: what is
  // changed in them counts. REQUIRES: no more than the queue has entries
  template <class F>
  void each(F&& look) {
    for (; seen_ != ring_.pushed(); ++seen_) {
      look(entries_[seen_ & (ring_.submission_entries() - 1)]);
    }
  }

 private:
  std::size_t size() const noexcept { return ring_.submission_entries() * sizeof(io_uring_sqe); }

  eddy::internal::Ring& ring_;
  std::uint64_t seen_;
  io_uring_sqe* entries_ = nullptr;
};

// The kernel does nothing for `request` but answer it with `error`: needs can_refuse().
inline void refuse(io_uring_sqe& request, int error) {
  const auto user_data = request.user_data;
  request = io_uring_sqe{};
  request.opcode = IORING_OP_NOP;
  request.rw_flags = 1;  // IORING_NOP_INJECT_RESULT
  request.len = static_cast<std::uint32_t>(-error);
  request.user_data = user_data;
}

// 6.10
inline bool can_refuse() {
  static const bool can = [] {
    eddy::internal::Ring ring(eddy::internal::open_io_uring({}));
    eddy::internal::Request nop;
    nop.opcode = IORING_OP_NOP;
    nop.op_flags = 1;
    nop.length = static_cast<std::uint32_t>(-EIO);
    ring.push(eddy::internal::PackedRequest(nop), 1);
    ring.enter_now(1);
    int result = 0;
    ring.reap([&](std::uint64_t, int answer, std::uint32_t) { result = answer; });
    return result == -EIO;
  }();
  return can;
}

}  // namespace test
