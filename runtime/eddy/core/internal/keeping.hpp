// keeping: a verb on memory that it keeps: what is done with a temporary.
//
// Whoever stores the call, or spawns it, would have it work on memory that has gone by then.
#pragma once

#include <eddy/core/task.hpp>
#include <eddy/core/try.hpp>

#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace eddy::internal {

template <class Memory, class Verb>
Task<AwaitValue<std::invoke_result_t<Verb&, Memory&>>> keep(Memory memory, Verb verb) {
  if constexpr (std::is_void_v<AwaitValue<std::invoke_result_t<Verb&, Memory&>>>) {
    EDDY_DO(std::invoke(verb, memory));
  } else {
    EDDY_TRY(auto value, std::invoke(verb, memory));
    co_return value;
  }
}

// `verb(memory)` makes the call, in the task. Messages name who calls this.
template <class Memory, class Verb>
auto keeping(Memory memory, Verb verb,
             std::source_location caller = std::source_location::current()) {
  auto task = keep<Memory, Verb>(std::move(memory), std::move(verb));
  task.set_where(caller);
  return task;
}

}  // namespace eddy::internal
