#include <eddy/io/socket.hpp>

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

Address Socket::local() const {
  Address address;
  socklen_t size = Address::capacity;
  if (::getsockname(fd_.get(), address.data(), &size) < 0) throw Error(errno, "getsockname");
  address.set_size(size);
  return address;
}

Address Socket::peer() const {
  Address address;
  socklen_t size = Address::capacity;
  if (::getpeername(fd_.get(), address.data(), &size) < 0) throw Error(errno, "getpeername");
  address.set_size(size);
  return address;
}

}  // namespace eddy
