// FileState: an open file behind its handle: descriptor, position, one buffer.
//
// The buffer holds either bytes read ahead or bytes not written yet, never both. Invariant: the
// logical position is the raw one minus what is read ahead, or plus what is unwritten. Files that we
// opened and that can seek keep their position here and pass offsets to the kernel, so that a
// cancelled operation moves nothing behind our back; others use the kernel's position (offset -1).
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/pool.hpp>
#include <eddy/base/text.hpp>
#include <eddy/io/file_call.hpp>
#include <eddy/io/file_mode.hpp>
#include <eddy/sync/lock.hpp>

#include <cstdint>
#include <optional>
#include <sys/types.h>

namespace eddy {

class FileState {
 public:
  static void* operator new(std::size_t size) { return Pool::allocate(size); }
  static void operator delete(void* memory, std::size_t size) { Pool::release(memory, size); }

  FileState(int fd, bool owned, const FileMode& mode, Text name, std::size_t capacity,
            FilePolicy policy, Storage::Mount& mount) noexcept;
  FileState(const FileState&) = delete;
  FileState& operator=(const FileState&) = delete;
  ~FileState();

  // -- one operation each; they account for what the kernel did before anybody hears of it --

  class Transfer;  // resumes with the bytes moved at the raw position
  Transfer read_raw(MutableBytes into);

  // Writes the first part of `from` at the raw position, or at the end in append mode.
  Task<std::size_t> write_raw(Bytes from);

  // A request for this file: fixed file and registered buffer where there are such.
  Request request(std::uint8_t opcode, const void* data, std::size_t size, std::int64_t offset) const;

  // -- the buffer --

  // What is read ahead.
  Bytes ahead() const noexcept { return writing_ ? Bytes() : Bytes(data_ + begin_, end_ - begin_); }
  void consume(std::size_t count) noexcept { begin_ += count; }
  bool dirty() const noexcept { return writing_ && end_ > 0; }

  // Reads more ahead, behind what there is; 0 at the end of the file.
  Task<std::size_t> fill();
  // Forgets what is read ahead: the raw position goes back to the logical one.
  void drop_ahead() noexcept;
  // Gives back bytes that were taken: a cancelled call keeps nothing.
  void unread(Bytes taken);
  // Writes out what is unwritten. What could not be written stays.
  Task<> flush();
  // The same by plain calls: for operations that must not suspend. An errno, or 0.
  int flush_now() noexcept;
  // Puts bytes behind what is unwritten. REQUIRES: room() >= bytes.size(), nothing read ahead
  void append(Bytes bytes);
  std::size_t room() const noexcept { return capacity_ - (writing_ ? end_ : 0); }
  std::size_t capacity() const noexcept { return capacity_; }

  std::int64_t position() const noexcept {
    return raw_ + (writing_ ? static_cast<std::int64_t>(end_)
                            : -static_cast<std::int64_t>(end_ - begin_));
  }
  void move_to(std::int64_t position) noexcept {
    begin_ = end_ = 0;
    raw_ = position;
  }

  // Where the descriptor cannot seek: found by the first operation that is told so.
  bool seeks() const noexcept { return seeks_; }
  void cannot_seek() noexcept { seeks_ = false; }
  void uses_kernel_position() noexcept { seeks_ = false; }

  int release_fd() noexcept;

  int fd;
  bool owned;
  FileMode mode;
  Text name;
  FilePolicy policy;
  Storage::Mount* mount;
  std::optional<unsigned> place;  // among the registered files
  Lock lock;                      // one order of operations per file
  std::size_t positional = 0;     // read_at() and write_at() in progress: not ordered

 private:
  friend class Transfer;
  void reserve();

  Loop& loop_;
  std::byte* data_ = nullptr;
  std::size_t capacity_;
  std::size_t allocated_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool writing_ = false;
  bool seeks_ = true;
  std::int64_t raw_ = 0;
};

class [[nodiscard]] FileState::Transfer : public Operation {
 public:
  using value_type = std::size_t;
  Transfer(FileState& file, const Request& request, std::string_view name) noexcept
      : Operation(request, name), file_(file) {}
  std::size_t await_resume() {
    const int moved = Operation::await_resume();
    file_.raw_ += moved;
    return static_cast<std::size_t>(moved);
  }
  Expected<std::size_t> await_outcome() {
    auto outcome = Operation::await_outcome();
    if (!outcome) return std::unexpected(std::move(outcome.error()));
    file_.raw_ += *outcome;
    return static_cast<std::size_t>(*outcome);
  }

 private:
  FileState& file_;
};

// EINTR, and EAGAIN of file systems that could not get a lock: the same again.
inline bool try_again(const Failure& failure) noexcept {
  return failure.is_error() && (failure.code() == EINTR || failure.code() == EAGAIN);
}

}  // namespace eddy
