#include <eddy/file/whole_file.hpp>

#include <eddy/core/try.hpp>

#include <algorithm>

namespace eddy {
namespace {

// Writes and closes; what was opened is closed whatever happens.
Task<> write_all(Text path, std::string_view mode, Bytes bytes) {
  EDDY_TRY(auto file, open(path, mode, {.buffering = 0}));
  EDDY_DO(file.write(bytes));
  EDDY_DO(file.close());
}

}  // namespace

template <>
Task<std::string> internal::read_by_file(Text path, UniqueFd held) {
  EDDY_TRY(auto file, open(path, "rb", {.buffering = 0}));
  held.reset();
  EDDY_TRY(auto text, file.read());
  EDDY_DO(file.close());
  co_return text;
}

template <>
Task<std::vector<std::byte>> internal::read_by_file(Text path, UniqueFd held) {
  EDDY_TRY(auto file, open(path, "rb", {.buffering = 0}));
  held.reset();
  EDDY_TRY(auto stat, file.stat());
  std::vector<std::byte> bytes;
  // The size is a guess, and none in /proc: the end is where a read finds it.
  for (std::size_t chunk = stat.size + 1, done = 0;; chunk = std::max<std::size_t>(done, 65536)) {
    bytes.resize(done + chunk);
    EDDY_TRY(auto got, file.read_into(MutableBytes(bytes.data() + done, chunk)));
    done += got;
    if (got == chunk) continue;
    bytes.resize(done);
    break;
  }
  EDDY_DO(file.close());
  co_return bytes;
}

internal::ReadWhole<std::string> read_text(Text path) {
  return internal::ReadWhole<std::string>(std::move(path));
}
internal::ReadWhole<std::vector<std::byte>> read_bytes(Text path) {
  return internal::ReadWhole<std::vector<std::byte>>(std::move(path));
}

Task<> write_text(Text path, std::string text) {
  EDDY_DO(write_all(path, "wb", text));
}
Task<> write_bytes(Text path, Bytes bytes) { return write_all(std::move(path), "wb", bytes); }
Task<> append_text(Text path, std::string text) {
  EDDY_DO(write_all(path, "ab", text));
}

}  // namespace eddy
