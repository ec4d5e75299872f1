// Socket: an open socket behind its handles: descriptor, addresses, options.
//
// Everything about a socket that does not wait. A Socket is closed when it dies; what waits is on
// the streams and listeners that are made of one.
#pragma once

#include <eddy/base/error.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/net/address.hpp>

#include <sys/socket.h>

#include <utility>

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
  // Two new ones that are connected with each other. Throws Error.
  static std::pair<Socket, Socket> pair(int family, int type);
  // Gives the descriptor away.
  UniqueFd release() noexcept { return std::move(fd_); }

  // Throw Error with the address.
  void bind(const Address& address);
  void listen(int backlog);
  // Half-closes: SHUT_RD, SHUT_WR, SHUT_RDWR. A peer that is gone already is no error.
  void shutdown(int how);
  bool try_shutdown(int how) noexcept;  // false: errno says why
  // What a socket of datagrams sends from now on goes to `peer`, and it takes datagrams from nobody
  // else.
  void connect(const Address& peer);
  // Undoes that. A stream is broken off: the kernel forgets what was on its way.
  bool disconnect() noexcept;  // false: errno says why

  Address local() const;
  Address peer() const;
  // No address where there is none: closed, never connected, reset.
  Address local_if_any() const noexcept;
  Address peer_if_any() const noexcept;

  // setsockopt(2), getsockopt(2).
  template <class T>
  void set_option(int level, int name, const T& value) {
    write_option(level, name, &value, sizeof value);
  }
  template <class T>
  T option(int level, int name) const {
    T value{};
    read_option(level, name, &value, sizeof value);
    return value;
  }
  void set_flag(int level, int name, bool on = true) { set_option<int>(level, name, on); }
  // False of a closed one, too.
  bool is_of_datagrams() const noexcept;

 private:
  void write_option(int level, int name, const void* value, socklen_t size);
  void read_option(int level, int name, void* into, socklen_t size) const;

  UniqueFd fd_;
};

}  // namespace eddy
