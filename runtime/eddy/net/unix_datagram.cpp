#include <eddy/net/unix_datagram.hpp>

#include <cstring>

namespace eddy {
using namespace internal;

// -- descriptors beside the bytes --

MutableBytes DescriptorControl::room_for(std::size_t count) noexcept {
  EDDY_ASSERT(count <= most_descriptors);
  return MutableBytes(memory_.data(), count == 0 ? 0 : CMSG_LEN(count * sizeof(int)));
}

MutableBytes DescriptorControl::put(std::span<const int> descriptors) noexcept {
  const MutableBytes room = room_for(descriptors.size());
  if (descriptors.empty()) return room;
  cmsghdr part{};
  part.cmsg_len = room.size();
  part.cmsg_level = SOL_SOCKET;
  part.cmsg_type = SCM_RIGHTS;
  std::memcpy(memory_.data(), &part, sizeof part);
  std::memcpy(memory_.data() + CMSG_LEN(0), descriptors.data(), descriptors.size_bytes());
  return room;
}

int DescriptorControl::descriptor(const cmsghdr& part, std::size_t index) noexcept {
  int descriptor;
  std::memcpy(&descriptor, CMSG_DATA(&part) + index * sizeof descriptor, sizeof descriptor);
  return descriptor;
}

ReceivingWith::ReceivingWith(Counted<SocketState> state, MutableBytes into,
                             std::span<UniqueFd> places)
    : DatagramReceiveMessage(std::move(state), into), places_(places) {}

// No more room than there are places: the kernel then does not even open the others.
void ReceivingWith::await_suspend(std::coroutine_handle<> frame) {
  EDDY_ASSERT(!started_);
  started_ = true;
  const std::size_t count = std::min(places_.size(), most_descriptors);
  start_message(control_.room_for(count), MSG_CMSG_CLOEXEC, frame);
}

ReceivingWith::~ReceivingWith() {
  if (started_ && result() >= 0) DescriptorControl::each(header(), [](UniqueFd) {});
}

Expected<ReceivedWith> ReceivingWith::await_outcome() {
  auto length = settle();
  if (!length) return std::unexpected(std::move(length.error()));
  ReceivedWith received{count_of(*length), truncates(*length), 0, false, sender()};
  received.descriptors_truncated = header().msg_flags & MSG_CTRUNC;
  started_ = false;
  DescriptorControl::each(header(), [&](UniqueFd descriptor) {
    EDDY_ASSERT(descriptor);
    if (received.descriptors < places_.size()) {
      places_[received.descriptors++] = std::move(descriptor);
    } else {
      received.descriptors_truncated = true;
    }
  });
  return received;
}

SendWith::SendWith(Counted<SocketState> state, Bytes bytes, std::span<const int> descriptors,
                   const Address& to)
    : SendDatagram(std::move(state), bytes, to), descriptors_(descriptors) {
  if (descriptors.size() > most_descriptors) {
    throw UsageError("more descriptors than a datagram can carry");
  }
}

bool SendWith::await_ready() { return ready(control_.put(descriptors_)); }

void SendWith::await_suspend(std::coroutine_handle<> frame) {
  start(control_.put(descriptors_), frame);
}

// -- sockets --

UnixDatagram UnixDatagram::bind(const Address& address) {
  if (!address.is_unix()) throw UsageError("a UNIX socket at an address of another kind");
  UnixDatagram bound = open();
  bound.socket().bind(address);
  return bound;
}

UnixDatagram UnixDatagram::open() { return UnixDatagram(Socket(AF_UNIX, SOCK_DGRAM)); }

std::pair<UnixDatagram, UnixDatagram> UnixDatagram::pair() {
  auto [first, second] = Socket::pair(AF_UNIX, SOCK_DGRAM);
  return {UnixDatagram(std::move(first)), UnixDatagram(std::move(second))};
}

}  // namespace eddy
