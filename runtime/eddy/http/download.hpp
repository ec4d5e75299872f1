// How a body goes to a file: Response::download_to().
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <cstdint>
#include <functional>
#include <optional>

namespace eddy::http {

// Called with how many bytes were written, and how many there will be, where the server says that.
using DownloadProgress = std::function<void(std::uint64_t done, std::optional<std::uint64_t> all)>;

// Trivially copyable.
struct DownloadOptions {
  bool append = false;  // behind what is in the file, as for the answer to a request with a range
};

}  // namespace eddy::http
