#include <eddy/net/datagram_socket.hpp>

namespace eddy {
using namespace internal;

void DatagramSocket::connect(const Address& peer) {
  if (peer) return socket().connect(peer);
  if (!socket().disconnect()) throw Error(errno, "connect");
}

Task<> DatagramSocket::close() { return SocketState::close(handle_.state()); }

}  // namespace eddy
