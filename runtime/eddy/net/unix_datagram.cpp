#include <eddy/net/unix_datagram.hpp>

#include <cstring>

namespace eddy {
using namespace internal;

// -- descriptors beside the bytes --

void DescriptorControl::put(std::span<const int> descriptors) noexcept {
  cmsghdr part{};
  part.cmsg_len = size_for(descriptors.size());
  part.cmsg_level = SOL_SOCKET;
  part.cmsg_type = SCM_RIGHTS;
  std::memcpy(memory_.data(), &part, sizeof part);
  std::memcpy(memory_.data() + CMSG_LEN(0), descriptors.data(), descriptors.size_bytes());
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
  started_ = true;
  const std::size_t count = std::min(places_.size(), most_descriptors);
  start_message(control_.data(), DescriptorControl::size_for(count), MSG_CMSG_CLOEXEC, frame);
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

std::size_t SendWith::put() noexcept {
  if (!descriptors_.empty()) control_.put(descriptors_);
  return DescriptorControl::size_for(descriptors_.size());
}

bool SendWith::await_ready() {
  const std::size_t size = put();
  return ready(control_.data(), size);
}

void SendWith::await_suspend(std::coroutine_handle<> frame) {
  const std::size_t size = put();
  start(control_.data(), size, frame);
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
