#include <eddy/base/pool.hpp>

namespace eddy {

constinit thread_local Pool::Cache Pool::cache_;

struct Pool::Cleaner {
  Cleaner() noexcept { cache_.open = true; }
  ~Cleaner() {
    cache_.open = false;  // what is released after this goes straight to the heap
    trim();
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
  return ::operator new(size_of_class(class_of(size)), line);
}

void Pool::trim() noexcept {
  for (Block*& head : cache_.heads) {
    while (Block* block = head) {
      head = block->next;
      ::operator delete(block, line);
    }
  }
}

void Pool::keep(bool on) noexcept {
  clean_up_at_end();
  cache_.open = on;
  if (!on) trim();
}

}  // namespace eddy
