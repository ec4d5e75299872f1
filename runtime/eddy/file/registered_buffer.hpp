// RegisteredBuffer: memory whose pages the kernel keeps pinned, so that reads and writes of files
// into it need not look them up. File uses it by itself when the memory given to it lies in one of
// the running loop's. It may outlive its loop, and serves another one as plain memory.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/core/loop.hpp>

#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

namespace eddy {

class RegisteredBuffer {
 public:
  // Takes one of LoopOptions.registered_buffers of the running loop. Throws Error: ENOBUFS when
  // none is left, ENOMEM where RLIMIT_MEMLOCK is too low; std::bad_alloc for more than there is.
  explicit RegisteredBuffer(std::size_t size)
      : loop_(Loop::current().id()), size_(whole_pages(size)) {
    memory_ = std::shared_ptr<void>(std::aligned_alloc(4096, size_), &std::free);
    EDDY_ASSERT(size_ >= size);
    if (!memory_) throw std::bad_alloc();
    const auto place = Loop::current().registered().add_buffer(memory_, size_);
    if (!place) throw Error(ENOBUFS, "register a buffer: LoopOptions.registered_buffers is");
    place_ = *place;
  }
  RegisteredBuffer(RegisteredBuffer&& other) noexcept = default;
  RegisteredBuffer& operator=(RegisteredBuffer&&) = delete;
  // REQUIRES: no operation uses the memory.
  ~RegisteredBuffer() { if (memory_) internal::Registered::give_back_buffer(loop_, place_); }

  MutableBytes bytes() const noexcept {
    return memory_ ? MutableBytes(memory_.get(), size_) : MutableBytes();
  }

 private:
  static std::size_t whole_pages(std::size_t size) {
    std::size_t up = 0;
    if (__builtin_add_overflow(size, std::size_t{4095}, &up)) throw std::bad_alloc();
    return up & ~std::size_t{4095};
  }

  std::uint64_t loop_;
  std::size_t size_;
  std::shared_ptr<void> memory_;  // the table's as well, as long as the kernel may use it
  unsigned place_ = 0;
};

}  // namespace eddy
