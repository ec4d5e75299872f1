// The time namespace of this process, where clocks may be ahead of the host's or behind.
#pragma once

#include <eddy/base/internal/standard.hpp>

namespace eddy::internal {

// False also where that cannot be told.
bool clock_is_the_hosts() noexcept;

}  // namespace eddy::internal
