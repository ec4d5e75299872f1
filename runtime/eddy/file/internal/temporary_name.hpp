// Names for temporary files: random, so that what a crash left behind is in nobody's way.
#pragma once

#include <eddy/base/text.hpp>

#include <string>
#include <string_view>

namespace eddy::internal {

// So many names are tried before a directory is taken for full of them.
inline constexpr int most_names = 100;

// Twelve letters and digits.
std::string random_name();

// A path in the directory of `path`: hidden from globs, and short however long the name of the
// file is, which may have as many bytes as a name can.
Text name_beside(std::string_view path);

}  // namespace eddy::internal
