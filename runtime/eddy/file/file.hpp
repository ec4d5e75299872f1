// File: a file with the buffering of Python's file objects, and one order of operations.
//
// Calls on one file are done in the order in which they were made, whoever makes them; read_at()
// and write_at() name their own place and are not ordered. A cancelled call loses no byte and moves
// no position. What is written stays in the buffer until flush(), close() or until the buffer is
// full. Short reads and writes are completed; EINTR and EAGAIN are never seen.
//
// A file is bytes: nothing is decoded and no line end translated, with "b" in the mode or without.
// A line ends after "\n" and nowhere else, and keeps a "\r" before it.
//
// A file that is dropped without close(), or replaced by another, is closed, and what was not
// flushed is lost: nobody could be told of a failure. In debug mode that is reported. Calls on it
// that are in progress end with ECANCELED. Errors are Error with the file's name; a call on a
// closed file throws UsageError.
//
// A File may be moved while calls are in progress. It belongs to the loop that last used it, and
// throws UsageError on another one while it has calls in progress.
#pragma once

#include <eddy/bytes/end_of_file.hpp>
#include <eddy/core/internal/keeping.hpp>
#include <eddy/core/task.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/file_state.hpp>
#include <eddy/file/internal/file_verbs.hpp>
#include <eddy/file/internal/read_call.hpp>

#include <fcntl.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace eddy {

// To `data` and `hole`: from the offset on, the first byte that is in data, or in a hole (which
// also begins at the end); ENXIO behind the end.
enum class Whence {
  start = SEEK_SET,
  current = SEEK_CUR,
  end = SEEK_END,
  data = SEEK_DATA,
  hole = SEEK_HOLE
};

// What becomes of the part of a file that allocate() is given.
enum class Allocate {
  grow = 0,                         // has disk space; the file grows to hold all of it
  keep_size = FALLOC_FL_KEEP_SIZE,  // the same, but the end stays where it is
  zero = FALLOC_FL_ZERO_RANGE,      // reads as zeros and has disk space; grows as well
  // Reads as zeros and takes no disk space; the end stays.
  punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
};

// Trivially copyable.
struct OpenOptions {
  // Bytes; 0 for none, -1 for 64 KiB. 1 is for lines: what holds a "\n" is written at once; so is
  // it on a terminal by itself. With "b" or OpenFlags there are no lines: 1 is 64 KiB.
  int buffering = -1;
  unsigned permissions = 0666;  // of a file that is created, before umask
  // More flags of open(2): O_NOFOLLOW, O_DIRECT ... The last goes without a buffer, and wants
  // memory, offsets and sizes in whole blocks of the disk: see AlignedBuffer.
  int flags = 0;
  bool registered = false;  // take a place of LoopOptions.registered_files
  // What is read and written does not stay in the page cache (6.14, where the file system knows
  // it; otherwise it does). For large files that are used once: all goes by the ring.
  bool uncached = false;
  std::optional<FilePolicy> policy = std::nullopt;  // instead of the loop's
  // "utf-8", however it is spelled, or nothing, which is the same; UsageError for any other.
  std::string_view encoding = {};
};

class File;
class Lines;
class ReadAt;
class WriteAt;

namespace internal {
class FileAccess;
Task<File> open_file(Text path, FileMode mode, OpenOptions options);
void check_encoding(std::string_view encoding);
// At the call: nobody keeps the view.
inline void check_encoding(const OpenOptions& options) {
  if (!options.encoding.empty()) [[unlikely]] check_encoding(options.encoding);
}
}  // namespace internal

class File {
  using Verbs = internal::FileVerbs;
  template <class Verb>
  using AtOnce = internal::AtOnce<Verb>;  // a Task, and made only where something waits

 public:
  static constexpr std::size_t all = static_cast<std::size_t>(-1);

  File() = default;

  // A descriptor that somebody else opened; closed by close() if `owned`. Uses the kernel's
  // position. It must stay what it is until the File is closed or dropped, which takes back what
  // was read ahead.
  static File adopt(int fd, std::string_view mode, bool owned = true, OpenOptions options = {});

  // -- reading; at the end of the file: nothing --

