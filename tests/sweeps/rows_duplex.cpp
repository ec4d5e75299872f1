// Rows of bytes: streams in memory.
#include "support/awaitables.hpp"

#include <eddy/bytes/duplex.hpp>

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

namespace {

using namespace test;

struct Ends {
  explicit Ends(std::size_t limit) {
    auto [first, second] = duplex(limit);
    stream = std::move(first);
    peer = std::move(second);
  }
  // What there is room for, and what is there, from outside of any turn.
  void send(std::string_view text) {
    auto write = peer.write_all(Bytes(text));
    EXPECT_TRUE(write.await_ready());
    if (write.await_outcome()) sent += text;  // else it has told the end before
  }
  std::string receive() {
    auto fill = peer.fill();
    if (!fill.await_ready()) return {};
    const auto count = fill.await_outcome();
    EXPECT_TRUE(count);
    std::string text(peer.buffered().text());
    peer.consume(text.size());
    return text;
  }
  DuplexStream stream, peer;
  std::string sent;
};

// Its peer sends a line when it is told to.
struct Incoming : Ends {
  static constexpr std::string_view line = "a line\n";
  Incoming() : Ends(1024) {}
  void wake() { send(line); }
  Task<> check() {
    peer.shutdown_write();
    got += co_await stream.read_all();
    EXPECT_EQ(got, sent) << "bytes were lost, or came twice";
  }
  std::array<char, 64> buffer{};
  std::string got;
};

const Rows<Incoming> reading = {
    {"DuplexStream::read_some",
     [](Incoming& w) -> Task<> {
       const std::size_t count = co_await w.stream.read_some(w.buffer);
       w.got.append(w.buffer.data(), count);
     },
     refused},
    {"DuplexStream::read_exactly",
     [](Incoming& w) -> Task<> {
       co_await w.stream.read_exactly(MutableBytes(w.buffer.data(), w.line.size()));
       w.got.append(w.buffer.data(), w.line.size());
     },
     refused},
    {"DuplexStream::read_until",
     [](Incoming& w) -> Task<> {
       const std::string piece = co_await w.stream.read_until("\n");
       w.got += piece;
     },
     refused},
    {"DuplexStream::readline",
     [](Incoming& w) -> Task<> {
       const std::string piece = co_await w.stream.readline();
       w.got += piece;
     },
     refused},
    {"LinesOf::next of_a_DuplexStream",
     [](Incoming& w) -> Task<> {
       auto lines = w.stream.lines();
       const auto piece = co_await lines.next();
       if (piece) w.got += *piece;
     },
     refused},
    {"DuplexStream::read_all",
     [](Incoming& w) -> Task<> {
       const std::string piece = co_await w.stream.read_all();
       w.got += piece;
     },
     refused,
     [](Incoming& w) {
       w.wake();
       w.peer.shutdown_write();
     }},
    {"DuplexStream::fill", [](Incoming& w) { return only(w.stream.fill()); }, refused},
};

// There is no room until its peer takes what is there.
struct Outgoing : Ends {
  Outgoing() : Ends(300) {
    auto write = stream.write_all(Bytes(before));
    EXPECT_TRUE(write.await_ready());
  }
  void wake() {
    for (std::string more; !(more = receive()).empty();) came += more;
  }
  Task<> check() {
    wake();
    const std::string part = came.substr(before.size());
    EXPECT_TRUE(message.starts_with(part)) << "bytes were lost, or came twice";
    if (done) {
      EXPECT_EQ(part.size(), message.size()) << "a part did not go";
    }
    co_return;
  }
  std::string before = std::string(300, '#');
  std::string message = std::string(250, 'm');
  std::string came;
  bool done = false;
};

const Rows<Outgoing> writing = {
    {"DuplexStream::write",
     [](Outgoing& w) -> Task<> { w.message.resize(co_await w.stream.write(w.message)); }, refused},
    {"DuplexStream::write_all",
     [](Outgoing& w) -> Task<> {
       co_await w.stream.write_all(w.message);
       w.done = true;
     },
     refused},
};

// Closed while somebody reads and somebody writes.
struct Used : Outgoing {
  Task<> begin() {
    reader = spawn(expect_end(stream.fill()));
    writer = spawn(expect_end(stream.write_all(message)));
    co_await yield();
  }
  template <class A>
  static Task<> expect_end(A awaitable) {
    auto outcome = co_await as_outcome(std::move(awaitable));
    if (outcome || !outcome.error().is_error()) co_return;  // cancelled
    EXPECT_EQ(outcome.error().error_code(), std::errc::operation_canceled);
  }
  void wake() { stream = DuplexStream(); }  // if close() was cancelled before it began
  Task<> check() {
    static_cast<void>(co_await as_outcome(reader));
    static_cast<void>(co_await as_outcome(writer));
  }
  JoinHandle<> reader, writer;
};
const Rows<Used> used = {
    {"DuplexStream::close", [](Used& w) { return w.stream.close(); }, by_itself}};

}  // namespace
