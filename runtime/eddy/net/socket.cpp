#include <eddy/net/socket.hpp>

#include <eddy/base/internal/sys.hpp>

namespace eddy {
using namespace internal;

Socket::Socket(int family, int type, int protocol)
    : fd_(sys::socket(family, type | SOCK_CLOEXEC, protocol)) {
  if (!fd_) throw Error(errno, "open a socket");
}

std::pair<Socket, Socket> Socket::pair(int family, int type) {
  int ends[2];
  if (sys::socketpair(family, type | SOCK_CLOEXEC, 0, ends) < 0) {
    throw Error(errno, "open a socket");
  }
  return {Socket(UniqueFd(ends[0])), Socket(UniqueFd(ends[1]))};
}

void Socket::bind(const Address& address) {
  if (sys::bind(fd_.get(), address.data(), address.size()) < 0) {
    throw Error(errno, "bind", address.format());
  }
}

void Socket::listen(int backlog) {
  if (sys::listen(fd_.get(), backlog) < 0) throw Error(errno, "listen", local().format());
}

bool Socket::try_shutdown(int how) noexcept { return sys::shutdown(fd_.get(), how) == 0; }

void Socket::shutdown(int how) {
  if (!try_shutdown(how) && errno != ENOTCONN) throw Error(errno, "shutdown");
}

void Socket::connect(const Address& peer) {
  if (sys::connect(fd_.get(), peer.data(), peer.size()) < 0) {
    throw Error(errno, "connect", peer.format());
  }
}

bool Socket::disconnect() noexcept {
  const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
  return sys::connect(fd_.get(), &nobody, sizeof nobody) == 0;
}

void Socket::write_option(int level, int name, const void* value, socklen_t size) {
  if (sys::setsockopt(fd_.get(), level, name, value, size) < 0) {
    throw Error(errno, "set an option of a socket");
  }
}

void Socket::read_option(int level, int name, void* into, socklen_t size) const {
  if (sys::getsockopt(fd_.get(), level, name, into, &size) < 0) {
    throw Error(errno, "get an option of a socket");
  }
}

bool Socket::is_of_datagrams() const noexcept {
  int type = 0;
  socklen_t size = sizeof type;
  return sys::getsockopt(fd_.get(), SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM;
}

// One of getsockname(2) and getpeername(2).
static Address ask(decltype(sys::getsockname)* question, int fd) noexcept {
  Address address;
  socklen_t size = Address::capacity;
  if (question(fd, address.data(), &size) < 0) return {};
  address.set_size(size);
  return address;
}

Address Socket::local_if_any() const noexcept { return ask(&sys::getsockname, fd_.get()); }
Address Socket::peer_if_any() const noexcept { return ask(&sys::getpeername, fd_.get()); }

Address Socket::local() const {
  const Address address = local_if_any();
  if (!address) throw Error(errno, "getsockname");
  return address;
}

Address Socket::peer() const {
  const Address address = peer_if_any();
  if (!address) throw Error(errno, "getpeername");
  return address;
}

}  // namespace eddy
