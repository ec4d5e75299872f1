// The twin's ring: liburing as its manual shows it, with the flags that eddy uses too.
#pragma once

#include <liburing.h>

#include <cstdio>
#include <cstdlib>

namespace bench {

class RawRing {
 public:
  RawRing() {
    io_uring_params params{};
    params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SINGLE_ISSUER |
                   IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL;
    params.cq_entries = 4096;
    check(io_uring_queue_init_params(256, &ring_, &params));
    io_uring_register_ring_fd(&ring_);
  }
  RawRing(const RawRing&) = delete;
  RawRing& operator=(const RawRing&) = delete;
  ~RawRing() { io_uring_queue_exit(&ring_); }

  // One file and one buffer, each in place 0.
  void register_one(int fd, void* data, std::size_t size) {
    const iovec memory{data, size};
    check(io_uring_register_files(&ring_, &fd, 1));
    check(io_uring_register_buffers(&ring_, &memory, 1));
  }

  io_uring_sqe* entry() { return io_uring_get_sqe(&ring_); }

  // Submits, waits for `wait` completions, and gives every one that is visible to `sink`.
  template <class Sink>
  void turn(unsigned wait, Sink&& sink) {
    check(io_uring_submit_and_wait(&ring_, wait));
    unsigned head, count = 0;
    io_uring_cqe* cqe;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      sink(*cqe);
      ++count;
    }
    io_uring_cq_advance(&ring_, count);
  }

  static void check(int result) {
    if (result >= 0) return;
    std::fprintf(stderr, "io_uring: %d\n", result);
    std::abort();
  }

 private:
  io_uring ring_{};
};

}  // namespace bench
