#include <eddy/net/internal/datagram.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/net/internal/send.hpp>

#include <linux/io_uring.h>
#include <linux/time_types.h>

namespace eddy::internal {

// An Error with `address`, or with the one that the socket has.
static Failure failure_at(const SocketState& state, Address address, int code,
                          std::string_view verb) {
  if (state.closing) code = ECANCELED;
  if (!address) address = state.socket.peer_if_any();
  if (!address) address = state.socket.local_if_any();
  return Failure::error(code, verb, Text(address.format()));
}

// One piece of memory, who it is for or from, and what goes beside it.
static msghdr message_of(iovec& memory, void* address, std::size_t size, MutableBytes control) {
  return {.msg_name = address,
          .msg_namelen = static_cast<socklen_t>(size),
          .msg_iov = &memory,
          .msg_iovlen = 1,
          .msg_control = control.data(),
          .msg_controllen = control.size(),
          .msg_flags = 0};
}

// -- receiving --

void DatagramReceive::start(const Request& request, std::coroutine_handle<> frame) {
  EDDY_ASSERT(!state_->receiving);
  state_->count_receive();
  prepare(request);
  Operation::await_suspend(frame);
  state_->receiving = this;
}

Expected<std::size_t> DatagramReceive::settle() {
  EDDY_ASSERT(!state_->receiving || state_->receiving == this);
  state_->receiving = nullptr;
  end();
  auto outcome = Operation::await_outcome();
  if (outcome) [[likely]] return static_cast<std::size_t>(*outcome);
  if (!outcome.error().is_error()) return std::unexpected(std::move(outcome.error()));
  return std::unexpected(failure_at(*state_, {}, outcome.error().code(), name()));
}

// With MSG_TRUNC the kernel answers how long the datagram was, not how much of it fitted.
void Receiving::await_suspend(std::coroutine_handle<> frame) {
  start(state_->request(IORING_OP_RECV, into_.data(), into_.size(), MSG_TRUNC), frame);
}

Expected<Received> Receiving::await_outcome() {
  auto length = settle();
  if (!length) return std::unexpected(std::move(length.error()));
  return Received{count_of(*length), truncates(*length)};
}

void DatagramReceiveMessage::start_message(MutableBytes control, int flags,
                                           std::coroutine_handle<> frame) {
  part_ = {into_.data(), into_.size()};
  header_ = message_of(part_, from_.data(), Address::capacity, control);
  const auto all_flags = static_cast<std::uint32_t>(flags | MSG_TRUNC);
  start(state_->request(IORING_OP_RECVMSG, &header_, 1, all_flags), frame);
}

Address DatagramReceiveMessage::sender() const noexcept {
  EDDY_ASSERT(header_.msg_name);
  Address sender = from_;
  sender.set_size(header_.msg_namelen);
  return sender;
}

Expected<ReceivedFrom> ReceivingFrom::await_outcome() {
  auto length = settle();
  if (!length) return std::unexpected(std::move(length.error()));
  return ReceivedFrom{count_of(*length), truncates(*length), sender()};
}

// -- sending --

bool SendDatagram::ready(MutableBytes control) {
  if (!begin()) [[unlikely]] return true;
  if (!Send::may_send_now()) return false;
  fill_header(control);
  const auto sent =
      sys::sendmsg(state_->socket.fileno(), &header_, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno == EAGAIN) return false;
  finish(sent < 0 ? -errno : static_cast<int>(sent));
  return true;
}

void SendDatagram::start(MutableBytes control, std::coroutine_handle<> frame) {
  EDDY_ASSERT(!state_->sending);
  fill_header(control);
  prepare_send();
  Operation::await_suspend(frame);
  state_->sending = this;
}

void SendDatagram::fill_header(MutableBytes control) noexcept {
  part_ = {const_cast<std::byte*>(bytes_.data()), bytes_.size()};
  header_ = message_of(part_, to_ ? to_.data() : nullptr, to_.size(), control);
}

// It never waits in the kernel: when a UNIX receiver was full and io_uring tries again after its
// poll, an empty datagram goes, since the first try has used up the bytes (seen on 6.18).
void SendDatagram::prepare_send() noexcept {
  prepare(state_->request(IORING_OP_SENDMSG, &header_, 1, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static_assert(sizeof(__kernel_timespec) == 2 * sizeof(std::int64_t));

void SendDatagram::prepare_wait() noexcept {
  EDDY_ASSERT(waiting_);
  if (!to_.is_unix()) {
    return prepare(state_->request(IORING_OP_POLL_ADD, nullptr, 0, POLLOUT));
  }
  EDDY_ASSERT(delay_.nanoseconds <= longest_delay);
  if (delayed_) delay_.nanoseconds = std::min(2 * delay_.nanoseconds, longest_delay);
  delayed_ = true;
  prepare({.opcode = IORING_OP_TIMEOUT, .address = address_of(&delay_), .length = 1});
}

// Sends and waits in turn.
bool SendDatagram::proceed(Operation& operation) noexcept {
  auto& send = static_cast<SendDatagram&>(operation);
  if (send.waiting_) {
    if ((send.result() < 0 && send.result() != -ETIME) || send.state_->closing) return false;
    send.prepare_send();
    if (!send.submit_again()) return false;
    send.waiting_ = false;
    return true;
  }
  if (send.result() != -EAGAIN) return false;
  send.waiting_ = true;
  if (send.state_->closing) return false;
  send.prepare_wait();
  return send.submit_again();
}

Expected<void> SendDatagram::await_outcome() {
  EDDY_ASSERT(!state_->sending || state_->sending == this);
  state_->sending = nullptr;
  end();
  if (waiting_ && cancel_requested()) return std::unexpected(cancelled_midway());
  auto outcome = Operation::await_outcome();
  if (outcome && !waiting_) [[likely]] return {};
  if (!outcome && !outcome.error().is_error()) return std::unexpected(std::move(outcome.error()));
  const int code = outcome ? ECANCELED : outcome.error().code();
  return std::unexpected(failure_at(*state_, to_, code, name()));
}

}  // namespace eddy::internal
