// Which process this is, told from those it was forked from by one load.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <cstdint>

namespace eddy::internal {

// Never zero, and another value in a child: counted on by a fork handler that the first loop
// installs. What was begun under another mark is the parent's: its kernel half goes on there.
inline constinit std::uint32_t process_mark = 1;

}  // namespace eddy::internal
