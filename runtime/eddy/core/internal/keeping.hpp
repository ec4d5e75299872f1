// keeping: a call on memory that it keeps: what a verb does that was given a temporary.
//
// Whoever stores the call, or spawns it, would have it work on memory that has gone by then.
#pragma once

#include <eddy/core/task.hpp>
#include <eddy/core/try.hpp>

#include <type_traits>
#include <utility>

namespace eddy::internal {

template <class Call, class Memory, class State, class... Rest>
Task<typename Call::value_type> keeping(State state, Memory memory, Rest... rest) {
  if constexpr (std::is_void_v<typename Call::value_type>) {
    EDDY_DO(Call(std::move(state), memory, rest...));
  } else {
    EDDY_TRY(auto value, Call(std::move(state), memory, rest...));
    co_return value;
  }
}

}  // namespace eddy::internal
