// Rows of tls: a stream whose peer is OpenSSL by hand, on a plain socket.
#include "sweeps/sockets.hpp"
#include "tls/by_hand.hpp"
#include "tls/contexts.hpp"

#include "support/directory.hpp"

#include <eddy/file/file.hpp>
#include <eddy/net/listener.hpp>
#include <eddy/sync/event.hpp>
#include <eddy/tls.hpp>

namespace {

using namespace test;
using test::Directory;

// A client of ours, connected to a server by hand.
struct Secure {
  Task<> begin() {
    auto shaking = spawn(shake());
    for (;;) {
      const bool done = peer.shake();
      send();
      if (done) break;
      co_await yield();
      peer.give(drain(pair.peer.get()));
    }
    co_await shaking;
  }
  Task<> shake() {
    stream = co_await tls::handshake(Stream(Socket(std::move(pair.ours))), client_context(),
                                     "localhost");
  }
  void send() {
    const std::string out = peer.take();
    std::string_view rest = out;
    while (!rest.empty()) {
      const std::size_t went = send_to_peer(pair.peer.get(), rest).size();
      if (went == 0) break;  // it is gone
      rest.remove_prefix(went);
    }
  }

  Pair pair;
  ByHand peer{ByHand::server(certificates().localhost)};
  tls::Stream stream;
};

struct SecureIncoming : Secure {
  static constexpr std::string_view line = "a line\n";
  void wake() {
    if (over) return;  // nothing comes behind a farewell
    peer.write(line);
    send();
    sent += line;
  }
  Task<> check() {
    peer.close_notify();
    send();
    try {
      got += co_await stream.read_all();
      EXPECT_EQ(got, sent) << "bytes were lost, or came twice";
    } catch (const std::bad_alloc&) {
      // Broken off: there was no memory for what came, and nobody reads on behind the hole.
      EXPECT_TRUE(failed && sent.starts_with(got)) << "bytes were lost, or came twice";
    } catch (const eddy::Error& error) {
      if (!failed || error.code() != std::errc::not_enough_memory) throw;
      EXPECT_TRUE(sent.starts_with(got)) << "bytes were lost, or came twice";
    }
  }
  void take(Bytes bytes) { got += bytes.text(); }

