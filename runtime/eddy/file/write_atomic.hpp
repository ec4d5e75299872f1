// write_atomic: a file that its readers see as it was or as it shall be, never between.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/core/task.hpp>
#include <eddy/core/internal/keeping.hpp>
#include <eddy/base/text.hpp>

#include <utility>

namespace eddy {

// Trivially copyable.
struct WriteAtomicOptions {
  // False leaves the syncs out: the program may still die at any moment, but after a power failure
  // the file may be the old one, or empty.
  bool durable = true;
  unsigned permissions = 0666;  // of a file that was not there, before umask
};

// Readers see the old file or the new one whole, also after a power failure: writes a temporary
// file beside it (".tmp-" and twelve letters: only a crash leaves one), syncs, renames, syncs the
// directory. Failed or cancelled: the old one is untouched and nothing is left beside it. But once
// the new one has taken its place that is what is reported: a cancel then stays pending, and if the
// directory cannot be synced the Error says "sync the directory after replacing". A directory that
// has just been made is as safe as its own parent: sync that too.
//
// Keeps the permissions of the file it replaces, and its owner and group as far as this user may;
// what makes a program run as its owner only where writing into it would. No access lists; other
// hard links keep the old one. A symbolic link is itself replaced, not the file that it leads to.
// EISDIR and EINVAL where a directory, a FIFO, a device or the like stands, EBUSY where a file is
// mounted (as a container's /etc/resolv.conf), which nothing can replace.
//
// The bytes must stay until it resumes, unless they are those of a temporary.
Task<> write_atomic(Text path, Bytes bytes, WriteAtomicOptions options = {});
template <internal::TemporaryBytes R>
Task<> write_atomic(Text path, R&& bytes, WriteAtomicOptions options = {}) {
  return internal::keeping(std::move(bytes), [to = std::move(path), options](R& memory) {
    return write_atomic(to, Bytes(memory), options);
  });
}

}  // namespace eddy
