#include <eddy/net/internal/receive.hpp>

#include <eddy/base/description.hpp>
#include <eddy/net/internal/receive_buffers.hpp>

#include <linux/io_uring.h>

#include <cerrno>
#include <new>
#include <string>

namespace eddy::internal {

static_assert(IORING_OP_RECV == 27 && IORING_CQE_F_SOCK_NONEMPTY == 4);

Expected<int> Receive::settle() {
  end();
  auto outcome = Operation::await_outcome();
  if (outcome) [[likely]] {
    if (*outcome == 0 && state_->closing) return std::unexpected(failure(ECANCELED));
    return outcome;
  }
  if (!outcome.error().is_error()) return outcome;
  return std::unexpected(failure(outcome.error().code()));
}

void Receive::give_back(Bytes bytes) {
  try {
    state_->ahead.prepend(bytes);
  } catch (const std::bad_alloc&) {
    state_->break_off(ENOMEM);
    throw;
  }
}

// -- some --

bool ReadSome::ready_at_once() {
  EDDY_ASSERT(into_.empty() || !state_->ahead.empty());
  if (into_.empty()) {
    if (!state_->closing) state_->require_free(SocketState::Side::reading);
    return true;
  }
  if (begin()) finish(static_cast<int>(state_->ahead.take(into_)));
  return true;
}

Expected<std::size_t> ReadSome::settled() {
  if (!began()) return 0;
  auto outcome = settle();
  if (!outcome) [[unlikely]] return std::unexpected(std::move(outcome.error()));
  note_more();
  return static_cast<std::size_t>(*outcome);
}

// -- exactly --

bool ReadExactly::await_ready() {
  if (!begin()) return true;
  done_ = state_->ahead.take(into_);
  return done_ == into_.size();
}

bool ReadExactly::proceed(Operation& operation) noexcept {
  auto& read = static_cast<ReadExactly&>(operation);
  if (read.result() <= 0) return false;
  read.done_ += static_cast<std::size_t>(read.result());
  EDDY_ASSERT(read.done_ <= read.into_.size());
  if (read.done_ == read.into_.size() || read.state_->closing) return false;
  read.prepare_receive(read.rest());
  return read.submit_again();
}

Expected<void> ReadExactly::await_outcome() {
  EDDY_ASSERT(done_ <= into_.size());
  const bool whole = done_ == into_.size();
  const bool midway = !whole && result() > 0;
  auto outcome = settle();
  note_more();
  if (whole && (outcome || outcome.error().is_error())) return {};
  const Bytes got(into_.data(), done_);
  if (outcome && !midway) {
    const std::string expected = count_of_bytes(into_.size());
    return std::unexpected(state_->end_of_file(name(), std::string(got.text()), expected));
  }
  give_back(got);
  if (!outcome) return std::unexpected(std::move(outcome.error()));
  if (state_->closing) return std::unexpected(failure(ECANCELED));
  return std::unexpected(cancelled_midway());
}

// -- ahead --

// A stream that had nothing more at its last receive will have to wait: it lends memory from the
// loop when something comes. One that is in the middle of much receives into memory of its own.
void Fill::await_suspend(std::coroutine_handle<> frame) {
  try {
    choose_memory();
  } catch (...) {
    end();
    throw;
  }
  Receive::await_suspend(frame);
}

void Fill::choose_memory() {
  if (!state_->has_more) {
    auto& buffers = Loop::current().service<ReceiveBuffers>();
    if (buffers.available()) buffers_ = &buffers;
  }
  if (buffers_) {
    prepare_lent();
  } else {
    prepare_own();
  }
}

void Fill::prepare_lent() noexcept {
  EDDY_ASSERT(buffers_->available());
  Request request = state_->request(IORING_OP_RECV, nullptr, 0);
  buffers_->use(request);
  prepare(request);
}

// At least a piece, and up to a quarter of a MiB when there is much already.
void Fill::prepare_own() {
  const std::size_t wanted =
      std::clamp<std::size_t>(state_->ahead.size(), 4 * ReceiveBuffers::piece, 1 << 18);
  prepare_receive(state_->ahead.room(wanted));
}

bool Fill::proceed(Operation& operation) noexcept {
  auto& fill = static_cast<Fill&>(operation);
  const int result = fill.result();
  if (!fill.buffers_) {
    EDDY_ASSERT(!ReceiveBuffers::has_buffer(fill.flags()));
    fill.state_->ahead.add(result > 0 ? static_cast<std::size_t>(result) : 0);
    return false;
  }
  if (ReceiveBuffers::has_buffer(fill.flags())) {
    return fill.keep_received();
  }
  EDDY_ASSERT(result <= 0);  // what came lies in a buffer
  if (result != -ENOBUFS || fill.state_->closing) return false;
  // More came in one enter than there are pieces, all of which are free again.
  if (++fill.refusals_ < most_refusals) {
    fill.prepare_lent();
    return fill.submit_again();
  }
  return fill.try_own_memory() && fill.submit_again();
}

// Without memory the connection is broken off: what came cannot be asked for again. Ends it.
bool Fill::keep_received() noexcept {
  try {
    state_->ahead.append(buffers_->received(result(), flags()));
    buffers_->give_back(result(), flags());
  } catch (const std::bad_alloc&) {
    buffers_->give_back(result(), flags());
    state_->break_off(ENOMEM);
    finish(-ENOMEM);
  }
  return false;
}

bool Fill::try_own_memory() noexcept {
  EDDY_ASSERT(refusals_ == most_refusals);
  buffers_ = nullptr;
  try {
    prepare_own();
    return true;
  } catch (const std::bad_alloc&) {
    finish(-ENOMEM);
    return false;
  }
}

Expected<std::size_t> Fill::await_outcome() {
  const bool refused = result() == -ENOBUFS;
  auto outcome = settle();
  if (state_->ahead.empty()) state_->ahead.release();
  if (!outcome && refused && cancel_requested()) return std::unexpected(cancelled_midway());
  if (!outcome) [[unlikely]] return std::unexpected(std::move(outcome.error()));
  note_more();
  return static_cast<std::size_t>(*outcome);
}

}  // namespace eddy::internal
