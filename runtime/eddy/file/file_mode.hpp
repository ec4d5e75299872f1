// FileMode: how a file is opened: a mode string (one of r w a x, then + and b or t in any order),
// or the flags of open(2).
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <array>
#include <string_view>

namespace eddy {

// The flags of open(2) in the place of a mode: open(path, OpenFlags{O_RDWR | O_CREAT | O_EXCL}).
struct OpenFlags {
  int value;
};

struct FileMode {
  // Throws UsageError for anything that Python's open() refuses, before any system call.
  static FileMode parse(std::string_view mode);
  static FileMode from(OpenFlags flags) noexcept;

  std::string_view name() const noexcept { return letters.data(); }

  int flags = 0;  // of open(2), O_CLOEXEC included
  bool readable = false;
  bool writable = false;
  bool append = false;
  bool binary = false;  // "b", or flags: not written by lines
  std::array<char, 4> letters{};  // as it was given; the nearest one for flags
};

}  // namespace eddy
