// Counts every call of malloc and operator new on this thread.
#pragma once

#include <cstddef>

namespace test {

// False under a sanitizer: its allocator is not ours to count, and the pool keeps nothing there.
bool can_count_allocations() noexcept;

// Allocations of this thread since it started.
std::size_t allocations() noexcept;

// What this thread allocated and did not free, in bytes; and the most of it since the last call. 0
// where they cannot be counted.
std::ptrdiff_t bytes_held() noexcept;
std::ptrdiff_t most_bytes_held() noexcept;

// Runs `body` often enough to warm everything up, then once more; how many allocations that made.
template <class F>
std::size_t allocations_of(F&& body, int warm_up = 3) {
  for (int i = 0; i < warm_up; ++i) body();
  const std::size_t before = allocations();
  body();
  return allocations() - before;
}

}  // namespace test
