// connect: to a host by name, whichever of its addresses answers first (happy eyeballs, RFC 8305).
//
// The addresses are tried in turn, both families alternating, each with a head start before the
// next, so that a family that is broken costs a quarter of a second and not a minute.
#pragma once

#include <eddy/kit/resolve.hpp>
#include <eddy/net/stream.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace eddy {

// Trivially copyable.
struct ConnectOptions {
  AnyDuration head_start = std::chrono::milliseconds(250);  // Duration::max(): one after the other
  AddressFamily family = AddressFamily::any;                // of the addresses of a name
};

namespace internal {

// The order in which they are tried: families alternate, beginning with that of the first; within a
// family the order stays.
std::vector<Address> attempt_order(const std::vector<Address>& addresses);

}  // namespace internal

// Connects to the first address that answers; the other attempts are cancelled, and what they had
// connected is closed, before it resumes. Cancelled: nothing is left open. An address that failed
// is followed by the next at once. Throws Error when all failed, with the reason of one that was
// reached if any was; UsageError for no addresses. For a time limit: timeout(5s, connect(...)).
Task<Stream> connect(std::vector<Address> addresses, ConnectOptions options = {});

// The same for the addresses that resolve() gives. Throws ResolveError when it gives none.
//   connect 'example.org:80', 3 addresses tried: Connection refused
Task<Stream> connect(std::string host, std::string service, ConnectOptions options = {});
Task<Stream> connect(std::string host, std::uint16_t port, ConnectOptions options = {});

}  // namespace eddy
