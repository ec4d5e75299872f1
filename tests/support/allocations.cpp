#include "support/allocations.hpp"

#include <eddy/base/internal/pool.hpp>

#include <malloc.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace {
thread_local std::size_t count = 0;
thread_local std::ptrdiff_t held = 0;
thread_local std::ptrdiff_t most = 0;
}  // namespace

namespace test {

bool can_count_allocations() noexcept {
#if defined(__SANITIZE_THREAD__)
  return false;
#else
  return eddy::internal::Pool::keeps_blocks;
#endif
}

std::size_t allocations() noexcept { return count; }

std::ptrdiff_t bytes_held() noexcept { return held; }

std::ptrdiff_t most_bytes_held() noexcept { return std::exchange(most, held); }

}  // namespace test

#if EDDY_POOL_KEEPS && !defined(__SANITIZE_THREAD__)

// glibc lets a program replace malloc as a whole; operator new calls it.
extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t number, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);

static void* counted(void* memory) {
  ++count;
  held += static_cast<std::ptrdiff_t>(::malloc_usable_size(memory));
  most = std::max(most, held);
  return memory;
}
static void forget(void* memory) {
  held -= static_cast<std::ptrdiff_t>(::malloc_usable_size(memory));
}

void* malloc(std::size_t size) { return counted(__libc_malloc(size)); }
void* calloc(std::size_t number, std::size_t size) {
  return counted(__libc_calloc(number, size));
}
void* realloc(void* memory, std::size_t size) {
  const auto before = ::malloc_usable_size(memory);
  void* moved = __libc_realloc(memory, size);
  if (moved || size == 0) held -= static_cast<std::ptrdiff_t>(before);
  return counted(moved);
}
void* memalign(std::size_t alignment, std::size_t size) {
  return counted(__libc_memalign(alignment, size));
}
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  *result = memalign(alignment, size);
  return *result ? 0 : ENOMEM;
}
void free(void* memory) {
  forget(memory);
  __libc_free(memory);
}

}  // extern "C"

#endif
