// Ports of 127.0.0.1 that nobody else has: sockets that listen already. A server is given them, or
// the port alone, once the socket is closed.
#pragma once

#include <eddy/base/unique_fd.hpp>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

namespace test {

struct FreePort {
  FreePort() : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket.get(), plain, size), 0);
    EXPECT_EQ(::listen(socket.get(), 511), 0);
    EXPECT_EQ(::getsockname(socket.get(), plain, &size), 0);
    number = ntohs(address.sin_port);
  }

  eddy::UniqueFd socket;
  std::uint16_t number = 0;
};

// A port where nobody listens: connecting to it is refused.
inline std::uint16_t closed_port() { return FreePort().number; }

}  // namespace test
