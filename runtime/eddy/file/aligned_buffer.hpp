// AlignedBuffer: memory that begins at a multiple of a block's size, and is whole blocks: what
// O_DIRECT wants, together with offsets that are multiples as well.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/error.hpp>
#include <eddy/base/internal/assert.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

namespace eddy {

class AlignedBuffer {
 public:
  static constexpr std::size_t page = 4096;  // no disk has larger blocks, and the most have these

  AlignedBuffer() = default;
  // At least `size` bytes, with nothing in particular in them. Throws UsageError for an alignment
  // that is no power of two; std::bad_alloc for more than there is.
  explicit AlignedBuffer(std::size_t size, std::size_t alignment = page)
      : size_(whole_blocks(size, alignment)), alignment_(alignment) {
    EDDY_ASSERT(size_ >= size);
    EDDY_ASSERT(size_ % alignment == 0);
    if (size_ == 0) return;
    void* memory = nullptr;
    if (posix_memalign(&memory, std::max(alignment, sizeof(void*)), size_) != 0) {
      throw std::bad_alloc();
    }
    memory_.reset(memory);
    EDDY_ASSERT(reinterpret_cast<std::uintptr_t>(memory_.get()) % alignment == 0);
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : memory_(std::move(other.memory_)),
        size_(std::exchange(other.size_, 0)),
        alignment_(other.alignment_) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    alignment_ = other.alignment_;
    return *this;
  }

  std::byte* data() const noexcept { return static_cast<std::byte*>(memory_.get()); }
  std::size_t size() const noexcept { return size_; }
  std::size_t alignment() const noexcept { return alignment_; }
  MutableBytes bytes() const noexcept { return MutableBytes(memory_.get(), size_); }

 private:
  struct Free {
    void operator()(void* memory) const noexcept { std::free(memory); }
  };

  static std::size_t whole_blocks(std::size_t size, std::size_t alignment) {
    if (!std::has_single_bit(alignment)) throw UsageError("an alignment that is no power of two");
    std::size_t up = 0;
    if (__builtin_add_overflow(size, alignment - 1, &up)) throw std::bad_alloc();
    return up & ~(alignment - 1);
  }

  std::unique_ptr<void, Free> memory_;
  std::size_t size_ = 0;
  std::size_t alignment_ = page;
};

}  // namespace eddy
