// post() from another thread, and a loop that ends in the callback.
#include "support/run.hpp"

#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <atomic>
#include <thread>

namespace {

using namespace eddy;

// Between a callback being there for the loop and the eventfd being written, a thread may stand
// still for any length.
std::atomic<bool> closing = false;
std::atomic<bool> gone = false;
thread_local bool held_before_writing = false;

void stand_still() {
  while (!closing) std::this_thread::yield();
  const Instant enough = std::chrono::steady_clock::now() + 100ms;
  while (!gone && std::chrono::steady_clock::now() < enough) std::this_thread::yield();
}

}  // namespace

extern "C" ssize_t write(int fd, const void* data, std::size_t size) {
  if (std::exchange(held_before_writing, false)) stand_still();
  return ::syscall(SYS_write, fd, data, size);
}

namespace {

// Edges 4: its number is then that of the next file to be opened.
TEST(Post, WritesNothingIntoAFileThatIsOpenedWhenTheLoopIsGone) {
  closing = gone = false;
  auto loop = std::make_unique<Loop>();
  std::thread thread([&loop = *loop] {
    held_before_writing = true;
    loop.post([&loop] { loop.stop(); });
  });
  const auto until_closed = []() -> Task<> {
    static_cast<void>(co_await as_outcome(sleep(1h)));
    closing = true;
  };
  const auto turning = []() -> Task<> {  // the loop looks by itself, before it is told
    for (;;) co_await yield();
  };
  loop->spawn(until_closed());
  EXPECT_THROW(loop->run(turning()), UsageError) << "stopped";
  loop.reset();
  std::vector<UniqueFd> files;
  for (int i = 0; i < 8; ++i) files.emplace_back(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  gone = true;
  thread.join();
  for (const UniqueFd& file : files) {
    std::uint64_t count = 0;
    EXPECT_LT(::read(file.get(), &count, sizeof count), 0) << "written: " << count;
  }
}

// The same without any help: for ThreadSanitizer and AddressSanitizer.
TEST(Post, TouchesNothingOfALoopThatItsCallbackEnded) {
  constexpr int rounds = 50;
  std::atomic<Loop*> target = nullptr;
  std::thread thread([&] {
    for (int i = 0; i < rounds; ++i) {
      Loop* loop = nullptr;
      while (!(loop = target.exchange(nullptr))) std::this_thread::yield();
      loop->post([loop] { loop->stop(); });
    }
  });
  for (int i = 0; i < rounds; ++i) {
    Loop loop({.submission_entries = 1, .completion_entries = 2, .registered_files = 0});
    loop.post([&] { target = &loop; });
    const auto turning = []() -> Task<> {
      for (;;) co_await yield();
    };
    EXPECT_THROW(loop.run(turning()), UsageError);
  }
  thread.join();
}

}  // namespace