  Task<std::string> read(std::size_t count = all) { return read(state_, count); }
  // Fills `into` unless the file ends before. The memory must stay until it resumes. ∅
  AtOnce<Verbs::ReadInto> read_into(MutableBytes into) { return {state_, into}; }
  // What there is, at least one byte and at most `into`, with one read at most: does not wait for a
  // pipe or a terminal to give more. 0 at the end. ∅
  AtOnce<Verbs::ReadSome> read_some(MutableBytes into) { return {state_, into}; }
  // Throws EndOfFile, with what there was, if the file ends before `into` is full. ∅
  AtOnce<Verbs::ReadExactly> read_exactly(MutableBytes into) { return {state_, into}; }
  // With its "\n"; the last line may lack it; empty at the end.
  AtOnce<internal::ReadLine<Verbs::Lines>> readline() { return {Verbs::Lines(state_)}; }
  // Of a longer line `limit` bytes: the next call goes on there.
  Task<std::string> readline(std::size_t limit) { return readline(state_, limit); }
  // The same into `line`, whose memory is used again; false at the end. ∅
  AtOnce<internal::ReadLineInto<Verbs::Lines>> readline_into(std::string& line) {
    return {Verbs::Lines(state_), line};
  }
  Task<bool> readline_into(std::string& line, std::size_t limit) {
    return readline_into(state_, line, limit);
  }
  // All lines; or whole ones until they have more than `hint` bytes.
  Task<std::vector<std::string>> readlines(std::size_t hint = all) {
    return readlines(state_, hint);
  }
  // while (auto line = co_await lines.next()) ...
  Lines lines();
  // What is read ahead, at most `count` bytes, without taking it; reads once if that is nothing.
  Task<std::string> peek(std::size_t count) { return peek(state_, count); }

  // -- writing; the bytes must stay until it resumes, unless they are those of a temporary --

  // Takes all of `bytes`, and returns how many that is. Cancelled while an older part of the buffer
  // is written out: nothing of `bytes` was taken. What is larger than the buffer goes to the kernel
  // at once; a pipe that is full may then have taken a part of it: tell() says nothing there. ∅
  AtOnce<Verbs::Write> write(Bytes bytes) { return {state_, bytes}; }
  template <internal::TemporaryBytes R>
  Task<std::size_t> write(R&& bytes) {
    return internal::keeping(std::move(bytes), [state = State(state_)](R& memory) {
      return AtOnce<Verbs::Write>(state, Bytes(memory));
    });
  }
  // Each of `lines`, which must stay, unless it is a temporary.
  template <class Range>
  Task<> writelines(Range&& lines) {
    return writelines<Range>(state_, std::forward<Range>(lines));
  }
  // To the kernel; sync() also to the disk, datasync() without the times of the file.
  Task<> flush() { return flush(state_); }
  Task<> sync() { return sync(state_, 0); }
  Task<> datasync();

  // -- at a place of its own: the position neither matters nor moves; several may be in progress --
  // EINVAL for an offset of 2^63 and more, as from all that takes offsets and sizes.

  // The bytes read; fewer only at the end of the file. ∅
  ReadAt read_at(MutableBytes into, std::uint64_t offset);
  // Writes all of `bytes`. In append mode the kernel ignores `offset`. ∅
  WriteAt write_at(Bytes bytes, std::uint64_t offset);
  template <internal::TemporaryBytes R>
  Task<std::size_t> write_at(R&& bytes, std::uint64_t offset);

  // -- position and size --

  // The new position. Beyond the end is allowed: what is in between reads as zeros.
  Task<std::uint64_t> seek(std::int64_t offset, Whence whence = Whence::start) {
    return seek(state_, offset, whence);
  }
  Task<std::uint64_t> tell() { return tell(state_); }
  // To `size`, or to the position; the position stays, growing adds zeros. Returns the size.
  Task<std::uint64_t> truncate(std::optional<std::uint64_t> size = std::nullopt) {
    return truncate(state_, size);
  }
  // Reserves disk space for [offset, offset + length), or gives it back.
  Task<> allocate(std::uint64_t offset, std::uint64_t length, Allocate how = Allocate::grow) {
    return allocate(state_, offset, length, how);
  }
  // Tells the kernel how the file will be used: POSIX_FADV_*. For some of them it begins to read,
  // or to write, at once. A length of 0 is up to the end.
  Task<> advise(std::uint64_t offset, std::uint64_t length, int advice) {
    return advise(state_, offset, length, advice);
  }
  Task<FileStat> stat() { return stat(state_); }

