// MemoryPipe: bytes on their way from one task to another, at most so many: one direction of a
// duplex(). DuplexState is an end of it: what it reads from, and what it writes to.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/failure.hpp>
#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/bytes/internal/read_ahead.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/core/internal/wait_note.hpp>
#include <eddy/core/internal/waiter.hpp>
#include <eddy/core/loop.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace eddy::internal {

class DuplexState;

class PipeWait : public Waiter {
 public:
  static constexpr const char* died_early = "a DuplexStream died while a task waited for it";

 protected:
  using Waiter::Waiter;
};

// Waits for bytes, or the end of them.
class PipeGet : public PipeWait {
 public:
  explicit PipeGet(Counted<DuplexState> end) noexcept
      : PipeWait(kind<&PipeGet::describe>), end_(std::move(end)) {}
  PipeGet(const PipeGet&) = default;
  ~PipeGet() { leave_side(); }

  bool await_ready() const;
  void await_suspend(std::coroutine_handle<> frame);

 protected:
  // How many bytes came; 0 at the end.
  Expected<std::size_t> came();

  Counted<DuplexState> end_;

 private:
  void describe(WaitNote& note) const;
  void leave_side() noexcept;

  bool began_ = false;
};

// Has them read ahead: how many.
class [[nodiscard]] PipeFill : public PipeGet, public Raises<PipeFill, std::size_t> {
 public:
  using PipeGet::PipeGet;
  Expected<std::size_t> await_outcome();
};

// Takes them, or those that are read ahead, into the caller's memory: no more than it asks for.
class [[nodiscard]] PipeRead : public PipeGet, public Raises<PipeRead, std::size_t> {
 public:
  PipeRead(Counted<DuplexState> end, MutableBytes into) noexcept
      : PipeGet(std::move(end)), into_(into) {}
  bool await_ready() const;
  Expected<std::size_t> await_outcome();

 private:
  bool at_once() const noexcept;

  MutableBytes into_;
};

// Waits for room for `bytes`: for all of them, or for some.
class PipePut : public PipeWait {
 public:
  PipePut(Counted<DuplexState> end, Bytes bytes, bool all) noexcept
      : PipeWait(kind<&PipePut::describe>), end_(std::move(end)), rest_(bytes), all_(all) {}
  PipePut(const PipePut&) = default;
  ~PipePut() { leave_side(); }

  bool await_ready();
  void await_suspend(std::coroutine_handle<> frame);

 protected:
  Expected<std::size_t> outcome();

 private:
  friend class MemoryPipe;
  void describe(WaitNote& note) const;
  bool satisfied() const noexcept { return rest_.empty() || (!all_ && put_ > 0); }
  void leave_side() noexcept;

  Counted<DuplexState> end_;
  Bytes rest_;
  std::size_t put_ = 0;
  bool all_;
  bool began_ = false;
};

class [[nodiscard]] PipeWrite : public PipePut, public Raises<PipeWrite, std::size_t> {
 public:
  PipeWrite(Counted<DuplexState> end, Bytes bytes) noexcept
      : PipePut(std::move(end), bytes, false) {}
  Expected<std::size_t> await_outcome() { return outcome(); }
};

class [[nodiscard]] PipeWriteAll : public PipePut, public Raises<PipeWriteAll> {
 public:
  PipeWriteAll(Counted<DuplexState> end, Bytes bytes) noexcept
      : PipePut(std::move(end), bytes, true) {}
  Expected<void> await_outcome() {
    auto put = outcome();
    if (!put) return std::unexpected(std::move(put.error()));
    return {};
  }
};

class MemoryPipe : public RefCounted<MemoryPipe>, public Pooled {
 public:
  // All of its memory is there from the beginning.
  explicit MemoryPipe(std::size_t limit)
      : memory_(std::make_unique_for_overwrite<std::byte[]>(limit)), limit_(limit) {}

  // -- the reading end --

  std::size_t size() const noexcept { return size_; }
  // Bytes, or the end.
  bool readable() const noexcept { return size_ > 0 || ended_; }
  bool was_reset() const noexcept { return reset_; }
  void wait_for_bytes(PipeGet& reader) { readers_.push_back(reader); }
  // As many as there are and fit; a writer that waits goes on.
  std::size_t take(MutableBytes into) noexcept;
  // Nobody reads any more: what is there is dropped, and writers are refused.
  void stop_reading() noexcept;

  // -- the writing end --

  // Nobody reads any more, or nothing more may come.
  bool refuses() const noexcept { return unread_ || ended_; }
  void wait_for_room(PipePut& writer) { writers_.push_back(writer); }
  // As many of its bytes as there is room for.
  void put(PipePut& writer) noexcept;
  // Nothing more comes; `reset`: and what the other way brought was not read.
  void end(bool reset) noexcept;

  void wake_reader() noexcept { if (PipeGet* reader = readers_.pop()) reader->wake(); }
  void wake_writer() noexcept { if (PipePut* writer = writers_.pop()) writer->wake(); }

 private:
  std::unique_ptr<std::byte[]> memory_;  // a ring
  std::size_t limit_;
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
  bool ended_ = false;
  bool unread_ = false;
  bool reset_ = false;
  WaitList<PipeGet> readers_;
  WaitList<PipePut> writers_;
};

class DuplexState : public RefCounted<DuplexState>, public Pooled {
 public:
  DuplexState(Counted<MemoryPipe> from, Counted<MemoryPipe> to) noexcept
      : in(std::move(from)), out(std::move(to)) {}
  DuplexState(const DuplexState&) = delete;
  DuplexState& operator=(const DuplexState&) = delete;

  void require_free_to_read() const { if (reading) [[unlikely]] refuse_second("read from"); }
  void require_free_to_write() const { if (writing) [[unlikely]] refuse_second("write to"); }

  // Ends what is in progress. Idempotent.
  void close() noexcept;
  void drop() noexcept { close(); }  // the handle is gone

  Counted<MemoryPipe> in;
  Counted<MemoryPipe> out;
  ReadAhead ahead;
  bool reading = false;  // a task waits for bytes, or was woken and has not run
  bool writing = false;
  bool closed = false;

 private:
  [[noreturn, gnu::cold]] static void refuse_second(const char* verb);
};

// What the verbs of reading read an end by.
class DuplexSource {
 public:
  explicit DuplexSource(Counted<DuplexState> end) : end_(std::move(end)) {}
  bool free() const noexcept { return !end_->reading; }
  void begin() const { end_->require_free_to_read(); }
  ReadAhead& ahead() { return end_->ahead; }
  PipeFill fill() { return PipeFill(end_); }
  Failure end_of_file(std::string_view verb, std::string partial, std::string_view expected);
  Failure limit_exceeded(std::string_view verb, std::size_t limit);

 private:
  Counted<DuplexState> end_;
};

}  // namespace eddy::internal
