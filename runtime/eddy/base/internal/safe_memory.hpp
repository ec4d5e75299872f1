// SafeMemory: this process's memory, read as another process would read it: what is not mapped any
// more is an answer and no fault, and what another thread writes meanwhile comes out as it happens
// to be, without a data race.
#pragma once

#include <eddy/base/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/types.h>

namespace eddy::internal {

class SafeMemory {
 public:
  // Throws Error where this is forbidden: where neither process_vm_readv(2) nor /proc/self/mem can
  // be used.
  SafeMemory();

  // False, and `into` may be anything, where it is not mapped.
  bool read(std::uintptr_t from, void* into, std::size_t size) const noexcept;
  template <class T>
  bool read(std::uintptr_t from, T& into) const noexcept {
    return read(from, &into, sizeof into);
  }
  // Up to its NUL, or the first of `most` characters.
  std::string read_text(std::uintptr_t from, std::size_t most = 200) const;

 private:
  pid_t process_;
  UniqueFd file_;  // the second best way
};

}  // namespace eddy::internal
