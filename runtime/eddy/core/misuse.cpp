#include <eddy/core/misuse.hpp>

#include <eddy/base/description.hpp>
#include <eddy/core/task_state.hpp>

#include <utility>

namespace eddy {

std::string to_text(const TaskState& task) { return task.name() + " in " + to_text(task.where()); }

void throw_misuse(std::string mistake) {
  if (thread_state.task) mistake += ", by " + to_text(*thread_state.task);
  throw UsageError(std::move(mistake));
}

void throw_without_frame(const char* verb, const char* signature) {
  throw_misuse(std::string(verb) + " of a task that was moved from, spawned, or awaited before: " +
               short_name(signature));
}

void throw_awaited_twice(const std::source_location& where) {
  throw_misuse("a task was awaited twice: " + to_text(where));
}

// GCC 12 says nothing when it compiles one.
Failure no_co_return(const std::source_location& where) noexcept {
  try {
    throw UsageError("a coroutine ended without co_return: " + to_text(where));
  } catch (...) {
    return Failure::current();
  }
}

}  // namespace eddy
