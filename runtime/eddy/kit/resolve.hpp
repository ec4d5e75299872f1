// resolve: the addresses of a host, by the system's rules: /etc/hosts, DNS, whatever it is told.
//
// getaddrinfo(3) blocks, so a thread calls it (work/internal/blocking_calls.hpp). What is numeric
// is answered at once, without one.
#pragma once

#include <eddy/base/error.hpp>
#include <eddy/core/task.hpp>
#include <eddy/net/address.hpp>

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace eddy {

enum class AddressFamily : std::uint8_t { any, v4, v6 };

// Trivially copyable.
struct ResolveOptions {
  AddressFamily family = AddressFamily::any;
  int type = SOCK_STREAM;  // names of services differ between TCP and UDP (SOCK_DGRAM)
  bool passive = false;    // to listen on: no host means all interfaces, not the loopback
};

// The name is not known, or could not be asked for:
//   resolve 'nohost.invalid': Name or service not known
// code() is one of getaddrinfo's EAI_ codes, and compares equal to the std::errc that is closest:
// no_such_device_or_address for a name that does not exist, resource_unavailable_try_again for a
// server that does not answer.
class ResolveError : public Error {
 public:
  ResolveError(int eai, std::string_view name);
  int eai() const noexcept { return code().value(); }
};

// Of the codes above.
const std::error_category& resolve_category() noexcept;

// The addresses of `host`, the best first (RFC 6724), each once; at least one. No host is this one.
// A service is a port (decimal digits alone, zeros before them too, up to 65535) or a name of
// /etc/services; none is port 0. Cancelled: the wait ends, while the thread goes on until its call
// returns. Throws ResolveError; Error where the system failed; UsageError for a zero byte.
Task<std::vector<Address>> resolve(std::string host, std::string service = {},
                                   ResolveOptions options = {});
Task<std::vector<Address>> resolve(std::string host, std::uint16_t port,
                                   ResolveOptions options = {});

}  // namespace eddy
