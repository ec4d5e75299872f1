// Version: of HTTP, which a response came by.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <cstdint>

namespace eddy::http {

enum class Version : std::uint8_t { unknown, http1_0, http1_1, http2 };

}  // namespace eddy::http
