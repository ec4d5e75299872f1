#include <eddy/core/internal/misuse.hpp>

#include <eddy/base/description.hpp>
#include <eddy/core/loop.hpp>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace eddy::internal {

std::string name_and_place(const TaskState& task) {
  return task.name() + " in " + to_text(task.where());
}

void throw_misuse(std::string mistake) {
  if (thread_state.task) mistake += ", by " + name_and_place(*thread_state.task);
  throw UsageError(std::move(mistake));
}

void throw_without_frame(const char* verb, const char* signature) {
  throw_misuse(std::string(verb) + " of a task that was moved from, spawned, or awaited before: " +
               short_name(signature));
}

void throw_awaited_twice(const std::source_location& where) {
  throw_misuse("a task was awaited twice: " + to_text(where));
}

void report_lost_bytes(std::size_t count, std::string_view with) noexcept {
  const TaskState* task = thread_state.task;
  if (!thread_state.loop || !thread_state.loop->debug()) return;
  try {
    std::string lost = count_of_bytes(count);
    lost.append(count == 1 ? " was" : " were").append(" lost with ").append(with);
    thread_state.loop->report({.message = lost,
                               .task = task ? task->name() : std::string(),
                               .where = task ? task->where() : std::source_location()});
  } catch (...) {  // without memory it is not told
  }
}

void end_misplaced_frame(const std::source_location& where) noexcept {
  std::fprintf(stderr,
               "eddy: this compiler has misplaced the frame of %s (%s:%u); give what it awaits a "
               "name before the condition: const bool found = co_await find(); if (found) ...\n",
               where.function_name(), where.file_name(), where.line());
  std::abort();
}

// GCC 12 says nothing when it compiles one.
Failure no_co_return(const std::source_location& where) noexcept {
  try {
    throw UsageError("a coroutine ended without co_return: " + to_text(where));
  } catch (...) {
    return Failure::current();
  }
}

}  // namespace eddy::internal
