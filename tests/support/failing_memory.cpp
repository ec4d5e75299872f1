#include "support/failing_memory.hpp"

#include <eddy/base/internal/pool.hpp>

#include <cstdlib>
#include <new>

namespace {

struct Failing {
  std::size_t until = 0;  // allocations that still succeed
  std::size_t times = 0;  // how many fail then
  bool armed = false;
  bool failed = false;
};
constinit thread_local Failing failing;

bool fails() noexcept {
  if (!failing.armed) return false;
  if (failing.until > 0) {
    --failing.until;
    return false;
  }
  if (failing.times == 0) return false;
  --failing.times;
  failing.failed = true;
  return true;
}

void* allocate(std::size_t size) noexcept {
  return fails() ? nullptr : std::malloc(size > 0 ? size : 1);
}

void* allocate(std::size_t size, std::align_val_t alignment) noexcept {
  void* memory = nullptr;
  if (fails() || ::posix_memalign(&memory, static_cast<std::size_t>(alignment), size) != 0) {
    return nullptr;
  }
  return memory;
}

void* or_throw(void* memory) {
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

namespace test {

FailingMemory::FailingMemory(std::size_t which, std::size_t times) noexcept {
  eddy::internal::Pool::keep(false);
  failing = {.until = which - 1, .times = times};
}

FailingMemory::~FailingMemory() {
  failing = {};
  eddy::internal::Pool::keep(true);
}

void FailingMemory::arm() noexcept { failing.armed = true; }
void FailingMemory::disarm() noexcept { failing.armed = false; }
bool FailingMemory::failed() const noexcept { return failing.failed; }

}  // namespace test

// A program's own operator new takes the place of the library's, in the library as well.
void* operator new(std::size_t size) { return or_throw(allocate(size)); }
void* operator new[](std::size_t size) { return or_throw(allocate(size)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return or_throw(allocate(size, alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return or_throw(allocate(size, alignment));
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(size, alignment);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
