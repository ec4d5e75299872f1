// FileState: an open file behind its handle: descriptor, position, one buffer.
//
// The buffer holds either bytes read ahead or bytes not written yet, never both. Invariant: the
// logical position is the raw one minus what is read ahead, or plus what is unwritten. Files that
// we opened and that can seek keep their position here and pass offsets to the kernel, so that a
// cancelled operation moves nothing behind our back; others use the kernel's position (offset -1).
// What touches the buffer or the position holds the lock.
//
// It stays where it is while the handle moves, and lives until the handle and every call on it are
// gone. What it knows of a loop, its mount and a registered place, belongs to the one that last
// used it, and is forgotten on another.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/base/internal/process.hpp>
#include <eddy/base/text.hpp>
#include <eddy/file/file_mode.hpp>
#include <eddy/file/file_stat.hpp>
#include <eddy/file/internal/file_call.hpp>
#include <eddy/sync/lock.hpp>

#include <cstdint>
#include <cstring>
#include <optional>
#include <sys/types.h>

namespace eddy::internal {

// Whether it is a terminal: asks no file system.
bool is_tty(int fd) noexcept;

// A read of what is in the page cache, as a plain call that never waits: what the kernel would
// return, or -EAGAIN where it would wait, for what is large, and on a file system that does not
// know such reads: then `refuses_to_wait` becomes false.
int read_cached(int fd, MutableBytes into, std::int64_t offset, bool& refuses_to_wait) noexcept;

class FileState : public RefCounted<FileState>, public Pooled {
 public:
  static constexpr std::size_t default_capacity = 64 * 1024;

  FileState(int fd, bool owned, const FileMode& mode, Text name, std::size_t capacity,
            FilePolicy policy, Storage& storage, Storage::Mount& mount) noexcept;
  FileState(const FileState&) = delete;
  FileState& operator=(const FileState&) = delete;
  ~FileState() { close_now(); }

  // Open, and of the loop that runs: one comparison.
  bool usable() const noexcept { return loop_ == thread_state.loop_id; }
  // What makes it so where that can be. False: the handle is gone. Throws UsageError when it was
  // closed, and while calls of another loop are in progress.
  bool make_usable();
  // The handle is gone: ends what waits, and closes as soon as nothing is in progress.
  void drop() noexcept;
  bool is_dropped() const noexcept { return dropped_; }
  // How a call ends then.
  Failure dropped(std::string_view verb) const {
    return Failure::error(ECANCELED, verb, name);
  }

  // Waits for the lock. Throws UsageError if the file was closed meanwhile, Error if dropped.
  Task<Lock::Guard> turn();

  // -- one operation each; they account for what the kernel did before anybody hears of it --

  // What one read at the raw position gives; 0 at the end of the file.
  Task<std::size_t> read_raw(MutableBytes into);
  // Writes the first part of `from` at the raw position, or at the end in append mode.
  Task<std::size_t> write_raw(Bytes from);

  // A read of what is in the page cache, or -EAGAIN for the ring to do it.
  int read_cached(MutableBytes into, std::int64_t offset) noexcept {
    EDDY_ASSERT(fd >= 0);
    return internal::read_cached(fd, into, offset, refuses_to_wait_);
  }

  // A request for this file: fixed file and registered buffer where there are such, and uncached.
  Request request(std::uint8_t opcode, const void* data, std::size_t size,
                  std::int64_t offset) const;

  Task<FileStat> stat();
  // The size of what can seek. A local file system knows it without its disk.
  Task<std::int64_t> end();

  // -- the buffer --

  // What is read ahead.
  Bytes ahead() const noexcept { return writing_ ? Bytes() : Bytes(data_ + begin_, end_ - begin_); }
  void consume(std::size_t count) noexcept {
    EDDY_ASSERT(count <= ahead().size());
    begin_ += count;
  }
  bool dirty() const noexcept { return writing_ && end_ > 0; }
  // It is written by lines, and an end of one is in there.
  bool ends_line(Bytes bytes) const noexcept { return by_lines && bytes.text().contains('\n'); }
  bool empty() const noexcept { return begin_ == end_; }

