// A Stream over both kinds of socket is a stream of bytes like any other.
#include "ends.hpp"

#include "support/byte_stream_conformance.hpp"

namespace {

using namespace eddy;

struct StreamOverUnixSocket {
  using Stream = eddy::Stream;
  static constexpr bool sends_files = true;
  static std::size_t allocations_of_others() { return 0; }
  static Task<> connect(Stream& a, Stream& b) {
    test::Ends ends;
    a = std::move(ends.a);
    b = std::move(ends.b);
    co_return;
  }
};

struct StreamOverTcp : StreamOverUnixSocket {
  static Task<> connect(Stream& a, Stream& b) {
    test::TcpEnds ends;
    co_await test::connect_ends(ends);
    a = std::move(ends.a);
    b = std::move(ends.b);
  }
};

using namespace test;
using StreamKinds = testing::Types<StreamOverUnixSocket, StreamOverTcp>;
INSTANTIATE_TYPED_TEST_SUITE_P(Stream, ByteStream, StreamKinds);

}  // namespace
