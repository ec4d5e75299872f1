// DatagramSocket: what the sockets of datagrams share: UdpSocket and UnixDatagram.
//
// One task receives and one sends at a time; a second one throws UsageError. A socket that is
// dropped is closed, and calls on it that are in progress end with ECANCELED. It belongs to the
// loop that first uses it.
#pragma once

#include <eddy/core/internal/keeping.hpp>
#include <eddy/core/task.hpp>
#include <eddy/net/internal/datagram.hpp>

namespace eddy {

class DatagramSocket {
 public:
  // From now on what does not come from `peer` is dropped, and send() goes there; no address: the
  // same as never. Waits for nothing. Throws Error with the address.
  void connect(const Address& peer);

  // -- receiving --

  // The next datagram, also an empty one. What does not fit is lost, and `truncated` says so. The
  // memory must stay until it resumes. Cancelled: no datagram is lost. ∅
  internal::Receiving receive(MutableBytes into) {
    return internal::Receiving(handle_.to_use(), into);
  }
  // The same, and who sent it. ∅
  internal::ReceivingFrom receive_from(MutableBytes into) {
    return internal::ReceivingFrom(handle_.to_use(), into);
  }

  // -- sending --

  // One datagram of `bytes`, also an empty one, to the peer it is connected to. Resumes when the
  // kernel has taken it, and waits while that has no room. Cancelled: it has not gone. The memory
  // must stay until it resumes, unless it is a temporary's. Throws Error: EMSGSIZE when it is too
  // long, and ECONNREFUSED when nobody was there for this one or, over IP, for an earlier one. ∅
  internal::SendDatagram send(Bytes bytes) {
    return internal::SendDatagram(handle_.to_use(), bytes, Address());
  }
  template <internal::TemporaryBytes R>
  Task<> send(R&& bytes) { return send_to(std::move(bytes), Address()); }
  // The same, to `to`. ∅
  internal::SendDatagram send_to(Bytes bytes, const Address& to) {
    return internal::SendDatagram(handle_.to_use(), bytes, to);
  }
  template <internal::TemporaryBytes R>
  Task<> send_to(R&& bytes, const Address& to) {
    return internal::keeping(std::move(bytes), [state = handle_.to_use(), to](R& memory) {
      return internal::SendDatagram(state, memory, to);
    });
  }

  // -- the end --

  // Ends what is in progress, whose tasks get ECANCELED, waits for them, and closes. Idempotent.
  Task<> close();
  bool closed() const noexcept { return handle_.closed(); }

  Address local() const { return socket().local(); }
  Address peer() const { return socket().peer(); }
  // For options.
  Socket& socket() const { return handle_.to_use()->socket; }

 protected:
  DatagramSocket() = default;
  explicit DatagramSocket(Socket socket) : handle_(std::move(socket)) {}
  DatagramSocket(DatagramSocket&&) noexcept = default;
  DatagramSocket& operator=(DatagramSocket&&) noexcept = default;
  ~DatagramSocket() = default;

  internal::SocketHandle handle_;
};

}  // namespace eddy