  // Flushes and closes. Idempotent. The descriptor is closed also when flushing failed; cancelled
  // while flushing, the file stays open, cancelled after that it is closed. Throws UsageError while
  // read_at() or write_at() is in progress.
  Task<> close() { return close(state_); }
  // Flushes, and gives the descriptor to the caller; it stands where the file stood, and the file
  // is closed. When flushing fails, it keeps it. Throws UsageError when the descriptor is
  // not the file's own, and when bytes were read ahead of a stream, which would be lost.
  Task<UniqueFd> detach() { return detach(state_); }

  bool closed() const noexcept { return !state_ || state_->fd < 0; }
  std::string_view name() const { return open_state().name.view(); }
  std::string_view mode() const { return open_state().mode.name(); }
  int fileno() const { return open_state().descriptor(); }
  bool readable() const { return open_state().mode.readable; }
  bool writable() const { return open_state().mode.writable; }
  bool seekable() const;
  bool isatty() const;
  FilePolicy policy() const { return open_state().policy; }

 private:
  friend Task<File> internal::open_file(Text path, FileMode mode, OpenOptions options);
  friend class internal::FileAccess;
  friend class internal::FileVerbs;
  friend class Lines;
  explicit File(internal::Counted<internal::FileState> state) noexcept : state_(std::move(state)) {}

  // Each call counts as an owner of what it works on from the moment it is made.
  using State = internal::Counted<internal::FileState>;
  static Task<std::string> read(State state, std::size_t count);
  static Task<std::size_t> read_into(State state, MutableBytes into);
  static Task<std::size_t> read_some(State state, MutableBytes into);
  static Task<> read_exactly(State state, MutableBytes into);
  static Task<std::string> readline(State state, std::size_t limit = all);
  static Task<std::optional<std::string>> next_line(State state);
  static Task<bool> readline_into(State state, std::string& line, std::size_t limit = all);
  static Task<std::vector<std::string>> readlines(State state, std::size_t hint);
  static Task<std::string> peek(State state, std::size_t count);
  static Task<std::size_t> write(State state, Bytes bytes);
  static Task<> flush(State state);
  static Task<std::uint64_t> seek(State state, std::int64_t offset, Whence whence);
  static Task<std::uint64_t> tell(State state);
  static Task<std::uint64_t> truncate(State state, std::optional<std::uint64_t> size);
  static Task<> allocate(State state, std::uint64_t offset, std::uint64_t length, Allocate how);
  static Task<> advise(State state, std::uint64_t offset, std::uint64_t length, int advice);
  static Task<FileStat> stat(State state);
  static Task<> close(State state);
  static Task<UniqueFd> detach(State state);
  static Task<> sync(State state, unsigned flags);
  template <class Range>
  static Task<> writelines(State state, Range lines) {
    for (const auto& line : lines) {
      EDDY_DO(AtOnce<Verbs::Write>(state, line));
    }
  }

  // Throw UsageError when it is closed, or another loop's; Error when it was dropped, or opened for
  // something else.
  static internal::FileState& to_use(const State& state);
  static internal::FileState& to_read(const State& state);
  static internal::FileState& to_write(const State& state);
  // The same for what no loop is needed for.
  internal::FileState& open_state() const;

  internal::Handle<internal::FileState> state_;
};

// Opens `path` as Python's open() does: the same modes, errors and buffering. Cancelled: nothing is
// left open. A directory is refused with EISDIR whatever the mode. Waits for the other end of a
// FIFO. Throws UsageError at once for a mode that makes no sense, or for a path that holds a zero
// byte.
inline Task<File> open(Text path, std::string_view mode = "r", OpenOptions options = {}) {
  internal::check_encoding(options);
  return internal::open_file(std::move(path), FileMode::parse(mode), options);
}
inline Task<File> open(Text path, OpenFlags flags, OpenOptions options = {}) {
  internal::check_encoding(options);
  return internal::open_file(std::move(path), FileMode::from(flags), options);
}

// The lines of a file, one at a time, also when the File moves.
class Lines {
  using Verbs = internal::FileVerbs;

