// Misuse: what is thrown where a task is used as no task can be. Says who did it, and where.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <cstddef>
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

// In debug mode: tells the loop's exception handler that `count` bytes are gone with something that
// was dropped, of which nobody else can be told; and which task runs. Nothing where no loop does.
void report_lost_bytes(std::size_t count, std::string_view with) noexcept;

// Of a coroutine that ended without a value, and should have had one.
Failure no_co_return(const std::source_location& where) noexcept;

}  // namespace eddy::internal
