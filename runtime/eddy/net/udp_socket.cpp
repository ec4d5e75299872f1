#include <eddy/net/udp_socket.hpp>

namespace eddy {

UdpSocket UdpSocket::bind(const Address& address, UdpOptions options) {
  if (!address.is_ip()) throw UsageError("UDP at an address that is not of IP");
  Socket socket(address.family(), SOCK_DGRAM);
  if (options.reuse_address) socket.set_flag(SOL_SOCKET, SO_REUSEADDR);
  if (options.reuse_port) socket.set_flag(SOL_SOCKET, SO_REUSEPORT);
  if (options.broadcast) socket.set_flag(SOL_SOCKET, SO_BROADCAST);
  if (address.family() == AF_INET6) {
    socket.set_flag(IPPROTO_IPV6, IPV6_V6ONLY, options.only_v6);
  }
  socket.bind(address);
  return UdpSocket(std::move(socket));
}

}  // namespace eddy
