// File: a file with the buffering of Python's file objects, and one order of operations.
//
// Calls on one file are done in the order in which they were made, whoever makes them; read_at()
// and write_at() name their own place and are not ordered. A cancelled call loses no byte and moves
// no position. What is written stays in the buffer until flush(), close() or until the buffer is
// full. Short reads and writes are completed; EINTR and EAGAIN are never seen.
//
// A file that is dropped without close() is closed, and what was not flushed is lost: nobody could
// be told of a failure. Errors are Error with the file's name; a call on a closed file throws
// UsageError. A File belongs to the loop that it was opened on, and outlives the calls on it.
#pragma once

#include <eddy/core/task.hpp>
#include <eddy/io/end_of_file.hpp>
#include <eddy/io/file_state.hpp>
#include <eddy/io/read_call.hpp>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace eddy {

enum class Whence { start = SEEK_SET, current = SEEK_CUR, end = SEEK_END };

// Trivially copyable.
struct OpenOptions {
  int buffering = -1;            // bytes; 0 for none (O_DIRECT needs that), -1 for 64 KiB
  unsigned permissions = 0666;   // of a file that is created, before umask
  int flags = 0;                 // more flags of open(2): O_DIRECT, O_NOFOLLOW ...
  bool registered = false;       // take a place of LoopOptions.registered_files
  std::optional<FilePolicy> policy = std::nullopt;  // instead of the loop's
};

class Lines;
class ReadAt;
class WriteAt;

class File {
 public:
  static constexpr std::size_t all = static_cast<std::size_t>(-1);

  File() = default;
  File(File&&) noexcept = default;
  File& operator=(File&&) noexcept = default;

  // A descriptor that somebody else opened; closed by close() if `owned`. Uses the kernel's
  // position.
  static File adopt(int fd, std::string_view mode, bool owned = true, OpenOptions options = {});

  // -- reading; at the end of the file: nothing --

  Task<std::string> read(std::size_t count = all);
  // Fills `into` unless the file ends before. The memory must stay until it resumes. ∅
  Task<std::size_t> read_into(MutableBytes into);
  // What there is, at least one byte and at most `into`, with one read at most: does not wait for a
  // pipe or a terminal to give more. 0 at the end. ∅
  Task<std::size_t> read_some(MutableBytes into);
  // Throws EndOfFile, with what there was, if the file ends before `into` is full. ∅
  Task<> read_exactly(MutableBytes into);
  // With its "\n"; the last line may lack it; empty at the end.
  Task<std::string> readline();
  // The same into `line`, whose memory is used again; false at the end. ∅
  Task<bool> readline_into(std::string& line);
  Task<std::vector<std::string>> readlines();
  // while (auto line = co_await lines.next()) ...
  Lines lines();
  // What is read ahead, at most `count` bytes, without taking it; reads once if that is nothing.
  Task<std::string> peek(std::size_t count);

  // -- writing --

  // Takes all of `bytes`, and returns how many that is. Cancelled while an older part of the buffer
  // is written out: nothing of `bytes` was taken. What is larger than the buffer goes to the kernel
  // at once; a pipe that is full may then have taken a part of it: tell() says nothing there. ∅
  Task<std::size_t> write(Bytes bytes);
  template <class Range>
  Task<> writelines(const Range& lines) {
    for (const auto& line : lines) {
      auto written = co_await as_outcome(write(line));
      if (!written) co_await fail(std::move(written.error()));
    }
  }
  // To the kernel; sync() also to the disk, datasync() without the times of the file.
  Task<> flush();
  Task<> sync();
  Task<> datasync();

  // -- at a place of its own: the position neither matters nor moves; several may be in progress --

  // The bytes read; fewer only at the end of the file. ∅
  ReadAt read_at(MutableBytes into, std::uint64_t offset);
  // Writes all of `bytes`. In append mode the kernel ignores `offset`. ∅
  WriteAt write_at(Bytes bytes, std::uint64_t offset);

  // -- position and size --

  // The new position. Beyond the end is allowed: what is in between reads as zeros.
  Task<std::uint64_t> seek(std::int64_t offset, Whence whence = Whence::start);
  Task<std::uint64_t> tell();
  // To `size`, or to the position; the position stays, growing adds zeros. Returns the size.
  Task<std::uint64_t> truncate(std::optional<std::uint64_t> size = std::nullopt);
  // Reserves disk space for [offset, offset + length).
  Task<> allocate(std::uint64_t offset, std::uint64_t length);
  // Tells the kernel how the file will be used: POSIX_FADV_*.
  void advise(std::uint64_t offset, std::uint64_t length, int advice);
  Task<FileStat> stat();