  // At once: while no call is in progress, and the file is the running loop's to be used. What is
  // read ahead; nothing where that takes more.
  Bytes ahead_at_once() const noexcept { return idle() ? ahead() : Bytes(); }
  // True: append() of `count` bytes is all that a write of them is.
  bool appends_at_once(std::size_t count) const noexcept {
    const bool fits = data_ && (writing_ || empty()) && count > 0 && count < room();
    return fits && idle() && mode.writable && !by_lines;
  }

  // Reads more ahead, behind what there is; 0 at the end of the file.
  Task<std::size_t> fill();
  // Forgets what is read ahead: the raw position goes back to the logical one. A stream, which
  // cannot go back, keeps it.
  void drop_ahead() noexcept;
  // Gives back bytes that were taken: a cancelled call keeps nothing.
  void unread(Bytes taken);
  // Writes out what is unwritten. What could not be written stays.
  Task<> flush();
  // Puts bytes behind what is unwritten. REQUIRES: room() >= bytes.size(), nothing read ahead
  void append(Bytes bytes) {
    EDDY_ASSERT(mode.writable);
    if (bytes.empty()) return;
    if (!writing_) [[unlikely]] begin_writing();
    EDDY_VERIFY(bytes.size() <= allocated_ - end_);  // beyond it is somebody's frame
    std::memcpy(data_ + end_, bytes.data(), bytes.size());
    end_ += bytes.size();
  }
  std::size_t room() const noexcept { return capacity_ - (writing_ ? end_ : 0); }
  std::size_t capacity() const noexcept { return capacity_; }

  std::int64_t position() const noexcept {
    // A place after 2^63 - 1 is no file's, but what is to be written there may be in the buffer.
    const auto raw = static_cast<std::uint64_t>(raw_);
    return static_cast<std::int64_t>(writing_ ? raw + end_ : raw - (end_ - begin_));
  }
  void move_to(std::int64_t position) noexcept {
    EDDY_ASSERT(!dirty());
    EDDY_ASSERT(position >= 0);
    begin_ = end_ = 0;
    raw_ = position;
  }

  // True: the position is kept here.
  bool seeks() const noexcept { return seeks_; }
  void use_kernel_position() noexcept {
    EDDY_ASSERT(empty());
    seeks_ = false;
  }
  // A pipe, a socket or a terminal: a plain call could wait for ever, so that all goes to the ring.
  void set_stream() noexcept {
    EDDY_ASSERT(empty());
    seeks_ = false;
    is_stream_ = true;
    policy = FilePolicy::ring;
    find_peer();
  }
  bool is_stream() const noexcept { return is_stream_; }
  bool is_terminal() const noexcept { return is_terminal_; }

  // O_DIRECT: there is no cache between.
  void set_direct() noexcept {
    direct_ = true;
    policy = FilePolicy::ring;
  }
  // How an operation with these failed, if that is why: O_DIRECT takes whole blocks only.
  std::optional<Failure> unaligned(int code, const void* data, std::size_t size,
                                   std::int64_t offset) const;

  // RWF_DONTCACHE, if the kernel and the file system know it: they are asked before any bytes.
  void set_uncached() noexcept {
    EDDY_ASSERT(!is_stream_);
    asks_ = true;
    policy = FilePolicy::ring;  // no plain call of ours says so
  }
  bool is_asking() const noexcept { return asks_; }
  Task<> ask();

  Storage& storage() const noexcept { return *storage_; }

  // A read_at() or write_at() is in progress: between these two the file is not closed.
  void begin_positional() noexcept { ++positional; }
  void end_positional() noexcept {
    EDDY_ASSERT(positional > 0);
    --positional;
  }

  // -1 if it is not ours to close. No operation can find it afterwards.
  int release_fd() noexcept;

