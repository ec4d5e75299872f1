// Misuse: what is thrown where a task is used as no task can be. Says who did it, and where.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

namespace eddy {
class Failure;
}

namespace eddy::internal {

class TaskState;

// "worker in fetch() (main.cpp:12)"
std::string name_and_place(const TaskState& task);

// Throws UsageError: `mistake`, and the task that runs, if any does:
//   a task was awaited twice: fetch() (main.cpp:12), by worker in amain() (main.cpp:30)
[[noreturn]] void throw_misuse(std::string mistake);

// The same for a Task: `signature` is its type's (signature_of), `where` that of its coroutine.
[[noreturn]] void throw_without_frame(const char* verb, const char* signature);
[[noreturn]] void throw_awaited_twice(const std::source_location& where);

// GCC 12 before 12.3 (PR 106188) begins the frame of a coroutine a word too late, so that it runs
// wild, when its first co_await stands in the condition of an if, a while or a switch, and no
// variable is declared beside that. Ends the program with a message that names the coroutine.
[[noreturn]] void end_misplaced_frame(const std::source_location& where) noexcept;
inline void check_frame([[maybe_unused]] const void* frame,
                        [[maybe_unused]] const std::source_location& where) noexcept {
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ == 12
  constexpr std::uintptr_t alignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
  if (reinterpret_cast<std::uintptr_t>(frame) % alignment != 0) [[unlikely]] {
    end_misplaced_frame(where);
  }
#endif
}

// In debug mode: tells the loop's exception handler that `count` bytes are gone with something that
// was dropped, of which nobody else can be told; and which task runs. Nothing where no loop does.
void report_lost_bytes(std::size_t count, std::string_view with) noexcept;

// Of a coroutine that ended without a value, and should have had one.
Failure no_co_return(const std::source_location& where) noexcept;

}  // namespace eddy::internal
