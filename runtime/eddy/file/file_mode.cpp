#include <eddy/file/file_mode.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/assert.hpp>

#include <fcntl.h>

#include <string>

namespace eddy {

FileMode FileMode::parse(std::string_view mode) {
  char kind = 0;
  bool plus = false;
  bool binary = false;
  bool text = false;
  const auto refuse = [&](const char* why) {
    throw UsageError("open with mode '" + std::string(mode) + "': " + why);
  };
  for (const char letter : mode) {
    switch (letter) {
      case 'r': case 'w': case 'a': case 'x':
        if (kind) refuse("exactly one of r, w, a, x");
        kind = letter;
        break;
      case '+':
        if (plus) refuse("+ stands twice");
        plus = true;
        break;
      case 'b': case 't':
        if (binary || text) refuse("one of b and t");
        (letter == 'b' ? binary : text) = true;
        break;
      default:
        refuse("unknown letter");
    }
  }
  if (!kind) refuse("exactly one of r, w, a, x");
  FileMode parsed;
  parsed.readable = kind == 'r' || plus;
  parsed.writable = kind != 'r' || plus;
  parsed.append = kind == 'a';
  parsed.binary = binary;
  parsed.flags = O_CLOEXEC | (plus ? O_RDWR : kind == 'r' ? O_RDONLY : O_WRONLY);
  if (kind == 'w') parsed.flags |= O_CREAT | O_TRUNC;
  if (kind == 'a') parsed.flags |= O_CREAT | O_APPEND;
  if (kind == 'x') parsed.flags |= O_CREAT | O_EXCL;
  EDDY_ASSERT(parsed.readable || parsed.writable);
  EDDY_ASSERT(mode.size() < parsed.letters.size());
  mode.copy(parsed.letters.data(), parsed.letters.size() - 1);  // three are the most there can be
  return parsed;
}

FileMode FileMode::from(OpenFlags flags) noexcept {
  const int access = flags.value & O_ACCMODE;
  FileMode mode;
  mode.flags = flags.value | O_CLOEXEC;
  mode.readable = access != O_WRONLY;
  mode.writable = access != O_RDONLY;
  mode.append = flags.value & O_APPEND;
  mode.binary = true;
  mode.letters[0] = !mode.writable ? 'r' : mode.append ? 'a' : mode.readable ? 'r' : 'w';
  if (access == O_RDWR) mode.letters[1] = '+';
  return mode;
}

}  // namespace eddy
