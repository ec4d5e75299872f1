// Socket: what is asked of it without waiting.
#include "support/run.hpp"

#include <eddy/net/socket.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace {

using namespace eddy;

Socket udp() {
  Socket socket(AF_INET, SOCK_DGRAM);
  socket.bind(Address::parse("127.0.0.1:0"));
  return socket;
}

TEST(Socket, OfAPairIsConnectedWithTheOtherOne) {
  auto [one, other] = Socket::pair(AF_UNIX, SOCK_STREAM);
  EXPECT_EQ(::send(one.fileno(), "x", 1, MSG_NOSIGNAL), 1);
  char got = 0;
  EXPECT_EQ(::recv(other.fileno(), &got, 1, MSG_DONTWAIT), 1);
  EXPECT_EQ(got, 'x');
  EXPECT_THROW(Socket::pair(AF_INET, SOCK_STREAM), Error) << "the kernel has none of these";
}

TEST(Socket, KnowsWhetherItIsOfDatagrams) {
  EXPECT_TRUE(udp().is_of_datagrams());
  EXPECT_FALSE(Socket(AF_INET, SOCK_STREAM).is_of_datagrams());
  EXPECT_FALSE(Socket().is_of_datagrams());
}

TEST(Socket, OfDatagramsHasAPeerUntilItIsDisconnected) {
  Socket one = udp(), other = udp();
  one.connect(other.local());
  EXPECT_EQ(one.peer(), other.local());
  EXPECT_TRUE(one.disconnect());
  EXPECT_FALSE(one.peer_if_any());
}

TEST(Socket, NamesThePeerThatItCannotBeConnectedWith) {
  try {
    udp().connect(Address::parse("[::1]:9"));
    ADD_FAILURE() << "of another family";
  } catch (const Error& error) {
    EXPECT_EQ(error.code().value(), EAFNOSUPPORT);
    EXPECT_NE(std::string(error.what()).find("[::1]:9"), std::string::npos) << error.what();
  }
}

TEST(Socket, SaysByErrnoWhyItIsNotShutDownOrDisconnected) {
  Socket never(AF_INET, SOCK_STREAM), closed;
  EXPECT_FALSE(never.try_shutdown(SHUT_RDWR));
  EXPECT_EQ(errno, ENOTCONN);
  EXPECT_FALSE(closed.disconnect());
  EXPECT_EQ(errno, EBADF);
  auto [one, other] = Socket::pair(AF_UNIX, SOCK_STREAM);
  EXPECT_TRUE(one.try_shutdown(SHUT_WR));
  char got;
  EXPECT_EQ(::recv(other.fileno(), &got, 1, MSG_DONTWAIT), 0) << "the end";
}

}  // namespace
