// RegisteredBuffer: memory whose pages the kernel keeps pinned, so that reads and writes of files
// into it need not look them up. File uses it by itself when the memory given to it lies in one.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/core/loop.hpp>

#include <cstdlib>
#include <utility>

namespace eddy {

class RegisteredBuffer {
 public:
  // Takes one of LoopOptions.registered_buffers of the running loop. Throws Error: ENOBUFS when
  // none is left, ENOMEM where RLIMIT_MEMLOCK is too low.
  explicit RegisteredBuffer(std::size_t size)
      : loop_(&Loop::current()), size_((size + 4095) & ~std::size_t{4095}) {
    data_ = std::aligned_alloc(4096, size_);
    if (!data_) throw std::bad_alloc();
    std::optional<unsigned> place;
    try {
      place = loop_->registered().add_buffer(data_, size_);
      if (!place) throw Error(ENOBUFS, "register a buffer: LoopOptions.registered_buffers is");
    } catch (...) {
      std::free(data_);
      throw;
    }
    place_ = *place;
  }
  RegisteredBuffer(RegisteredBuffer&& other) noexcept
      : loop_(other.loop_),
        data_(std::exchange(other.data_, nullptr)),
        size_(other.size_),
        place_(other.place_) {}
  RegisteredBuffer& operator=(RegisteredBuffer&&) = delete;
  // REQUIRES: no operation uses the memory.
  ~RegisteredBuffer() {
    if (!data_) return;
    loop_->registered().remove_buffer(place_);
    std::free(data_);
  }

  MutableBytes bytes() const noexcept { return MutableBytes(data_, size_); }

 private:
  Loop* loop_;
  void* data_ = nullptr;
  std::size_t size_;
  unsigned place_ = 0;
};

}  // namespace eddy
