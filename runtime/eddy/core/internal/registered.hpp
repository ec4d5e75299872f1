// Registered: the kernel's tables of files and buffers of one ring, and which of their places are
// free.
//
// A registered file spares a look-up per operation, a registered buffer the pinning of its pages:
// together they make a cached 4 KiB read faster than pread(2).
//
// A place means something in its own ring alone. Who keeps one keeps the id of its loop with it,
// and names the place only while that loop runs; it is given back by that id, whether the loop is
// still there or not, and from any thread.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace eddy::internal {

class Kernel;

class Registered {
 public:
  // Empty tables of that size, of the loop with that id. Throws Error, with ENOMEM where
  // RLIMIT_MEMLOCK is too low.
  Registered(std::uint64_t loop, Kernel& kernel, unsigned files, unsigned buffers);
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;
  ~Registered();

  // The place that `fd` got; no value when the table is full or there is none.
  std::optional<unsigned> add_file(int fd);

  // The table keeps the memory for as long as the kernel may use it.
  std::optional<unsigned> add_buffer(std::shared_ptr<void> memory, std::size_t size);

  // Free a place of the loop with that id. Nothing to do when it is gone. False: the loop is
  // another thread's, which alone may tell its ring: it does so when it next looks for a place, and
  // the kernel holds the file or the pages until then.
  static bool give_back_file(std::uint64_t loop, unsigned place) noexcept;
  static bool give_back_buffer(std::uint64_t loop, unsigned place) noexcept;

  // What fork() is to find, and to leave, unlocked: a child has not the thread that holds it.
  static void before_fork() noexcept;
  static void after_fork() noexcept;

  // The place of the registered buffer that holds all of [data, data + size).
  std::optional<unsigned> find_buffer(const void* data, std::size_t size) const noexcept;

 private:
  struct Buffer {
    const std::byte* begin = nullptr;
    std::size_t size = 0;
    std::shared_ptr<void> memory = nullptr;
  };
  class Directory;

  bool may_tell_the_ring() const noexcept;
  void remove_file(unsigned place) noexcept;
  void remove_buffer(unsigned place) noexcept;

  std::uint64_t loop_;
  Kernel& kernel_;
  std::thread::id thread_;
  pid_t process_;
  std::vector<unsigned> free_files_;
  std::vector<unsigned> free_buffers_;
  std::vector<Buffer> buffers_;
  Registered* next_ = nullptr;  // in the directory
  // What other threads gave back, under the directory's lock.
  std::atomic<bool> came_back_ = false;
  std::vector<unsigned> files_back_;
  std::vector<unsigned> buffers_back_;
};

}  // namespace eddy::internal
