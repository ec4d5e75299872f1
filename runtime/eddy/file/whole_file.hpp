// Whole files in one call: open, read or write everything, close.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/core/task.hpp>
#include <eddy/core/internal/keeping.hpp>
#include <eddy/file/file.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace eddy {

Task<std::string> read_text(Text path);
Task<std::vector<std::byte>> read_bytes(Text path);

// Creates or replaces the file. The bytes must stay until it resumes, unless they are those of a
// temporary.
Task<> write_text(Text path, std::string text);
Task<> write_bytes(Text path, Bytes bytes);
template <internal::TemporaryBytes R>
Task<> write_bytes(Text path, R&& bytes) {
  return internal::keeping(std::move(bytes), [to = std::move(path)](R& memory) {
    return write_bytes(to, Bytes(memory));
  });
}
Task<> append_text(Text path, std::string text);

// Readers see the old file or the new one whole, also after a power failure: writes a temporary
// file beside it (".tmp-" and twelve letters: only a crash leaves one), syncs, renames, syncs the
// directory. Failed or cancelled: the old one is untouched and nothing is left beside it. But once
// the new one has taken its place that is what is reported: a cancel then stays pending, and if the
// directory cannot be synced the Error says "sync the directory after replacing".
//
// Keeps the permissions of the file it replaces, and its owner and group as far as this user may;
// no access lists, no set-user-ID. A symbolic link is itself replaced, not the file that it leads
// to. EISDIR and EINVAL where a directory, a FIFO, a device or the like stands. The bytes as those
// of write_bytes().
Task<> write_atomic(Text path, Bytes bytes);
template <internal::TemporaryBytes R>
Task<> write_atomic(Text path, R&& bytes) {
  return internal::keeping(std::move(bytes), [to = std::move(path)](R& memory) {
    return write_atomic(to, Bytes(memory));
  });
}

}  // namespace eddy