  // It was opened with O_NONBLOCK, so that nobody would be waited for. A file that only is read,
  // inline, may keep it: to take it off is a system call. The ring must not meet it, since it would
  // answer EAGAIN instead of waiting for a disk, and nobody else either.
  void set_nonblocking() noexcept {
    EDDY_ASSERT(!mode.writable);
    nonblocking_ = true;
  }
  int descriptor() const noexcept {
    if (nonblocking_) [[unlikely]] may_wait_again();
    return fd;
  }

  int fd;
  bool owned;
  FileMode mode;
  Text name;
  FilePolicy policy;
  Storage::Mount* mount;  // in storage()
  std::optional<unsigned> place;  // among the registered files
  Lock lock;                      // one order of operations per file
  std::size_t positional = 0;     // read_at() and write_at() that are not ordered
  bool by_lines = false;          // what holds the end of a line is written at once
  // Takes what is read ahead when the file is closed, where nobody else could have it. False:
  // another thing stands behind the descriptor by now.
  bool (*keep_ahead)(Bytes ahead, unsigned input) noexcept = nullptr;
  unsigned input = 0;  // for that: which one it was

 private:
  template <class Call>
  class Stoppable;
  enum class Peer : std::uint8_t { none, socket, pipe };

  static constexpr std::uint64_t no_loop = ~std::uint64_t{0};

  Request plain_request(std::uint8_t opcode, const void* data, std::size_t size) const noexcept;
  // Nobody is in the middle of something with it, or has let go of it.
  bool idle() const noexcept { return usable() && !lock.locked() && !dropped_; }
  void may_wait_again() const noexcept;
  void reserve();
  void begin_writing();
  // What holds of the buffer between two steps: what is read ahead lies anywhere in it, what is
  // unwritten from its beginning on.
  void check() const noexcept {
    EDDY_ASSERT(begin_ <= end_);
    EDDY_ASSERT(data_ || end_ == 0);
    EDDY_ASSERT(!data_ || end_ <= allocated_);
    EDDY_ASSERT(!writing_ || begin_ == 0);
    EDDY_ASSERT(!dirty() || mode.writable);
  }
  void close_now() noexcept;
  void leave_ahead() noexcept;
  void report_lost() const noexcept;
  // There is no thread for it, or the ring has refused to wait all of its `tries`. ECANCELED of a
  // file that is dropped means that.
  bool may_do_without(const Failure& failure, unsigned tries) const noexcept {
    const bool refused = seeks_ && tries >= ring_tries && failure.is_error(EAGAIN);
    return (lacks_worker(failure) || refused) && !is_stream_ && !dropped_;
  }
  Task<int> without_worker(std::uint8_t opcode, std::byte* data, std::size_t size,
                           std::int64_t offset);
  void find_peer() noexcept;
  Task<int> write_to_peer(Bytes from);
  Task<int> send(Bytes from);
  int write_now(Bytes from) const noexcept;
  Task<> recover(Failure failure, std::string_view name, short events, unsigned tries);

  std::uint64_t loop_;  // the id of the one that last used it; none when it is closed or dropped
  std::uint32_t process_ = process_mark;  // ... and whose that was
  Storage* storage_;    // of that one
  Operation* waiting_ = nullptr;  // for the kernel, with the lock
  bool dropped_ = false;
  mutable bool nonblocking_ = false;
  std::byte* data_ = nullptr;
  std::size_t capacity_;
  std::size_t allocated_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool writing_ = false;
  bool seeks_ = true;
  bool is_stream_ = false;       // a plain call may wait for ever
  bool is_terminal_ = false;
  bool direct_ = false;
  bool asks_ = false;
  std::uint32_t transfer_flags_ = 0;  // RWF_*, of reads and writes on the ring
  Peer peer_ = Peer::none;       // who may be gone: a write would send SIGPIPE
  bool refuses_to_wait_ = true;  // the file system knows reads that do not wait
  std::int64_t raw_ = 0;
};

}  // namespace eddy::internal
