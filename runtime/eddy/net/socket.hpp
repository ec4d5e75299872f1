// Socket: an open socket behind its handles: descriptor, addresses, options.
//
// Everything about a socket that does not wait. A Socket is closed when it dies; what waits is on
// the streams and listeners that are made of one.
#pragma once

#include <eddy/base/error.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/net/address.hpp>

#include <sys/socket.h>

#include <cerrno>

namespace eddy {

class Socket {
 public:
  Socket() = default;
  // A new one; close-on-exec. Throws Error.
  Socket(int family, int type, int protocol = 0);
  // One that somebody else opened.
  explicit Socket(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  bool closed() const noexcept { return !fd_; }
  int fileno() const noexcept { return fd_.get(); }
  // Gives the descriptor away.
  UniqueFd release() noexcept { return std::move(fd_); }

  // Throw Error with the address.
  void bind(const Address& address);
  void listen(int backlog);
  // Half-closes: SHUT_RD, SHUT_WR, SHUT_RDWR. A peer that is gone already is no error.
  void shutdown(int how);

  Address local() const;
  Address peer() const;
  // No address where there is none: closed, never connected, reset.
  Address local_if_any() const noexcept;
  Address peer_if_any() const noexcept;

  // setsockopt(2), getsockopt(2).
  template <class T>
  void set_option(int level, int name, const T& value) {
    if (::setsockopt(fd_.get(), level, name, &value, sizeof value) < 0) {
      throw Error(errno, "set an option of a socket");
    }
  }
  template <class T>
  T option(int level, int name) const {
    T value{};
    socklen_t size = sizeof value;
    if (::getsockopt(fd_.get(), level, name, &value, &size) < 0) {
      throw Error(errno, "get an option of a socket");
    }
    return value;
  }
  void set_flag(int level, int name, bool on = true) { set_option<int>(level, name, on); }

 private:
  UniqueFd fd_;
};

}  // namespace eddy