 public:
  explicit Lines(File& file) noexcept : lines_(file.state_) {}

  // No value at the end of the file.
  internal::AtOnce<internal::NextLine<Verbs::Lines>> next() { return {lines_}; }
  // The same into `line`, whose memory is used again; false at the end. ∅
  internal::AtOnce<internal::ReadLineInto<Verbs::Lines>> next_into(std::string& line) {
    return {lines_, line};
  }

 private:
  Verbs::Lines lines_;
};

namespace internal {

// For the verbs of other classes that work on a file.
class FileAccess {
 public:
  static FileState& of(File& file) noexcept { return *file.state_; }
  static File file(Counted<FileState> state) noexcept { return File(std::move(state)); }
  static Counted<FileState> state_of(const File& file) noexcept { return file.state_; }
  static void check_readable(const Counted<FileState>& file) { File::to_read(file); }
  static void check_usable(const Counted<FileState>& file) { File::to_use(file); }
  static void check_writable(const Counted<FileState>& file) { File::to_write(file); }
};

}  // namespace internal

inline Lines File::lines() { return Lines(*this); }

// A read at a place of its own: one operation without a coroutine frame, unless bytes that were
// written wait in the buffer: then it waits for its turn, and flushes them first.
class [[nodiscard]] ReadAt : public internal::ReadCall {
 public:
  using value_type = std::size_t;
  ReadAt(internal::Counted<internal::FileState> file, MutableBytes into,
         std::uint64_t offset) noexcept;

  bool await_ready() {
    if (!file_.usable() || file_.dirty() || offset_ < 0) [[unlikely]] return ready_slowly();
    file_.begin_positional();
    return internal::ReadCall::await_ready();
  }
  bool await_suspend(std::coroutine_handle<> frame) {
    if (in_turn_ || file_.is_asking()) [[unlikely]] return suspend_slowly(frame);
    internal::ReadCall::await_suspend(frame);
    return true;
  }
  std::size_t await_resume() {
    if (!in_turn_ && result() == static_cast<int>(into_.size())) [[likely]] {
      file_.end_positional();
      return static_cast<std::size_t>(internal::Operation::await_resume());
    }
    return internal::value_or_raise(await_outcome());
  }
  Expected<std::size_t> await_outcome() {
    file_.end_positional();
    return in_turn_ ? in_turn_->await_outcome() : complete();
  }

 private:
  static Task<std::size_t> read_in_turn(internal::FileState& file, MutableBytes into,
                                        std::uint64_t offset);
  bool ready_slowly();
  bool suspend_slowly(std::coroutine_handle<> frame);
  Expected<std::size_t> complete();

  internal::Counted<internal::FileState> owner_;
  std::optional<Task<std::size_t>> in_turn_;
};

namespace internal {

struct PositionalWrite {
  int fd;
  Bytes bytes;
  std::uint64_t offset;
  ssize_t operator()() const;
};

}  // namespace internal

// A write at a place of its own, inline or on the ring as Storage decides; when there is something
// in the buffer, or another call in progress, it waits for its turn and empties the buffer first.
class [[nodiscard]] WriteAt : public internal::FileCall<internal::PositionalWrite> {
 public:
  using value_type = std::size_t;
  WriteAt(internal::Counted<internal::FileState> file, Bytes bytes, std::uint64_t offset);

  bool await_ready();
  bool await_suspend(std::coroutine_handle<> frame);
  std::size_t await_resume() { return internal::value_or_raise(await_outcome()); }
  Expected<std::size_t> await_outcome();

 private:
  static Task<std::size_t> write_in_turn(internal::FileState& file,
                                         internal::PositionalWrite write);

  internal::FileState& file_;
  internal::Counted<internal::FileState> owner_;
  internal::PositionalWrite write_;
  std::uint64_t made_on_;  // the loop
  std::optional<Task<std::size_t>> in_turn_;
};

template <internal::TemporaryBytes R>
Task<std::size_t> File::write_at(R&& bytes, std::uint64_t offset) {
  to_write(state_);
  return internal::keeping(std::move(bytes), [state = State(state_), offset](R& memory) {
    to_write(state);  // the loop may be another now
    return WriteAt(state, memory, offset);
  });
}

}  // namespace eddy
