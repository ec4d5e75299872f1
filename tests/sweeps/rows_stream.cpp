// Rows of io: streams, and what brings them.
#include "sweeps/sockets.hpp"

#include "support/directory.hpp"

#include <eddy/file/file.hpp>
#include <eddy/net/listener.hpp>
#include <eddy/net/relay.hpp>

namespace {

using namespace test;
using test::Directory;  // there is an eddy::Directory, too

const Rows<Incoming> reading = {
    {"Stream::read_some",
     [](Incoming& w) -> Task<> {
       const std::size_t count = co_await w.stream.read_some(w.buffer);
       w.take(Bytes(w.buffer.data(), count));
     },
     refused},
    {"Stream::read_exactly",
     [](Incoming& w) -> Task<> {
       co_await w.stream.read_exactly(MutableBytes(w.buffer.data(), w.line.size()));
       w.take(Bytes(w.buffer.data(), w.line.size()));
     },
     refused},
    {"Stream::read_until",
     [](Incoming& w) -> Task<> {
       const std::string piece = co_await w.stream.read_until("\n");
       w.got += piece;
     },
     refused},
    {"Stream::readline",
     [](Incoming& w) -> Task<> {
       const std::string piece = co_await w.stream.readline();
       w.got += piece;
     },
     refused},
    {"LinesOf::next",
     [](Incoming& w) -> Task<> {
       auto lines = w.stream.lines();
       const auto piece = co_await lines.next();
       if (piece) w.got += *piece;
     },
     refused},
    {"LinesOf::next_into",
     [](Incoming& w) -> Task<> {
       auto lines = w.stream.lines();
       std::string piece;
       co_await lines.next_into(piece);
       w.got += piece;
     },
     refused},
    {"Stream::read_all",
     [](Incoming& w) -> Task<> {
       const std::string piece = co_await w.stream.read_all();
       w.got += piece;
     },
     refused, &wake_and_end},
    {"Stream::fill", [](Incoming& w) { return only(w.stream.fill()); }, refused},
};

const Rows<Outgoing> writing = {
    {"Stream::write",
     [](Outgoing& w) -> Task<> { w.message.resize(co_await w.stream.write(w.message)); }, refused},
    {"Stream::write_all",
     [](Outgoing& w) -> Task<> {
       co_await w.stream.write_all(w.message);
       w.done = true;
     },
     refused},
    {"Stream::write_vectored",
     [](Outgoing& w) -> Task<> {
       std::array<Bytes, 2> pieces{Bytes(w.message).first(10), Bytes(w.message)};
       pieces[1] = Bytes(w.message.data() + 10, w.message.size() - 10);
       co_await w.stream.write_vectored(pieces);
       w.done = true;
     },
     refused},
    {"Stream::send_zero_copy over_a_UNIX_socket",
     [](Outgoing& w) -> Task<> {
       co_await w.stream.send_zero_copy(w.message);
       w.done = true;
     },
     refused},
};

// The message comes out of a file.
struct FromFile : Outgoing {
  FromFile() { directory.write("message", message); }
  Task<> begin() { file = co_await open(directory.path("message")); }
  Task<> check() {
    co_await file.close();
    co_await Outgoing::check();
  }
  Directory directory;
  File file;
};
const Rows<FromFile> sending_files = {
    {"Stream::send_file",
     [](FromFile& w) -> Task<> {
       co_await w.stream.send_file(w.file);
       w.done = true;
     },
     refused},
};

// Both sides of a connection over TCP.
struct Tcp {
  Tcp() {
    listener = Socket(AF_INET, SOCK_STREAM);
    listener.bind(Address::loopback(0));
    listener.listen(4);
    where = listener.local();
    Socket client(AF_INET, SOCK_STREAM);
    EXPECT_EQ(::connect(client.fileno(), where.data(), where.size()), 0);
    stream = Stream(std::move(client));
    peer.reset(::accept4(listener.fileno(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  Socket listener;
  Address where;
  Stream stream;
  UniqueFd peer;
  std::string message = std::string(1000, 'm');
};

// A server that takes nobody: its backlog is full.
struct Crowded : Tcp {
  Crowded() {
    listener.listen(0);
    for (int i = 0; i < 3; ++i) waiting.push_back(connect_plainly(where));
  }
  std::vector<UniqueFd> waiting;
};
// The same over a UNIX socket, until one is taken.
struct Backlog {
  Backlog() {
    listener.bind(where);
    listener.listen(0);
    first = connect_plainly(where);
  }
  void wake() {
    UniqueFd taken(::accept4(listener.fileno(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_TRUE(taken);
  }
  Address where = fresh_name();
  Socket listener{AF_UNIX, SOCK_STREAM};
  UniqueFd first;
};

const Rows<Tcp> tcp = {
    {"Stream::send_zero_copy",
     [](Tcp& w) { return only(w.stream.send_zero_copy(w.message)); }, by_itself},
    {"connect", [](Tcp& w) { return only(connect(w.where)); }, by_itself},
};
const Rows<Crowded> crowded = {
    {"connect to_a_full_server", [](Crowded& w) { return only(connect(w.where)); }, never}};
const Rows<Backlog> backlog = {
    {"connect to_a_full_UNIX_socket", [](Backlog& w) { return only(connect(w.where)); }, apart}};

// Closed while somebody reads and somebody writes.
struct Used : Outgoing {
  Task<> begin() {
    reader = spawn(expect_end(stream.read_some(buffer)));
    writer = spawn(expect_end(stream.write_all(message)));
    co_await yield();
  }
  Task<> check() {
    static_cast<void>(co_await as_outcome(reader));
    static_cast<void>(co_await as_outcome(writer));
  }
  template <class A>
  static Task<> expect_end(A awaitable) {
    auto outcome = co_await as_outcome(std::move(awaitable));
    if (outcome || !outcome.error().is_error()) co_return;  // cancelled, or out of memory
    EXPECT_EQ(outcome.error().error_code(), std::errc::operation_canceled);
  }
  void wake() {
    stream = Stream();  // if close() was cancelled before it began
  }
  std::array<char, 64> buffer{};
  JoinHandle<> reader, writer;
};
const Rows<Used> used = {{"Stream::close", [](Used& w) { return w.stream.close(); }, by_itself}};

struct Listening {
  Task<> begin() {
    listener = listen(where);
    co_return;
  }
  void wake() { clients.push_back(connect_plainly(where)); }
  // Each connection that was not given out is there still.
  Task<> check() {
    for (; got < clients.size(); ++got) co_await listener.accept();
    listener.close();
  }
  Address where = fresh_name();
  Listener listener;
  std::vector<UniqueFd> clients;
  std::size_t got = 0;
};
// A connection that fails is closed.
Task<> accept_one(Listening& w) {
  try {
    Stream stream = co_await w.listener.accept();
  } catch (const std::exception&) {
    ++w.got;
    throw;
  }
  ++w.got;
}
const Rows<Listening> listening = {{"Listener::accept", &accept_one}};

// What comes into `from` goes out of `to`, and to its end.
struct Relayed {
  void wake() {
    sent += send_to_peer(in.peer.get(), "some bytes");
    ::shutdown(in.peer.get(), SHUT_WR);
  }
  Task<> check() {
    ::shutdown(in.peer.get(), SHUT_WR);
    std::string there = drain(out.peer.get()).substr(before);
    there += co_await from.read_all();
    EXPECT_EQ(there, sent) << "bytes were lost, or came twice";
  }
  Pair in, out;
  std::size_t before = 0;
  Stream from{Socket(std::move(in.ours))};
  Stream to{Socket(std::move(out.ours))};
  std::string sent;
};
// There is something to relay, and no room for it.
struct RelayFull : Relayed {
  RelayFull() {
    before = fill_up(to.socket().fileno());
    Relayed::wake();
  }
  void wake() {
    const std::string all = drain(out.peer.get());
    went += all.size() > before ? all.substr(before) : "";
    before -= std::min(before, all.size());
  }
  Task<> check() {
    wake();
    const std::string rest = co_await from.read_all();
    EXPECT_EQ(went + rest, sent) << "bytes were lost, or came twice";
  }
  std::string went;
};
const Rows<Relayed> relayed = {
    {"relay", [](Relayed& w) { return only(relay(w.from, w.to)); }, refused}};
const Rows<RelayFull> relay_full = {
    {"relay into_a_full_socket", [](RelayFull& w) { return only(relay(w.from, w.to)); }, refused}};

}  // namespace
