// Locks on files, between programs: of a whole file by flock(2), of a range by fcntl(2).
//
//   const FileLock held = co_await lock_file(file);  // nobody else has it from here on
//   auto range = co_await lock_range(file, 0, 100, FileLockMode::shared);
//   auto soon = co_await timeout(1s, lock_file(file));
//
// Both belong to the file as it was opened, not to a task or a process (F_OFD_SETLK): who opens it
// once more is somebody else, in this program too, and tasks that share a File share its locks. A
// lock ends by release(), when its guard dies, when the File is closed or dropped, and when the
// last process that has it open ends, however it does. Locks are advisory; those of whole files and
// those of ranges do not see each other, but over NFS, where all are ranges. A range that is to be
// shared wants a file that is open for reading, an exclusive one a file that is open for writing.
//
// The ring knows no lock, and a thread that waits in flock(2) ends by a signal alone, for which the
// whole process would need a handler. So what another has is tried again: after 1 ms, after 2 ms,
// ... after 50 ms. No thread is held, however many wait, and a wait can be cancelled. The price: a
// lock that was given back may lie there for that long, and the first to ask has it then, not the
// first who came.
//
// A try is made in place, and by a thread where the file system is remote.
#pragma once

#include <eddy/base/internal/process.hpp>
#include <eddy/core/task.hpp>
#include <eddy/file/file.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace eddy {

enum class FileLockMode : std::uint8_t { shared, exclusive };

class FileLock;

namespace internal {

// The whole file by flock(2), or `length` bytes from `offset`; a length of 0 is to the end, however
// far that goes.
struct LockedRange {
  bool whole = true;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
Task<FileLock> lock_file(Counted<FileState> file, LockedRange range, FileLockMode mode);
Task<std::optional<FileLock>> try_lock_file(Counted<FileState> file, LockedRange range,
                                            FileLockMode mode);

}  // namespace internal

// What was locked; gives it back when it dies. May be moved, and outlive the File: then the lock
// has ended before.
class [[nodiscard]] FileLock {
 public:
  FileLock() = default;
  FileLock(FileLock&& other) noexcept
      : file_(std::move(other.file_)), range_(other.range_), process_(other.process_) {}
  FileLock& operator=(FileLock&& other) noexcept {
    if (this != &other) {
      release();
      file_ = std::move(other.file_);
      range_ = other.range_;
      process_ = other.process_;
    }
    return *this;
  }
  ~FileLock() { release(); }

  // Idempotent. A plain call, also where the file system is remote. Nothing in a child after
  // fork(): the file is open in both, and the lock is its parent's.
  void release() noexcept;
  // Not released, and the file is open.
  bool held() const noexcept { return file_ && file_->fd >= 0; }

 private:
  friend Task<FileLock> internal::lock_file(internal::Counted<internal::FileState>,
                                            internal::LockedRange, FileLockMode);
  friend Task<std::optional<FileLock>> internal::try_lock_file(
      internal::Counted<internal::FileState>, internal::LockedRange, FileLockMode);
  FileLock(internal::Counted<internal::FileState> file, internal::LockedRange range) noexcept
      : file_(std::move(file)), range_(range) {}

  internal::Counted<internal::FileState> file_;
  internal::LockedRange range_;
  std::uint32_t process_ = internal::process_mark;
};

// Waits until nobody else has it. Cancelled: nothing was locked. Throws Error: EBADF for a range of
// a file that is not open for it, EINVAL for one that goes beyond 2^63, ENOLCK; ECANCELED when the
// File is closed or dropped meanwhile.
//
// Of what the file has locked already the mode is changed, and either guard gives it back. A range
// keeps the mode it had until it has the other: two that share it and both want it for themselves
// wait for each other, which timeout() ends. A whole file is given up before, also when the try
// fails then (flock(2)): what was read under the shared lock may not be so any more.
inline Task<FileLock> lock_file(const File& file, FileLockMode mode = FileLockMode::exclusive) {
  return internal::lock_file(internal::FileAccess::state_of(file), {}, mode);
}
inline Task<FileLock> lock_range(const File& file, std::uint64_t offset, std::uint64_t length,
                                 FileLockMode mode = FileLockMode::exclusive) {
  return internal::lock_file(internal::FileAccess::state_of(file), {false, offset, length}, mode);
}

// At once: no value where somebody else has it.
inline Task<std::optional<FileLock>> try_lock_file(
    const File& file, FileLockMode mode = FileLockMode::exclusive) {
  return internal::try_lock_file(internal::FileAccess::state_of(file), {}, mode);
}
inline Task<std::optional<FileLock>> try_lock_range(
    const File& file, std::uint64_t offset, std::uint64_t length,
    FileLockMode mode = FileLockMode::exclusive) {
  return internal::try_lock_file(internal::FileAccess::state_of(file), {false, offset, length},
                                 mode);
}

}  // namespace eddy
