// Handing something to the loop: one callback per turn, and as many as another thread can post.
#include "harness.hpp"
#include "raw_ring.hpp"

#include <eddy/core/spawn.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace {

class RawWaker {
 public:
  RawWaker() { arm(); }
  ~RawWaker() { ::close(fd_); }
  void write() {
    const std::uint64_t one = 1;
    if (::write(fd_, &one, sizeof one) < 0) std::abort();
  }
  void wait() {
    bool ended = false;
    ring_.turn(1,
               [&](const io_uring_cqe& cqe) { ended = ended || !(cqe.flags & IORING_CQE_F_MORE); });
    if (ended) arm();
  }

 private:
  void arm() { io_uring_prep_poll_multishot(ring_.entry(), fd_, POLLIN); }
  bench::RawRing ring_;
  int fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
};

// Posts from a thread of its own, at most 512 ahead of what ran.
void post_from_thread(eddy::Loop& loop, std::size_t count) {
  std::atomic<std::size_t> ran = 0;
  std::thread poster([&] {
    bench::move_away();
    for (std::size_t i = 0; i < count; ++i) {
      while (i - ran.load(std::memory_order_relaxed) >= 512) std::this_thread::yield();
      loop.post([&ran] { ran.fetch_add(1, std::memory_order_relaxed); });
    }
  });
  while (ran.load(std::memory_order_relaxed) < count) loop.turn(std::chrono::milliseconds(100));
  poster.join();
}

void write_from_thread(RawWaker& waker, std::size_t count) {
  std::atomic<std::size_t> written = 0;
  std::thread writer([&] {
    bench::move_away();
    for (std::size_t i = 0; i < count; ++i) {
      written.fetch_add(1, std::memory_order_relaxed);
      waker.write();
    }
  });
  while (written.load(std::memory_order_relaxed) < count) waker.wait();
  writer.join();
}

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  static RawWaker waker;
  bench::add({.name = "post, one per turn",
              .eddy =
                  [](std::size_t count) {
                    std::size_t ran = 0;
                    for (std::size_t i = 0; i < count; ++i) {
                      loop.post([&ran] { ++ran; });
                      loop.turn();
                      while (ran == i) loop.turn();
                    }
                  },
              .twin_name = "eventfd write, multishot poll",
              .twin =
                  [](std::size_t count) {
                    for (std::size_t i = 0; i < count; ++i) {
                      waker.write();
                      waker.wait();
                    }
                  }});
  bench::add({.name = "post from a thread, many",
              .eddy = [](std::size_t count) { post_from_thread(loop, count); },
              .twin_name = "eventfd write each, multishot poll",
              .twin = [](std::size_t count) { write_from_thread(waker, count); },
              .goal = bench::ahead(),
              .grain = 1000,
              .clock = bench::Clock::wall});
}
