// UnixDatagram: datagrams between programs of one machine, and open files with them.
//
// None is lost and none comes twice. A receiver that does not read lets its senders wait: see
// SendDatagram for how. Connect the socket if you can.
#pragma once

#include <eddy/base/unique_fd.hpp>
#include <eddy/net/datagram_socket.hpp>

#include <array>
#include <concepts>
#include <source_location>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddy {

// The kernel's limit for one datagram: SCM_MAX_FD.
inline constexpr std::size_t most_descriptors = 253;

// Trivially copyable.
struct ReceivedWith {
  std::size_t count = 0;
  bool truncated = false;
  std::size_t descriptors = 0;         // how many came, in the first places
  bool descriptors_truncated = false;  // more had been sent, and are closed: there was no place
  Address from;
};

namespace internal {

template <class D>
concept TemporaryDescriptors = Temporary<D> && std::convertible_to<D&, std::span<const int>>;
// What is kept of bytes: those of a temporary, or the view.
template <class B>
using Kept = std::conditional_t<TemporaryBytes<B>, B, Bytes>;

// Memory for what goes beside the bytes: descriptors.
class DescriptorControl {
 public:
  // What holds `count` descriptors, and no more.
  MutableBytes room_for(std::size_t count) noexcept;
  MutableBytes put(std::span<const int> descriptors) noexcept;
  // Gives out each that the kernel has put here.
  template <class F>
  static void each(const msghdr& header, F&& take) {
    msghdr message = header;
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
      if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
      EDDY_ASSERT(part->cmsg_len >= CMSG_LEN(0));
      const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      EDDY_ASSERT(count <= most_descriptors);
      for (std::size_t i = 0; i < count; ++i) take(UniqueFd(descriptor(*part, i)));
    }
  }

 private:
  static int descriptor(const cmsghdr& part, std::size_t index) noexcept;

  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(most_descriptors * sizeof(int))> memory_;
};

// Closes what has come and nobody took.
class [[nodiscard]] ReceivingWith : public DatagramReceiveMessage {
 public:
  using value_type = ReceivedWith;
  ReceivingWith(Counted<SocketState> state, MutableBytes into, std::span<UniqueFd> places);
  ReceivingWith(const ReceivingWith& other) noexcept
      : DatagramReceiveMessage(other), places_(other.places_) {}
  ~ReceivingWith();

  void await_suspend(std::coroutine_handle<> frame);
  ReceivedWith await_resume() { return value_or_raise(await_outcome()); }
  Expected<ReceivedWith> await_outcome();

 private:
  std::span<UniqueFd> places_;
  bool started_ = false;
  DescriptorControl control_;
};

class [[nodiscard]] SendWith : public SendDatagram {
 public:
  SendWith(Counted<SocketState> state, Bytes bytes, std::span<const int> descriptors,
           const Address& to);
  SendWith(const SendWith& other) noexcept
      : SendDatagram(other), descriptors_(other.descriptors_) {}

  bool await_ready();
  void await_suspend(std::coroutine_handle<> frame);

 private:
  std::span<const int> descriptors_;
  DescriptorControl control_;
};

}  // namespace internal

class UnixDatagram : public DatagramSocket {
 public:
  UnixDatagram() = default;
  // A socket of type SOCK_DGRAM of the UNIX family, without O_NONBLOCK.
  explicit UnixDatagram(Socket socket) : DatagramSocket(std::move(socket)) {}

  // At `address`: a path, or an abstract name. A path that is there already is refused with
  // EADDRINUSE, and stays behind. Throws Error with the address.
  static UnixDatagram bind(const Address& address);
  // One without an address: it can send, and receives only if it is connected or bound to.
  static UnixDatagram open();
  // Two that are connected to each other.
  static std::pair<UnixDatagram, UnixDatagram> pair();

  // The next datagram, and the descriptors that came with it: close-on-exec, in the first of
  // `places`, which must stay until it resumes. Those that find no place are closed. Other calls
  // that receive leave descriptors to the kernel, which closes them. ∅
  internal::ReceivingWith receive_with(MutableBytes into, std::span<UniqueFd> places) {
    return internal::ReceivingWith(handle_.to_use(), into, places);
  }

  // A datagram, and with it what `descriptors` refer to; they stay the caller's, and open until it
  // resumes; so does their list, unless it is a temporary. At most `most_descriptors`, or it throws
  // UsageError. ∅
  internal::SendWith send_with(Bytes bytes, std::span<const int> descriptors) {
    return internal::SendWith(handle_.to_use(), bytes, descriptors, Address());
  }
  template <internal::TemporaryBytes R>
  Task<> send_with(R&& bytes, std::span<const int> descriptors) {
    return send_kept<R>(std::move(bytes), descriptors, Address());
  }
  template <std::convertible_to<Bytes> B, internal::TemporaryDescriptors D>
  Task<> send_with(B&& bytes, D&& descriptors) {
    return send_kept<internal::Kept<B>>(std::forward<B>(bytes), descriptors, Address());
  }
  internal::SendWith send_with_to(Bytes bytes, std::span<const int> descriptors,
                                  const Address& to) {
    return internal::SendWith(handle_.to_use(), bytes, descriptors, to);
  }
  template <internal::TemporaryBytes R>
  Task<> send_with_to(R&& bytes, std::span<const int> descriptors, const Address& to) {
    return send_kept<R>(std::move(bytes), descriptors, to);
  }
  template <std::convertible_to<Bytes> B, internal::TemporaryDescriptors D>
  Task<> send_with_to(B&& bytes, D&& descriptors, const Address& to) {
    return send_kept<internal::Kept<B>>(std::forward<B>(bytes), descriptors, to);
  }

 private:
  template <class Memory>
  Task<> send_kept(Memory memory, std::span<const int> descriptors, const Address& to,
                   std::source_location verb = std::source_location::current()) {
    return internal::keeping(
        std::move(memory),
        [state = handle_.to_use(), to,
         kept = std::vector<int>(descriptors.begin(), descriptors.end())](Memory& bytes) {
          return internal::SendWith(state, bytes, kept, to);
        },
        verb);
  }
};

}  // namespace eddy
