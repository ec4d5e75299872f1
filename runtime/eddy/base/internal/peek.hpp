// peek(): a copy of what lies somewhere in this process's memory, or no answer.
//
// As another process would have it: where there is no memory it fails instead of faulting, and what
// another thread is about to change is read in words that are old or new.
#pragma once

#include <eddy/base/internal/sys.hpp>

#include <cstddef>
#include <cstdint>

namespace eddy::internal {

// False where that is not memory, or the system call is forbidden (seccomp).
inline bool peek(std::uintptr_t address, void* into, std::size_t size) noexcept {
  const iovec here{into, size};
  const iovec there{reinterpret_cast<void*>(address), size};
  return sys::process_vm_readv(sys::getpid(), &here, 1, &there, 1) == static_cast<ssize_t>(size);
}

template <class T>
bool peek(const T* address, T& into) noexcept {
  return peek(reinterpret_cast<std::uintptr_t>(address), &into, sizeof into);
}

}  // namespace eddy::internal
