#include <eddy/net/datagram_socket.hpp>

namespace eddy {

void DatagramSocket::connect(const Address& peer) {
  const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
  const sockaddr* to = peer ? peer.data() : &nobody;
  const socklen_t size = peer ? peer.size() : sizeof nobody;
  if (::connect(socket().fileno(), to, size) < 0) throw Error(errno, "connect", peer.format());
}

Task<> DatagramSocket::close() { return SocketState::close(handle_.state()); }

}  // namespace eddy
