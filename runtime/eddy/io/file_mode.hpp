// FileMode: what open()'s mode string says: one of r w a x, then + and b or t in any order.
#pragma once

#include <string_view>

namespace eddy {

struct FileMode {
  // Throws UsageError for anything that Python's open() refuses, before any system call.
  static FileMode parse(std::string_view mode);

  int flags = 0;  // of open(2), O_CLOEXEC included
  bool readable = false;
  bool writable = false;
  bool append = false;
};

}  // namespace eddy
