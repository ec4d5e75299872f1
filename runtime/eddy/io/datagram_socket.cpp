#include <eddy/io/datagram_socket.hpp>

namespace eddy {

void DatagramSocket::connect(const Address& peer) {
  const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
  const sockaddr* to = peer ? peer.data() : &nobody;
  const socklen_t size = peer ? peer.size() : sizeof nobody;
  if (::connect(socket().fileno(), to, size) < 0) throw Error(errno, "connect", peer.format());
}

static Task<> close_nothing() { co_return; }

Task<> DatagramSocket::close() {
  return handle_.state() ? SocketState::close(handle_.state()) : close_nothing();
}

}  // namespace eddy
