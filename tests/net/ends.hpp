// Two ends of a connection, as streams or with one of them as a plain descriptor.
#pragma once

#include "support/run.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace test {

// Over a UNIX socket.
struct Ends {
  Ends() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    a = eddy::Stream(eddy::Socket(eddy::UniqueFd(fds[0])));
    b = eddy::Stream(eddy::Socket(eddy::UniqueFd(fds[1])));
  }
  eddy::Stream a, b;
};

// Over TCP. The named parts come first: GCC 12 wants no temporary beside a co_await.
struct TcpEnds {
  eddy::Stream a, b;
};
inline eddy::Task<> connect_ends(TcpEnds& ends) {
  eddy::Listener listener = eddy::listen(eddy::Address::loopback(0));
  ends.a = co_await eddy::connect(listener.local());
  ends.b = co_await listener.accept();
}

// Different at every place, so that a piece that is lost or doubled shows.
inline std::string pattern(std::size_t size) {
  std::string text;
  text.reserve(size + 8);
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
  text.resize(size);
  return text;
}

}  // namespace test
