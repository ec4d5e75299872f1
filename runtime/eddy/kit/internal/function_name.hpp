// function_name: which function an address is in, without debug information.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <string>

namespace eddy::internal {

// "app::fetch()"; what the dynamic linker knows, else what the program's own table of symbols says,
// also of functions that nobody exports. Of a stripped program "prog+0x1234", for addr2line(1).
// Empty where no program and no library is.
std::string function_name(const void* address);

}  // namespace eddy::internal
