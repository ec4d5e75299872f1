#include <eddy/bytes/internal/memory_pipe.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/bytes/end_of_file.hpp>
#include <eddy/bytes/limit_exceeded.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

namespace eddy::internal {
namespace {

constexpr const char* subject = "duplex";  // in messages

Failure failed(int code, std::string_view verb) { return Failure::error(code, verb, subject); }

}  // namespace

// -- waiting --

bool PipeGet::await_ready() const {
  end_->require_free_to_read();
  return end_->closed || end_->in->readable();
}

void PipeGet::await_suspend(std::coroutine_handle<> frame) {
  end_->in->wait_for_bytes(*this);
  end_->reading = began_ = true;
  park(frame);
}

void PipeGet::describe(WaitNote& note) const { note.what = "read of a DuplexStream"; }

void PipeGet::leave_side() noexcept { if (std::exchange(began_, false)) end_->reading = false; }

// Cancelled after the bytes came: they stay where they are, for the next read.
Expected<std::size_t> PipeGet::came() {
  leave_side();
  if (interrupted()) return std::unexpected(cancelled_failure());
  if (end_->closed) return std::unexpected(failed(ECANCELED, "read"));
  const std::size_t count = end_->in->size();
  if (count == 0 && end_->in->was_reset()) return std::unexpected(failed(ECONNRESET, "read"));
  return count;
}

Expected<std::size_t> PipeFill::await_outcome() {
  auto count = came();
  if (!count || *count == 0) return count;
  end_->in->take(end_->ahead.room(*count).first(*count));
  end_->ahead.add(*count);
  return count;
}

bool PipeRead::at_once() const noexcept { return into_.empty() || !end_->ahead.empty(); }

bool PipeRead::await_ready() const { return PipeGet::await_ready() || at_once(); }

Expected<std::size_t> PipeRead::await_outcome() {
  if (!task() && !end_->closed && at_once()) return end_->ahead.take(into_);
  auto count = came();
  if (!count || *count == 0) return count;
  return end_->in->take(into_);
}

bool PipePut::await_ready() {
  end_->require_free_to_write();
  if (end_->closed || end_->out->refuses()) return true;
  end_->out->put(*this);
  return satisfied();
}

void PipePut::await_suspend(std::coroutine_handle<> frame) {
  end_->out->wait_for_room(*this);
  end_->writing = began_ = true;
  park(frame);
}

void PipePut::describe(WaitNote& note) const { note.what = "write to a DuplexStream"; }

void PipePut::leave_side() noexcept { if (std::exchange(began_, false)) end_->writing = false; }

// C13: what went is told, and a request to stop that came after it stays pending.
Expected<std::size_t> PipePut::outcome() {
  leave_side();
  if (satisfied()) return put_;
  if (interrupted()) return std::unexpected(cancelled_failure());
  return std::unexpected(failed(end_->closed ? ECANCELED : EPIPE, "write"));
}

// -- the bytes --

std::size_t MemoryPipe::take(MutableBytes into) noexcept {
  const std::size_t count = std::min(into.size(), size_);
  const std::size_t first = std::min(count, limit_ - begin_);
  if (first > 0) std::memcpy(into.data(), memory_.get() + begin_, first);
  if (count > first) std::memcpy(into.data() + first, memory_.get(), count - first);
  begin_ = count == size_ ? 0 : (begin_ + count) % limit_;
  size_ -= count;
  if (PipePut* writer = writers_.front()) {
    put(*writer);
    if (writer->satisfied()) wake_writer();
  }
  return count;
}

void MemoryPipe::put(PipePut& writer) noexcept {
  EDDY_ASSERT(!refuses());
  const Bytes bytes = writer.rest_.first(std::min(writer.rest_.size(), limit_ - size_));
  if (bytes.empty()) return;
  const std::size_t end = (begin_ + size_) % limit_;
  const std::size_t first = std::min(bytes.size(), limit_ - end);
  std::memcpy(memory_.get() + end, bytes.data(), first);
  if (bytes.size() > first) {
    std::memcpy(memory_.get(), bytes.data() + first, bytes.size() - first);
  }
  size_ += bytes.size();
  writer.put_ += bytes.size();
  writer.rest_ = writer.rest_.subspan(bytes.size());
  wake_reader();
}

void MemoryPipe::stop_reading() noexcept {
  unread_ = true;
  size_ = begin_ = 0;
  wake_reader();
  wake_writer();
}

void MemoryPipe::end(bool reset) noexcept {
  ended_ = true;
  reset_ = reset;
  wake_reader();
  wake_writer();
}

// -- an end --

// As the kernel does it: who closes with bytes that it has not read resets the connection.
void DuplexState::close() noexcept {
  if (std::exchange(closed, true)) return;
  out->end(in->size() > 0);
  in->stop_reading();
  if (!reading) ahead.release();
}

void DuplexState::refuse_second(const char* verb) {
  throw UsageError(std::string("two tasks ") + verb + " one DuplexStream");
}

Failure DuplexSource::end_of_file(std::string_view verb, std::string partial,
                                  std::string_view expected) {
  return Failure::holding(EndOfFile(verb, subject, std::move(partial), expected));
}

Failure DuplexSource::limit_exceeded(std::string_view verb, std::size_t limit) {
  return Failure::holding(LimitExceeded(verb, subject, limit));
}

}  // namespace eddy::internal