  std::array<char, 64> buffer{};
  std::string got;
  std::string sent;
  bool failed = false;
  bool over = false;
};
void wake_and_say_goodbye(SecureIncoming& w) {
  w.wake();
  w.over = true;
  w.peer.close_notify();
  w.send();
}

const Rows<SecureIncoming> reading = {
    {"tls::Stream::read_some",
     [](SecureIncoming& w) -> Task<> {
       const std::size_t count = co_await w.stream.read_some(w.buffer);
       w.take(Bytes(w.buffer.data(), count));
     },
     refused},
    {"tls::Stream::read_exactly",
     [](SecureIncoming& w) -> Task<> {
       co_await w.stream.read_exactly(MutableBytes(w.buffer.data(), w.line.size()));
       w.take(Bytes(w.buffer.data(), w.line.size()));
     },
     refused},
    {"tls::Stream::read_until",
     [](SecureIncoming& w) -> Task<> {
       const std::string piece = co_await w.stream.read_until("\n");
       w.got += piece;
     },
     refused},
    {"tls::Stream::readline",
     [](SecureIncoming& w) -> Task<> {
       const std::string piece = co_await w.stream.readline();
       w.got += piece;
     },
     refused},
    {"tls::Stream::lines",
     [](SecureIncoming& w) -> Task<> {
       auto lines = w.stream.lines();
       const auto piece = co_await lines.next();
       if (piece) w.got += *piece;
     },
     refused},
    {"tls::Stream::read_all",
     [](SecureIncoming& w) -> Task<> {
       const std::string piece = co_await w.stream.read_all();
       w.got += piece;
     },
     refused, &wake_and_say_goodbye},
    {"tls::Stream::fill", [](SecureIncoming& w) { return only(w.stream.fill()); }, refused},
};

// A peer that takes nothing before it is told to: there is no room.
struct SecureOutgoing : Secure {
  Task<> begin() {
    co_await Secure::begin();
    int size = 4096;
    ::setsockopt(stream.socket().fileno(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    for (bool room = true; room;) {
      auto piece = spawn(put_piece());
      for (int i = 0; i < 8 && !piece.done(); ++i) co_await yield();
      room = piece.done();
      piece.cancel();
      static_cast<void>(co_await as_outcome(piece));
    }
  }
  Task<> put_piece() {
    static const std::string piece(500, '#');
    before += co_await stream.write(piece);
  }
  void wake() { hear(); }
  void hear() {
    peer.give(drain(pair.peer.get()));
    came += peer.read();
  }
  // What came is the beginning of the message, and all of it when the call succeeded.
  Task<> check() {
    for (int i = 0; i < 10; ++i) {
      hear();
      co_await yield();
    }
    const std::string part = came.substr(std::min(before, came.size()));
    EXPECT_TRUE(message.starts_with(part)) << "bytes were lost, or came twice";
    if (done) {
      EXPECT_EQ(part.size(), message.size()) << "a part did not go";
    }
  }

  std::size_t before = 0;
  std::string message = std::string(700, 'm');
  std::string came;
  bool done = false;
};

const Rows<SecureOutgoing> writing = {
    {"tls::Stream::write",
     [](SecureOutgoing& w) -> Task<> {
       w.message.resize(co_await w.stream.write(w.message));
     },
     refused},
    {"tls::Stream::write_all",
     [](SecureOutgoing& w) -> Task<> {
       co_await w.stream.write_all(w.message);
       w.done = true;
     },
     refused},
    {"tls::Stream::write_vectored",
     [](SecureOutgoing& w) -> Task<> {
       std::array<Bytes, 2> pieces{Bytes(w.message).first(10), Bytes(w.message)};
       pieces[1] = Bytes(w.message.data() + 10, w.message.size() - 10);
       co_await w.stream.write_vectored(pieces);
       w.done = true;
     },
     refused},
};

struct SecureFromFile : SecureOutgoing {
  SecureFromFile() { directory.write("message", message); }
  Task<> begin() {
    file = co_await open(directory.path("message"));
    co_await SecureOutgoing::begin();
  }
  Task<> check() {
    co_await file.close();
    co_await SecureOutgoing::check();
  }
  Directory directory;
  File file;
};
const Rows<SecureFromFile> sending_files = {
    {"tls::Stream::send_file",
     [](SecureFromFile& w) -> Task<> {
       co_await w.stream.send_file(w.file);
       w.done = true;
     },
     apart},
};

// A stream that is in use when it is closed.
struct SecureUsed : Secure {
  Task<> begin() {
    co_await Secure::begin();
    peer.write("x");
    send();
    char byte;
    co_await stream.read_some(MutableBytes(&byte, 1));
    reader = spawn(read_to_the_end());
    co_await yield();
  }
  Task<> read_to_the_end() {
    auto outcome = co_await as_outcome(stream.read_some(buffer));
    if (outcome || !outcome.error().is_error()) co_return;  // cancelled, or out of memory
    EXPECT_EQ(outcome.error().error_code(), std::errc::operation_canceled);
  }
  Task<> check() { static_cast<void>(co_await as_outcome(reader)); }
  void wake() {
    stream = tls::Stream();  // if close() was cancelled before it began
  }
  std::array<char, 64> buffer{};
  JoinHandle<> reader;
};
const Rows<SecureUsed> used = {
    {"tls::Stream::close", [](SecureUsed& w) { return w.stream.close(); }, by_itself}};

// -- handshakes: the other end begins when it is told to --

struct Shaking {
  Task<> begin() {
    other = spawn(answer(Stream(Socket(std::move(pair.peer)))));
    co_return;
  }
  virtual ~Shaking() = default;
  virtual ByHand make() = 0;
  Task<> answer(Stream wire) {
    co_await gate.wait();
    ByHand peer = make();
    const auto shaken = co_await as_outcome(shake_hands(peer, wire));
    if (shaken) static_cast<void>(co_await as_outcome(wire.read_all()));
  }
  void wake() { gate.set(); }
  Task<> check() {
    stream = tls::Stream();
    pair.ours.reset();  // if it never began
    static_cast<void>(co_await as_outcome(other));
  }

  Pair pair;
  Event gate;
  tls::Stream stream;
  JoinHandle<> other;
};
struct ShakingAsClient final : Shaking {
  ByHand make() override { return ByHand(ByHand::server(certificates().localhost)); }
};
struct ShakingAsServer final : Shaking {
  ByHand make() override { return ByHand(ByHand::client()); }
};
constexpr Traits shakes{.second = Second::apart};
const Rows<ShakingAsClient> as_client = {
    {"tls::handshake as_a_client",
     [](ShakingAsClient& w) -> Task<> {
       if (!w.pair.ours) co_return;  // the second time
       w.stream = co_await tls::handshake(Stream(Socket(std::move(w.pair.ours))),
                                          client_context(), "localhost");
     },
     shakes}};
const Rows<ShakingAsServer> as_server = {
    {"tls::handshake as_a_server",
     [](ShakingAsServer& w) -> Task<> {
       if (!w.pair.ours) co_return;  // the second time
       w.stream = co_await tls::handshake(Stream(Socket(std::move(w.pair.ours))),
                                          server_context());
     },
     shakes}};

// A server that begins when it is told to.
struct Connecting {
  Task<> begin() {
    listener = listen(Address::loopback(0));
    port = listener.local().port();
    other = spawn(serve_each());
    co_return;
  }
  static Task<> serve_one(ByHand& peer, Stream& wire) {
    co_await shake_hands(peer, wire);
    co_await wire.read_all();
  }
  Task<> serve_each() {
    co_await gate.wait();
    for (bool taken = true; taken;) {
      auto accepted = co_await as_outcome(listener.accept());
      taken = accepted.has_value();
      if (!taken) break;
      ByHand peer(ByHand::server(certificates().localhost));
      auto served = co_await as_outcome(serve_one(peer, *accepted));
      taken = served || !served.error().is_cancelled();
    }
  }
  void wake() { gate.set(); }
  Task<> check() {
    stream = tls::Stream();
    for (int i = 0; i < 3; ++i) co_await yield();
    listener.close();
    static_cast<void>(co_await as_outcome(other));
  }
  Listener listener;
  std::uint16_t port = 0;
  Event gate;
  tls::Stream stream;
  JoinHandle<> other;
};
const Rows<Connecting> connecting = {
    {"tls::connect",
     [](Connecting& w) -> Task<> {
       if (w.other.done()) co_return;  // there is no server any more
       w.stream = co_await tls::connect("127.0.0.1", w.port, client_context());
     },
     shakes}};

Task<> wait_for_secure_bytes(tls::Stream stream) {
  char byte;
  while (co_await stream.read_some(MutableBytes(&byte, 1)) > 0) {
  }
}
const Rows<Served> secure_serving = {
    {"tls::serve",
     [](Served& w) {
       return tls::serve(w.listener, server_context(), &wait_for_secure_bytes,
                         {.handshake_limit = Duration::max()});
     },
     apart}};

}  // namespace
