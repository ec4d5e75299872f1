// path_of: a path, or any name that ends with a zero byte, on its way to the kernel.
#pragma once

#include <eddy/base/text.hpp>

#include <string_view>

namespace eddy::internal {

[[noreturn]] void refuse_path(std::string_view path);

// Throws UsageError for one that holds a zero byte: the kernel would read up to there, and do to
// another file what was meant for this one.
inline const char* path_of(const Text& path) {
  if (path.view().find('\0') != std::string_view::npos) [[unlikely]] refuse_path(path.view());
  return path.c_str();
}

}  // namespace eddy::internal
