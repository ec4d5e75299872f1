// SpawnOptions: how a task is started.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <string_view>

namespace eddy {

class Context;

// Trivially copyable: GCC 12 miscompiles other aggregates beside a co_await.
struct SpawnOptions {
  std::string_view name = {};  // for messages; copied
  bool eager = false;          // runs to its first suspension before spawn() returns
  // What its context variables are: copied. Null: those of whoever spawns.
  const Context* context = nullptr;
};

}  // namespace eddy
