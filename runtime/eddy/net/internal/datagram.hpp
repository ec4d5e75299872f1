// Datagram: what a socket of datagrams sends and receives, each a SocketCall.
//
// Cancelling a receive loses no datagram: what the kernel had given is returned (C13). Errors are
// Error with the address.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/net/address.hpp>
#include <eddy/net/internal/socket_call.hpp>
#include <eddy/net/received.hpp>

#include <algorithm>
#include <cstdint>

#include <sys/socket.h>
#include <sys/uio.h>

namespace eddy::internal {

class DatagramReceive : public SocketCall<SocketState::Side::reading> {
 public:
  bool await_ready() { return !begin(); }

 protected:
  DatagramReceive(Counted<SocketState> state, MutableBytes into) noexcept
      : SocketCall(std::move(state), "receive", nullptr), into_(into) {}

  void start(const Request& request, std::coroutine_handle<> frame);
  // The length of the datagram, which may be more than the buffer's.
  Expected<std::size_t> settle();
  std::size_t count_of(std::size_t length) const noexcept { return std::min(length, into_.size()); }
  bool truncates(std::size_t length) const noexcept { return length > into_.size(); }

  MutableBytes into_;
};

class [[nodiscard]] Receiving : public DatagramReceive {
 public:
  using value_type = Received;
  Receiving(Counted<SocketState> state, MutableBytes into) noexcept
      : DatagramReceive(std::move(state), into) {}

  void await_suspend(std::coroutine_handle<> frame);
  Received await_resume() { return value_or_raise(await_outcome()); }
  Expected<Received> await_outcome();
};

// With the sender's address, and with a place for what comes beside the bytes.
class DatagramReceiveMessage : public DatagramReceive {
 protected:
  using DatagramReceive::DatagramReceive;

  void start_message(MutableBytes control, int flags, std::coroutine_handle<> frame);
  Address sender() const noexcept;
  const msghdr& header() const noexcept { return header_; }

 private:
  msghdr header_{};
  iovec part_{};
  Address from_;
};

class [[nodiscard]] ReceivingFrom : public DatagramReceiveMessage {
 public:
  using value_type = ReceivedFrom;
  ReceivingFrom(Counted<SocketState> state, MutableBytes into) noexcept
      : DatagramReceiveMessage(std::move(state), into) {}

  void await_suspend(std::coroutine_handle<> frame) { start_message({}, 0, frame); }
  ReceivedFrom await_resume() { return value_or_raise(await_outcome()); }
  Expected<ReceivedFrom> await_outcome();
};

// One datagram, as a whole or not at all. Where there is no room it waits for some: for room in the
// socket, and of a UNIX receiver that the socket is connected to, by poll. Nothing tells of room at
// a UNIX receiver that is named with each datagram: that one is tried again after longer and longer
// times, up to `longest_delay`.
class [[nodiscard]] SendDatagram : public SocketCall<SocketState::Side::writing> {
 public:
  using value_type = void;
  static constexpr std::int64_t first_delay = 1'000'000;  // nanoseconds
  static constexpr std::int64_t longest_delay = 64'000'000;

  // To `to`, or to the peer that the socket is connected to.
  SendDatagram(Counted<SocketState> state, Bytes bytes, const Address& to) noexcept
      : SocketCall(std::move(state), "send", &proceed), bytes_(bytes), to_(to) {}

  bool await_ready() { return ready({}); }
  void await_suspend(std::coroutine_handle<> frame) { start({}, frame); }
  void await_resume() { return value_or_raise(await_outcome()); }
  Expected<void> await_outcome();

 protected:
  // With `control` beside the bytes. It must stay until the call has ended.
  bool ready(MutableBytes control);
  void start(MutableBytes control, std::coroutine_handle<> frame);

 private:
  struct Delay {  // as the kernel has it: struct __kernel_timespec
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = first_delay;
  };

  static bool proceed(Operation& operation) noexcept;
  void fill_header(MutableBytes control) noexcept;
  void prepare_send() noexcept;
  void prepare_wait() noexcept;

  Bytes bytes_;
  Address to_;
  msghdr header_{};
  iovec part_{};
  Delay delay_;
  bool delayed_ = false;
  bool waiting_ = false;  // for room: the datagram has not gone
};

}  // namespace eddy::internal
