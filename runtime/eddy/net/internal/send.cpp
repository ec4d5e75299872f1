#include <eddy/net/internal/send.hpp>

#include <eddy/base/internal/sys.hpp>

#include <linux/io_uring.h>

namespace eddy::internal {

static_assert(IORING_OP_SEND == 26);

bool Send::may_send_now() noexcept {
  return thread_state.task && !thread_state.task->cancel_pending() &&
         thread_state.loop->take_plain_call();
}

int Send::send_now(Bytes bytes) const noexcept {
  EDDY_ASSERT(!bytes.empty());
  const std::size_t size = std::min(bytes.size(), SocketState::transfer_max);
  const auto sent =
      sys::send(state_->socket.fileno(), bytes.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
  EDDY_ASSERT(sent <= static_cast<ssize_t>(size));
  return sent < 0 ? -errno : static_cast<int>(sent);
}

Failure Send::failure() {
  auto outcome = Operation::await_outcome();
  if (!outcome && !outcome.error().is_error()) return std::move(outcome.error());
  if (!outcome) return state_->failure(outcome.error().code(), name());
  if (state_->closing) return state_->failure(ECANCELED, name());
  return cancelled_midway();  // a part has gone, and nobody but a cancel keeps the rest
}

// -- some --

bool WriteSome::await_ready() {
  if (!begin() || bytes_.empty()) return true;
  if (!may_send_now()) return false;
  const int sent = send_now(bytes_);
  if (sent == -EAGAIN) return false;
  finish(sent);
  return true;
}

Expected<std::size_t> WriteSome::await_outcome() {
  end();
  EDDY_ASSERT(result() < 0 || static_cast<std::size_t>(result()) <= bytes_.size());
  if (result() < 0) [[unlikely]] return std::unexpected(failure());
  return static_cast<std::size_t>(*Operation::await_outcome());
}

// -- all --

bool WriteAll::sent_now() {
  const int sent = send_now(rest_);
  if (sent == -EAGAIN) return false;
  finish(sent);
  if (sent < 0) return true;
  rest_ = Bytes(rest_.subspan(static_cast<std::size_t>(sent)));
  return rest_.empty();
}

// With MSG_WAITALL (5.19) the kernel itself goes on after a short send.
bool WriteAll::proceed(Operation& operation) noexcept {
  auto& write = static_cast<WriteAll&>(operation);
  if (write.result() < 0) return false;
  EDDY_ASSERT(static_cast<std::size_t>(write.result()) <= write.rest_.size());
  write.rest_ = Bytes(write.rest_.subspan(static_cast<std::size_t>(write.result())));
  if (write.rest_.empty() || write.state_->closing) return false;
  write.prepare_send(write.rest_, MSG_WAITALL);
  return write.submit_again();
}

// -- vectored --

bool WriteVectored::await_ready() {
  if (!begin()) return true;
  advance(0);
  return pieces_.empty();
}

// Empty pieces go by themselves.
void WriteVectored::advance(std::size_t count) noexcept {
  gone_ += count;
  while (!pieces_.empty() && gone_ >= pieces_.front().size()) {
    gone_ -= pieces_.front().size();
    pieces_ = pieces_.subspan(1);
  }
  EDDY_ASSERT(!pieces_.empty() || gone_ == 0);
}

void WriteVectored::prepare_message() noexcept {
  EDDY_ASSERT(!pieces_.empty());
  EDDY_ASSERT(gone_ < pieces_.front().size());
  std::size_t count = 0;
  for (const Bytes& piece : pieces_.first(std::min(pieces_.size(), most))) {
    parts_[count++] = {const_cast<std::byte*>(piece.data()), piece.size()};
  }
  parts_[0].iov_base = static_cast<std::byte*>(parts_[0].iov_base) + gone_;
  parts_[0].iov_len -= gone_;
  header_.msg_iov = parts_.data();
  header_.msg_iovlen = count;
  prepare(state_->request(IORING_OP_SENDMSG, &header_, 1, MSG_NOSIGNAL | MSG_WAITALL));
}

bool WriteVectored::proceed(Operation& operation) noexcept {
  auto& write = static_cast<WriteVectored&>(operation);
  if (write.result() < 0) return false;
  write.advance(static_cast<std::size_t>(write.result()));
  if (write.pieces_.empty() || write.state_->closing) return false;
  write.prepare_message();
  return write.submit_again();
}

Expected<void> WriteVectored::await_outcome() {
  end();
  if (!pieces_.empty()) [[unlikely]] return std::unexpected(failure());
  keep_late_cancel();
  return {};
}

// -- without a copy --

bool SendZeroCopy::await_ready() {
  copies_ = !Loop::current().ring().has(feature_zero_copy_send);
  return !begin() || rest_.empty();
}

void SendZeroCopy::await_suspend(std::coroutine_handle<> frame) {
  prepare_next();
  state_->zero_copying = !copies_;
  Operation::await_suspend(frame);
}

void SendZeroCopy::prepare_next() noexcept {
  EDDY_ASSERT(!rest_.empty());
  if (copies_) return prepare_send(rest_, MSG_WAITALL);
  prepare(state_->request(IORING_OP_SEND_ZC, rest_.data(), rest_.size(),
                          MSG_NOSIGNAL | MSG_WAITALL));
}

// Two completions: how much was sent, and that the memory is free.
bool SendZeroCopy::proceed(Operation& operation) noexcept {
  auto& send = static_cast<SendZeroCopy&>(operation);
  if (send.flags() & IORING_CQE_F_MORE) {
    EDDY_ASSERT(!send.copies_);
    send.sent_ = send.result();
    return send.stay();
  }
  if (send.flags() & IORING_CQE_F_NOTIF) send.finish(send.sent_);
  send.state_->zero_copying = false;
  if (send.result() >= 0) {
    EDDY_ASSERT(static_cast<std::size_t>(send.result()) <= send.rest_.size());
    send.rest_ = Bytes(send.rest_.subspan(static_cast<std::size_t>(send.result())));
  } else if (!send.copies_ && must_copy(send.result()) && !send.cancel_requested()) {
    send.copies_ = true;
  } else {
    return false;
  }
  if (send.rest_.empty() || send.state_->closing) return false;
  send.prepare_next();
  send.state_->zero_copying = !send.copies_;
  return send.submit_again();
}

// The socket cannot, or RLIMIT_MEMLOCK does not let the kernel keep so much memory in place.
bool SendZeroCopy::must_copy(int result) noexcept {
  return result == -EOPNOTSUPP || result == -ENOMEM || result == -ENOBUFS;
}

bool SendZeroCopy::cancel(Waiter& waiter) {
  auto& send = static_cast<SendZeroCopy&>(waiter);
  const bool accepted = Operation::cancel(waiter);
  if (send.in_flight() && send.state_->zero_copying) send.state_->reset();
  return accepted;
}

Expected<void> SendZeroCopy::await_outcome() {
  end();
  state_->zero_copying = false;
  if (cancel_requested() && !copies_) return std::unexpected(cancelled_midway());  // it was reset
  if (state_->was_reset) return std::unexpected(state_->failure(ECANCELED, name()));
  if (!rest_.empty()) [[unlikely]] return std::unexpected(failure());
  keep_late_cancel();
  return {};
}

}  // namespace eddy::internal
