// Rows of io: datagrams.
#include "sweeps/sockets.hpp"

#include <eddy/net/udp_socket.hpp>
#include <eddy/net/unix_datagram.hpp>

#include <sys/eventfd.h>

namespace {

using namespace test;

// One datagram comes for each wake(); none is lost.
struct Arriving {
  void wake() {
    put(pair.peer.get(), "a datagram");
    ++sent;
  }
  Task<> check() {
    while (::recv(socket.socket().fileno(), buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) ++got;
    EXPECT_EQ(got, sent) << "a datagram was lost";
    co_return;
  }
  Pair pair{SOCK_DGRAM};
  UnixDatagram socket{Socket(std::move(pair.ours))};
  std::array<char, 64> buffer{};
  std::array<UniqueFd, 2> places;
  int sent = 0;
  int got = 0;
};

// With a descriptor in it, which must not be left open.
void wake_with_descriptor(Arriving& w) {
  const UniqueFd file(::eventfd(0, EFD_CLOEXEC));
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  char byte = 'd';
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int number = file.get();
  std::copy_n(reinterpret_cast<const char*>(&number), sizeof number,
              reinterpret_cast<char*>(CMSG_DATA(header)));
  EXPECT_EQ(::sendmsg(w.pair.peer.get(), &message, 0), 1);
  ++w.sent;
}

const Rows<Arriving> arriving = {
    {"DatagramSocket::receive",
     [](Arriving& w) -> Task<> {
       co_await w.socket.receive(w.buffer);
       ++w.got;
     },
     refused},
    {"DatagramSocket::receive_from",
     [](Arriving& w) -> Task<> {
       co_await w.socket.receive_from(w.buffer);
       ++w.got;
     },
     refused},
    {"UnixDatagram::receive_with",
     [](Arriving& w) -> Task<> {
       co_await w.socket.receive_with(w.buffer, w.places);
       ++w.got;
     },
     refused, &wake_with_descriptor},
    {"UnixDatagram::receive_with no_place_for_descriptors",
     [](Arriving& w) -> Task<> {
       co_await w.socket.receive_with(w.buffer, {});
       ++w.got;
     },
     refused, &wake_with_descriptor},
};

// A receiver that takes nothing before wake().
struct Crammed {
  Crammed() { before = fill(socket.socket().fileno()); }
  static int fill(int fd) {
    int count = 0;
    while (::send(fd, "#", 1, MSG_DONTWAIT) == 1) ++count;
    return count;
  }
  void take() {
    char byte;
    while (::recv(pair.peer.get(), &byte, 1, MSG_DONTWAIT) >= 0) ++came;
  }
  void wake() { take(); }
  Task<> check() {
    take();
    EXPECT_EQ(came - before, gone) << "a datagram was lost, or sent by a call that was cancelled";
    co_return;
  }
  Pair pair{SOCK_DGRAM};
  int before = 0;
  UnixDatagram socket{Socket(std::move(pair.ours))};
  int came = 0;
  int gone = 0;
};

const Rows<Crammed> crammed = {
    {"DatagramSocket::send",
     [](Crammed& w) -> Task<> {
       co_await w.socket.send("m");
       ++w.gone;
     },
     refused},
    {"UnixDatagram::send_with",
     [](Crammed& w) -> Task<> {
       const std::array<int, 1> descriptors{w.pair.peer.get()};
       co_await w.socket.send_with("m", descriptors);
       ++w.gone;
     },
     refused},
};

// The receiver is named with each datagram: nothing tells of room there.
struct Named {
  Named() {
    receiver.bind(where);
    const UniqueFd filler(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(filler.get(), where.data(), where.size()), 0);
    Crammed::fill(filler.get());
  }
  void wake() {
    char byte;
    while (::recv(receiver.fileno(), &byte, 1, MSG_DONTWAIT) >= 0) {
    }
  }
  Address where = fresh_name();
  Socket receiver{AF_UNIX, SOCK_DGRAM};
  UnixDatagram socket = UnixDatagram::open();
};
const Rows<Named> named = {
    {"DatagramSocket::send_to", [](Named& w) { return only(w.socket.send_to("m", w.where)); },
     refused},
    {"UnixDatagram::send_with_to",
     [](Named& w) { return only(w.socket.send_with_to("m", {}, w.where)); }, refused},
};

struct Udp {
  void wake() {
    const Address to = socket.local();
    EXPECT_EQ(::sendto(peer.fileno(), "udp", 3, 0, to.data(), to.size()), 3);
  }
  UdpSocket socket = UdpSocket::bind(Address::loopback(0));
  Socket peer{AF_INET, SOCK_DGRAM};
  std::array<char, 64> buffer{};
};
const Rows<Udp> udp = {
    {"DatagramSocket::receive over_UDP", [](Udp& w) { return only(w.socket.receive(w.buffer)); },
     refused},
    {"DatagramSocket::receive_from over_UDP",
     [](Udp& w) { return only(w.socket.receive_from(w.buffer)); }, refused},
    {"DatagramSocket::send_to over_UDP",
     [](Udp& w) { return only(w.socket.send_to("m", w.socket.local())); }, by_itself},
};

// Closed while somebody receives.
struct Ended {
  Task<> begin() {
    reader = spawn(receive_one(socket.receive(buffer)));
    co_await yield();
  }
  static Task<> receive_one(eddy::internal::Receiving receiving) {
    static_cast<void>(co_await as_outcome(std::move(receiving)));
  }
  void wake() { socket = UnixDatagram(); }
  Task<> check() { static_cast<void>(co_await as_outcome(reader)); }
  Pair pair{SOCK_DGRAM};
  UnixDatagram socket{Socket(std::move(pair.ours))};
  std::array<char, 64> buffer{};
  JoinHandle<> reader;
};
const Rows<Ended> closing = {
    {"DatagramSocket::close", [](Ended& w) { return w.socket.close(); }, by_itself}};

}  // namespace