  // Flushes and closes. Idempotent. The descriptor is closed also when flushing failed; cancelled
  // while flushing, the file stays open, cancelled after that it is closed. Throws UsageError while
  // read_at() or write_at() is in progress.
  Task<> close();

  bool closed() const noexcept { return !state_ || state_->fd < 0; }
  std::string_view name() const { return open_state().name.view(); }
  std::string_view mode() const { return open_state().mode.name(); }
  int fileno() const { return open_state().fd; }
  bool readable() const { return open_state().mode.readable; }
  bool writable() const { return open_state().mode.writable; }
  bool seekable() const;
  FilePolicy policy() const { return open_state().policy; }

 private:
  friend Task<File> open_file(Text path, FileMode mode, OpenOptions options);
  friend class FileAccess;
  explicit File(std::unique_ptr<FileState> state) noexcept : state_(std::move(state)) {}

  FileState& open_state() const;
  FileState& to_read() const;
  FileState& to_write() const;
  Task<> sync_with(unsigned flags);

  std::unique_ptr<FileState> state_;
};

Task<File> open_file(Text path, FileMode mode, OpenOptions options);

// Opens `path` as Python's open() does: the same modes, errors and buffering. Cancelled: nothing is
// left open. A directory is refused with EISDIR whatever the mode. Waits for the other end of a
// FIFO. Throws UsageError at once for a mode that makes no sense.
inline Task<File> open(Text path, std::string_view mode = "r", OpenOptions options = {}) {
  return open_file(std::move(path), FileMode::parse(mode), options);
}
inline Task<File> open(Text path, OpenFlags flags, OpenOptions options = {}) {
  return open_file(std::move(path), FileMode::from(flags), options);
}

// The standard streams, unbuffered for writing, never closed.
File stdin_file();
File stdout_file();
File stderr_file();

// The lines of a file, one at a time. REQUIRES: the file stays open.
class Lines {
 public:
  explicit Lines(File& file) noexcept : file_(&file) {}

  // No value at the end of the file.
  Task<std::optional<std::string>> next();
  // The same into `line`, whose memory is used again; false at the end. ∅
  Task<bool> next_into(std::string& line) { return file_->readline_into(line); }

 private:
  File* file_;
};

inline Lines File::lines() { return Lines(*this); }

// A read at a place of its own: one operation without a coroutine frame, unless bytes that were
// written wait in the buffer: then it waits for its turn, and flushes them first.
class [[nodiscard]] ReadAt : public ReadCall {
 public:
  using value_type = std::size_t;
  ReadAt(FileState& file, MutableBytes into, std::uint64_t offset) noexcept;

  bool await_ready() {
    EDDY_ASSERT(file_.fd >= 0);  // not closed between the call and the await
    ++file_.positional;
    if (!file_.dirty()) [[likely]] return ReadCall::await_ready();
    in_turn_.emplace(read_in_turn(file_, into_, static_cast<std::uint64_t>(offset_)));
    return false;
  }
  bool await_suspend(std::coroutine_handle<> frame) {
    if (in_turn_) [[unlikely]] return in_turn_->await_suspend(frame);
    ReadCall::await_suspend(frame);
    return true;
  }
  std::size_t await_resume() {
    if (!in_turn_ && result() == static_cast<int>(into_.size())) [[likely]] {
      --file_.positional;
      return static_cast<std::size_t>(Operation::await_resume());
    }
    return value_or_raise(await_outcome());
  }
  Expected<std::size_t> await_outcome() {
    --file_.positional;
    return in_turn_ ? in_turn_->await_outcome() : complete();
  }

 private:
  static Task<std::size_t> read_in_turn(FileState& file, MutableBytes into, std::uint64_t offset);
  Expected<std::size_t> complete();

  std::optional<Task<std::size_t>> in_turn_;
};

struct PositionalWrite {
  int fd;
  Bytes bytes;
  std::uint64_t offset;
  ssize_t operator()() const;
};

// A write at a place of its own, inline or on the ring as Storage decides; when there is something
// in the buffer, or another call in progress, it waits for its turn and empties the buffer first.
class [[nodiscard]] WriteAt : public FileCall<PositionalWrite> {
 public:
  using value_type = std::size_t;
  WriteAt(FileState& file, Bytes bytes, std::uint64_t offset) noexcept;

  bool await_ready();
  bool await_suspend(std::coroutine_handle<> frame);
  std::size_t await_resume() { return value_or_raise(await_outcome()); }
  Expected<std::size_t> await_outcome();

 private:
  static Task<std::size_t> write_in_turn(FileState& file, PositionalWrite write);

  FileState& file_;
  PositionalWrite write_;
  std::optional<Task<std::size_t>> in_turn_;
};

}  // namespace eddy
