// The frames of a task that waits, from the innermost to its root: where each coroutine stands.
//
// A task knows its innermost frame, and each frame whom it tells when it ends. Not every frame need
// be eddy's: where a coroutine of another library awaits something of eddy's, what is read in the
// place of a promise is anything. So every word is read as a debugger would, by a system call that
// fails where there is no memory, and believed only if what it points at is part of the program.
#pragma once

#include <eddy/base/internal/safe_memory.hpp>
#include <eddy/core/internal/task_state.hpp>

#include <cstdint>
#include <link.h>
#include <optional>
#include <source_location>
#include <vector>

namespace eddy::internal {

struct FrameChain {
  std::vector<std::source_location> innermost;  // as many as were asked for
  std::size_t more = 0;                         // beyond those
  bool whole = false;  // it was followed to the task; else a frame is not eddy's
};

class FrameReader {
 public:
  FrameReader();  // learns where the program and its libraries lie in memory

  // Nothing of a task that runs: what it is in is not written down before it waits.
  FrameChain read(TaskState& task, std::size_t at_most) const;

 private:
  struct Part {
    std::uintptr_t begin;
    std::uintptr_t end;
  };

  static int add_parts(dl_phdr_info* info, std::size_t, void* to);
  bool in_program(const void* address) const noexcept;
  bool is_place(const std::source_location& where) const noexcept;

  std::optional<SafeMemory> memory_;
  std::vector<Part> parts_;
};

}  // namespace eddy::internal
