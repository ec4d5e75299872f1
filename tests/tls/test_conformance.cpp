// A tls::Stream is a stream of bytes like any other, over a socket and over memory.
#include "by_hand.hpp"
#include "tls_ends.hpp"

#include "support/byte_stream_conformance.hpp"

namespace {

using namespace eddy;

template <class Wire>
Task<> shake_over(tls::Stream& a, tls::Stream& b, Wire client, Wire server) {
  static const tls::ClientContext trusting = test::trusting();
  static const tls::ServerContext showing = test::showing(test::certificates().localhost);
  test::TlsEnds ends;
  const test::Said said = co_await test::try_to_shake(ends, std::move(client), std::move(server),
                                                      trusting, showing);
  EXPECT_TRUE(said.both_well()) << said.client << said.server;
  a = std::move(ends.client);
  b = std::move(ends.server);
}

struct TlsOverTcp {
  using Stream = tls::Stream;
  static constexpr bool sends_files = true;
  static std::size_t allocations_of_others() { return test::allocations_of_openssl(); }
  static Task<> connect(Stream& a, Stream& b) {
    test::TcpEnds wire;
    co_await test::connect_ends(wire);
    co_await shake_over(a, b, std::move(wire.a), std::move(wire.b));
  }
};

struct TlsOverMemory : TlsOverTcp {
  static Task<> connect(Stream& a, Stream& b) {
    auto [there, back] = duplex();
    co_await shake_over(a, b, std::move(there), std::move(back));
  }
};

using namespace test;
using TlsKinds = testing::Types<TlsOverTcp, TlsOverMemory>;
INSTANTIATE_TYPED_TEST_SUITE_P(Tls, ByteStream, TlsKinds);

TEST(TlsStream, HasTheAddressesOfItsSocket) {
  test::run([]() -> Task<> {
    test::TcpEnds wire;
    co_await test::connect_ends(wire);
    const Address here = wire.a.local(), there = wire.a.peer();
    TlsEnds ends;
    co_await shake_over(ends.client, ends.server, std::move(wire.a), std::move(wire.b));
    EXPECT_EQ(ends.client.local(), here);
    EXPECT_EQ(ends.client.peer(), there);
    EXPECT_EQ(ends.server.peer(), here);
    EXPECT_GE(ends.client.socket().fileno(), 0);
    co_await end_both(ends);
  });
  test::run([]() -> Task<> {
    TlsEnds ends;
    co_await TlsOverMemory::connect(ends.client, ends.server);
    EXPECT_THROW(static_cast<void>(ends.client.peer()), UsageError) << "memory has none";
    co_await end_both(ends);
  });
}

TEST(TlsStream, RunsInsideOfAnother) {
  test::run([]() -> Task<> {
    TlsEnds outer, inner;
    co_await TlsOverTcp::connect(outer.client, outer.server);
    co_await shake_over(inner.client, inner.server, std::move(outer.client),
                        std::move(outer.server));
    co_await expect_to_talk(inner);
    EXPECT_GE(inner.client.socket().fileno(), 0) << "at the bottom";
    co_await end_both(inner);
  });
}

TEST(TlsStream, TakesWhatWasReadAhead) {
  test::run([]() -> Task<> {
    test::Ends wire;
    co_await wire.a.write_all("STARTTLS\n");
    const auto served = [](Stream plain, tls::Stream& into) -> Task<> {
      co_await settle();  // the hello is there, behind the line
      EXPECT_EQ(co_await plain.readline(), "STARTTLS\n");
      co_await shake_as_server(into, std::move(plain), showing(certificates().localhost));
    };
    TlsEnds ends;
    auto serving = spawn(served(std::move(wire.b), ends.server));
    co_await shake_as_client(ends.client, std::move(wire.a), trusting(), "localhost");
    co_await serving;
    co_await expect_to_talk(ends);
    co_await end_both(ends);
  });
}

}  // namespace
