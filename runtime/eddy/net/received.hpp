// What a socket of datagrams has received.
#pragma once

#include <eddy/net/address.hpp>

#include <cstddef>

namespace eddy {

// Trivially copyable.
struct Received {
  std::size_t count = 0;   // bytes that were put into the buffer
  bool truncated = false;  // the datagram was longer; the kernel has dropped the rest
};
struct ReceivedFrom {
  std::size_t count = 0;
  bool truncated = false;
  Address from;  // none when the sender has none
};

}  // namespace eddy
