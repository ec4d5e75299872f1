// UdpSocket: datagrams over UDP.
//
//   UdpSocket socket = UdpSocket::bind(Address::any(5353));
//   char buffer[1500];
//   const ReceivedFrom got = co_await socket.receive_from(buffer);
//   co_await socket.send_to(Bytes(buffer, got.count), got.from);
#pragma once

#include <eddy/net/datagram_socket.hpp>

namespace eddy {

// Trivially copyable.
struct UdpOptions {
  bool reuse_address = false;  // for multicast; otherwise the last socket gets what was the first's
  bool reuse_port = false;     // several sockets, one per loop, share what comes
  bool only_v6 = false;        // an IPv6 address takes IPv4 too otherwise
  bool broadcast = false;      // may send to broadcast addresses
};

class UdpSocket : public DatagramSocket {
 public:
  UdpSocket() = default;
  // A socket of type SOCK_DGRAM over IP, without O_NONBLOCK.
  explicit UdpSocket(Socket socket) : DatagramSocket(std::move(socket)) {}

  // At `address`, an IP one. A port of 0 lets the kernel choose: local() tells. Throws Error with
  // the address.
  static UdpSocket bind(const Address& address, UdpOptions options = {});
};

}  // namespace eddy
