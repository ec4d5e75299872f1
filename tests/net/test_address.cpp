#include <eddy/base/error.hpp>
#include <eddy/net/address.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <random>

namespace {

using namespace eddy;

TEST(Address, IsPrintedAsItIsParsed) {
  for (const char* text :
       {"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:8080", "[::]:0",
        "[2001:db8::8a2e:370:7334]:443", "[fe80::1%1]:80", "[::ffff:10.0.0.1]:1",
        "unix:/run/app.sock", "unix:relative", "unix:@abstract", "unix:@with space"}) {
    const auto address = Address::try_parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->format(), text);
    EXPECT_EQ(*address, Address::parse(address->format()));
  }
}

TEST(Address, RefusesWhatIsNone) {
  for (const char* text : {"",
                           ":",
                           ":80",
                           "127.0.0.1",
                           "127.0.0.1:",
                           "127.0.0.1:65536",
                           "127.0.0.1:-1",
                           "127.0.0.1:+1",
                           "127.0.0.1: 80",
                           "127.0.0.1:80 ",
                           " 127.0.0.1:80",
                           "127.1:80",
                           "1.2.3.256:80",
                           "01.2.3.4:80",
                           "localhost:80",
                           "::1:80",
                           "[::1]",
                           "[::1]:",
                           "[::1:80",
                           "::1]:80",
                           "[]:80",
                           "[::1%]:80",
                           "[::1%nosuchinterface]:80",
                           "[127.0.0.1]:80",
                           "[::1%4294967296]:80",
                           "[::1]x:80",
                           "[1:2:3:4:5:6:7:8:9]:80",
                           "unix:",
                           "unix:@",
                           "UNIX:/a",
                           "http://127.0.0.1:80",
                           "127.0.0.1:0x50"}) {
    EXPECT_FALSE(Address::try_parse(text)) << text;
    EXPECT_THROW(Address::parse(text), UsageError);
  }
  EXPECT_FALSE(Address::try_parse(std::string_view("127.0.0.1\0:80", 13)));
  EXPECT_FALSE(Address::try_parse("[" + std::string(1000, ':') + "]:80"));
}

TEST(Address, IsMadeFromItsParts) {
  EXPECT_EQ(Address::ip("10.1.2.3", 99).format(), "10.1.2.3:99");
  EXPECT_EQ(Address::ip("::1", 99).format(), "[::1]:99");
  EXPECT_EQ(Address::ip("fe80::2%lo", 5).format(), "[fe80::2%1]:5");
  EXPECT_EQ(Address::try_ip("::1", 99), Address::ip("::1", 99));
  EXPECT_FALSE(Address::try_ip("example.com", 80));
  EXPECT_THROW(Address::ip("example.com", 80), UsageError);
  EXPECT_THROW(Address::ip("[::1]", 80), UsageError);
  EXPECT_EQ(Address::loopback(7).format(), "127.0.0.1:7");
  EXPECT_EQ(Address::any(7).format(), "0.0.0.0:7");
  EXPECT_EQ(Address::loopback6(7).format(), "[::1]:7");
  EXPECT_EQ(Address::any6(7).format(), "[::]:7");
  EXPECT_EQ(Address::loopback(7).with_port(8), Address::loopback(8));
  EXPECT_EQ(Address::loopback(7).host(), "127.0.0.1");
  EXPECT_EQ(Address::loopback(7).port(), 7);
  EXPECT_EQ(Address::loopback(7).family(), AF_INET);
  EXPECT_TRUE(Address::loopback6(7).is_ip());
}

TEST(Address, HasNoneByDefault) {
  const Address none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none.format(), "");
  EXPECT_EQ(none.size(), 0u);
  EXPECT_EQ(none, Address());
  EXPECT_FALSE(none == Address::any(0));
}

TEST(Address, OfAUnixSocketIsAPathOrAName) {
  const Address path = Address::unix_path("/tmp/x");
  EXPECT_TRUE(path.is_unix());
  EXPECT_FALSE(path.is_abstract());
  EXPECT_EQ(path.path(), "/tmp/x");
  EXPECT_EQ(path.size(), offsetof(sockaddr_un, sun_path) + 7);
  const std::string_view odd("a\0b", 3);
  const Address name = Address::abstract(odd);
  EXPECT_TRUE(name.is_abstract());
  EXPECT_EQ(name.path(), odd);
  EXPECT_EQ(name.size(), offsetof(sockaddr_un, sun_path) + 4);
  EXPECT_FALSE(name == Address::unix_path("a"));
  EXPECT_EQ(Address::unix_path(std::string(107, 'x')).path().size(), 107u);
  EXPECT_THROW(Address::unix_path(std::string(108, 'x')), UsageError);
  EXPECT_EQ(Address::abstract(std::string(107, 'x')).path().size(), 107u);
  EXPECT_THROW(Address::abstract(std::string(108, 'x')), UsageError);
  EXPECT_EQ(Address::unix_path("@x").format(), "unix:./@x") << "not the abstract one";
  EXPECT_THROW(Address::unix_path(""), UsageError);
  EXPECT_THROW(Address::abstract(""), UsageError);
  EXPECT_THROW(Address::unix_path(odd), UsageError);
}

// What the kernel gives for a socket that was never bound: the family alone.
TEST(Address, ComesFromTheKernel) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  Address unnamed;
  socklen_t size = Address::capacity;
  ASSERT_EQ(::getsockname(ends[0], unnamed.data(), &size), 0);
  unnamed.set_size(size);
  EXPECT_EQ(unnamed.format(), "unix:");
  EXPECT_EQ(unnamed.path(), "");
  EXPECT_FALSE(unnamed.is_abstract());
  ::close(ends[0]);
  ::close(ends[1]);
}

// Whatever the bytes: no crash, and what is accepted prints as something that parses to the same.
TEST(Address, SurvivesAnyText) {
  std::mt19937 random(11);
  const std::string_view letters = "0123456789abcdef:.[]%@/unix \0x";
  for (int round = 0; round < 200'000; ++round) {
    std::string text = round % 3 == 0 ? "unix:" : round % 3 == 1 ? "[" : "1";
    for (auto length = random() % 24; length > 0; --length) {
      text += letters[random() % letters.size()];
    }
    if (round % 2) text += ":80";
    const auto address = Address::try_parse(text);
    if (!address) continue;
    const auto again = Address::try_parse(address->format());
    ASSERT_TRUE(again && *again == *address) << text;
  }
}

TEST(Address, TakesDigitsAloneForAPort) {
  EXPECT_EQ(Address::parse("127.0.0.1:00080"), Address::loopback(80));
  for (const char* port : {"", "+80", " 80", "80 ", "-1", "65536", "+65616", "0x50", "8o"}) {
    EXPECT_FALSE(Address::try_parse("127.0.0.1:" + std::string(port))) << port;
    EXPECT_FALSE(Address::try_parse("[::1]:" + std::string(port))) << port;
  }
}

TEST(Address, RefusesAZeroByteButInAnAbstractName) {
  const std::string name("a\0b", 3);
  EXPECT_THROW(Address::unix_path(name), UsageError);
  EXPECT_THROW(Address::parse("unix:" + name), UsageError);
  EXPECT_THROW(Address::ip("127.0.0.1" + name, 80), UsageError);
  EXPECT_THROW(Address::ip("fe80::1%" + name, 80), UsageError);
  EXPECT_FALSE(Address::try_parse("127.0.0.1" + std::string(1, '\0') + ":80"));
  EXPECT_EQ(Address::abstract(name).path(), name);
  EXPECT_EQ(Address::parse("unix:@" + name).path(), name);
}

}  // namespace
