// Pool: the only allocator that eddy owns. Per thread, size-classed, last freed first reused.
//
// Coroutine frames, task states and short strings come from here. A block is an ordinary heap block
// that is kept when it is released, so that after warm-up nothing calls malloc, and a block may be
// released on another thread than the one that allocated it. Blocks are given back when their
// thread ends, or by trim(); and where more come from other threads than this one ever took from
// the heap, the rest is. Under AddressSanitizer nothing is kept: every use after free is found.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define EDDY_POOL_KEEPS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EDDY_POOL_KEEPS 0
#endif
#endif
#ifndef EDDY_POOL_KEEPS
#define EDDY_POOL_KEEPS 1
#endif

namespace eddy::internal {

class Pool {
 public:
  static constexpr bool keeps_blocks = EDDY_POOL_KEEPS;

  // Sizes up to this are pooled; larger blocks come from the heap each time.
  static constexpr std::size_t largest = std::size_t{1} << 20;

  // At least `size` bytes, aligned to a cache line. Throws std::bad_alloc.
  static void* allocate(std::size_t size) {
    if constexpr (keeps_blocks) {
      if (size <= largest) [[likely]] {
        Block*& head = cache_.heads[class_of(size)];
        if (Block* block = head) [[likely]] {
          head = block->next;
          return block;
        }
      }
    }
    return allocate_slowly(size);
  }

  // REQUIRES: `memory` came from allocate(size) with the same size.
  static void release(void* memory, std::size_t size) noexcept {
    if constexpr (keeps_blocks) {
      if (size <= largest) [[likely]] {
        cache_.until_look -= static_cast<std::int64_t>(size);
        if (cache_.until_look >= 0) [[likely]] return push(memory, class_of(size));
      }
    }
    release_slowly(memory, size);
  }

  // Gives this thread's free blocks back to the heap.
  static void trim() noexcept;

  // Off: this thread's blocks come from the heap and go there, for whoever watches or fails it.
  static void keep(bool on) noexcept;

 private:
  struct Block {
    Block* next;
  };

  // So that how fast a task is does not depend on where its frame happens to lie.
  static constexpr std::align_val_t line{64};

  // 64-byte steps up to 4 KiB, then powers of two up to `largest`.
  static constexpr std::size_t step = 64;
  static constexpr std::size_t small_classes = 65;
  static constexpr std::size_t classes = small_classes + 8;

  static constexpr std::size_t class_of(std::size_t size) noexcept {
    if (size <= step * (small_classes - 1)) [[likely]] return (size + step - 1) / step;
    return small_classes + std::bit_width((size - 1) >> 13);
  }
  static constexpr std::size_t size_of_class(std::size_t index) noexcept {
    if (index == 0) return step;
    if (index < small_classes) return index * step;
    return std::size_t{1} << (13 + index - small_classes);
  }

  // After so many bytes were released, look whether too much is kept.
  static constexpr std::int64_t look_after = 4 << 20;
  // What a class may keep besides as many blocks as this thread took from the heap.
  static constexpr std::size_t spare_bytes = 64 << 10;

  // No destructor, so that reading it needs no guard: a second object with one cleans up.
  struct Cache {
    Block* heads[classes] = {};
    std::int64_t until_look = -1;  // negative unless open
    bool open = false;
    std::size_t taken[classes] = {};  // blocks from the heap, less those that went back
  };
  struct Cleaner;

  static void push(void* memory, std::size_t index) noexcept {
    Block*& head = cache_.heads[index];
    head = ::new (memory) Block{head};
  }
  static void* allocate_slowly(std::size_t size);
  static void release_slowly(void* memory, std::size_t size) noexcept;
  static void give_back_the_rest() noexcept;
  static std::size_t shorten(std::size_t index, std::size_t most) noexcept;
  static void clean_up_at_end() noexcept;

  static constinit thread_local Cache cache_ [[gnu::tls_model("initial-exec")]];
};

// Base of what is made by `new`, a coroutine's frame by its promise: in memory of the Pool.
class Pooled {
 public:
  static void* operator new(std::size_t size) { return Pool::allocate(size); }
  static void operator delete(void* memory, std::size_t size) noexcept {
    Pool::release(memory, size);
  }
};

}  // namespace eddy::internal
