#include "support/allocations.hpp"

#include <eddy/base/pool.hpp>

#include <cerrno>
#include <cstdlib>

namespace {
thread_local std::size_t count = 0;
}

namespace test {

bool can_count_allocations() noexcept {
#if defined(__SANITIZE_THREAD__)
  return false;
#else
  return eddy::Pool::keeps_blocks;
#endif
}

std::size_t allocations() noexcept { return count; }

}  // namespace test

#if EDDY_POOL_KEEPS && !defined(__SANITIZE_THREAD__)

// glibc lets a program replace malloc as a whole; operator new calls it.
extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t number, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);

void* malloc(std::size_t size) {
  ++count;
  return __libc_malloc(size);
}
void* calloc(std::size_t number, std::size_t size) {
  ++count;
  return __libc_calloc(number, size);
}
void* realloc(void* memory, std::size_t size) {
  ++count;
  return __libc_realloc(memory, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  ++count;
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  *result = memalign(alignment, size);
  return *result ? 0 : ENOMEM;
}
void free(void* memory) { __libc_free(memory); }

}  // extern "C"

#endif
