#include <eddy/base/internal/pool.hpp>

#include <algorithm>
#include <utility>

namespace eddy::internal {

constinit thread_local Pool::Cache Pool::cache_;

struct Pool::Cleaner {
  Cleaner() noexcept { keep_from_now(true); }
  ~Cleaner() {
    keep_from_now(false);  // what is released after this goes straight to the heap
    trim();
  }

  static void keep_from_now(bool on) noexcept {
    cache_.open = on;
    cache_.until_look = on ? look_after : -1;
  }
};

// The first call in a thread lets it keep blocks from then on.
void Pool::clean_up_at_end() noexcept {
  static thread_local Cleaner cleaner;
  static_cast<void>(cleaner);
}

void* Pool::allocate_slowly(std::size_t size) {
  if constexpr (!keeps_blocks) return ::operator new(size, line);
  if (size > largest) return ::operator new(size, line);
  clean_up_at_end();
  const std::size_t index = class_of(size);
  void* memory = ::operator new(size_of_class(index), line);
  ++cache_.taken[index];
  return memory;
}

void Pool::release_slowly(void* memory, std::size_t size) noexcept {
  if (!keeps_blocks || size > largest || !cache_.open) {
    ::operator delete(memory, line);
    return;
  }
  push(memory, class_of(size));
  give_back_the_rest();
}

// A thread that only releases what others allocate would keep it for ever: in each class stay as
// many blocks as this thread has taken from the heap itself, and a few. Looking means walking, so
// the next look comes when as much was released as is kept.
void Pool::give_back_the_rest() noexcept {
  std::size_t kept = 0;
  for (std::size_t index = 0; index < classes; ++index) {
    const std::size_t size = size_of_class(index);
    kept += size * shorten(index, cache_.taken[index] + spare_bytes / size);
  }
  cache_.until_look = std::max(look_after, static_cast<std::int64_t>(kept));
}

// Leaves the `most` blocks that were released last. How many there are then.
std::size_t Pool::shorten(std::size_t index, std::size_t most) noexcept {
  std::size_t count = 0;
  Block** end = &cache_.heads[index];
  for (; *end && count < most; ++count) end = &(*end)->next;
  for (Block* block = std::exchange(*end, nullptr); block;) {
    ::operator delete(std::exchange(block, block->next), line);
    if (cache_.taken[index] > 0) --cache_.taken[index];
  }
  return count;
}

void Pool::trim() noexcept {
  for (std::size_t index = 0; index < classes; ++index) {
    shorten(index, 0);
    cache_.taken[index] = 0;
  }
}

void Pool::keep(bool on) noexcept {
  clean_up_at_end();
  Cleaner::keep_from_now(on);
  if (!on) trim();
}

}  // namespace eddy::internal
