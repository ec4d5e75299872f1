#include <eddy/net/socket.hpp>

namespace eddy {

Socket::Socket(int family, int type, int protocol)
    : fd_(::socket(family, type | SOCK_CLOEXEC, protocol)) {
  if (!fd_) throw Error(errno, "open a socket");
}

void Socket::bind(const Address& address) {
  if (::bind(fd_.get(), address.data(), address.size()) < 0) {
    throw Error(errno, "bind", address.format());
  }
}

void Socket::listen(int backlog) {
  if (::listen(fd_.get(), backlog) < 0) throw Error(errno, "listen", local().format());
}

void Socket::shutdown(int how) {
  if (::shutdown(fd_.get(), how) < 0 && errno != ENOTCONN) throw Error(errno, "shutdown");
}

// One of getsockname(2) and getpeername(2).
static Address ask(decltype(::getsockname)* question, int fd) noexcept {
  Address address;
  socklen_t size = Address::capacity;
  if (question(fd, address.data(), &size) < 0) return {};
  address.set_size(size);
  return address;
}

Address Socket::local_if_any() const noexcept { return ask(&::getsockname, fd_.get()); }
Address Socket::peer_if_any() const noexcept { return ask(&::getpeername, fd_.get()); }

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
