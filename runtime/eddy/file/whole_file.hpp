// Whole files in one call: open, read or write everything, close.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/core/task.hpp>
#include <eddy/core/internal/keeping.hpp>
#include <eddy/file/file.hpp>
#include <eddy/file/internal/whole_read.hpp>
#include <eddy/file/write_atomic.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace eddy {

// A directory is refused with EISDIR; waits for the other end of a FIFO. Cancelled: nothing is left
// open.
internal::ReadWhole<std::string> read_text(Text path);
internal::ReadWhole<std::vector<std::byte>> read_bytes(Text path);

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

}  // namespace eddy
