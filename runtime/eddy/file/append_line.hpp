// append_line: a line more in a file that others append to as well, as a log.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/text.hpp>
#include <eddy/core/task.hpp>
#include <eddy/core/internal/keeping.hpp>

#include <utility>

namespace eddy {

// Trivially copyable.
struct AppendLineOptions {
  // Also on the disk before it resumes, and so is the name of a file that was not there. Without it
  // the line outlives this program, but not a power failure.
  bool durable = false;
  unsigned permissions = 0666;  // of a file that was not there, before umask
};

// Appends `line` and a "\n", which it need not have, by one write: lines of several tasks and
// programs come in any order, and none stands within another (on a remote file system: those of one
// host). Makes the file if it is not there.
//
// Failed or cancelled: nothing was appended; except that a disk which becomes full may take a part
// of the line, and the Error says "append more than a part of a line to". That part, or one that a
// crash has left, is not taken back, since others may have appended meanwhile. Where it stands at
// the end without a "\n", the next line begins with one, or is written once more where it was too
// late for that. So a reader meets each line whole, and now and then a torn one, or an empty one
// after it where two began with a "\n" at the same time: who must tell them apart writes a checksum
// into each. Once the line is there that is what is reported: a cancel stays pending, and if it
// cannot be synced the Error says "sync after appending a line to".
//
// ∅ EISDIR for a directory, EINVAL for a FIFO, a socket or a terminal, for 2 GiB and more. The
// bytes must stay until it resumes, unless they are those of a temporary.
Task<> append_line(Text path, Bytes line, AppendLineOptions options = {});
template <internal::TemporaryBytes R>
Task<> append_line(Text path, R&& line, AppendLineOptions options = {}) {
  return internal::keeping(std::move(line), [to = std::move(path), options](R& memory) {
    return append_line(to, Bytes(memory), options);
  });
}

}  // namespace eddy
