// Host: what a client knows of a host and port: its addresses, and how many requests run there.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/core/task.hpp>
#include <eddy/sync/event.hpp>

#include <cstdint>
#include <exception>
#include <string>

namespace eddy::http::internal {

struct Host {
  std::string name;
  std::uint16_t port = 0;
  bool literal = false;      // an address already
  bool http2 = false;        // its last answer came by it
  std::size_t users = 0;     // exchanges that point here
  std::size_t running = 0;   // ... and have a place
  std::size_t open = 0;      // sockets
  std::size_t closing = 0;   // ... that were, until the kernel has let go of them
  std::size_t stalled = 0;   // streams of HTTP/2 that are paused
  std::string line;          // for libcurl: "name:port:address,address"
  Instant fresh_until = Instant::min();
  std::uint64_t answers = 0;  // how often the name was resolved
  std::uint64_t known = 0;    // which answer libcurl has
  bool resolving = false;
  Event answered;
  std::exception_ptr failure;  // of the last answer
};

// Resumes when the addresses are there, by asking or by waiting for who asks already. Throws what
// resolve() throws. `host` must stay.
Task<> find_addresses(Host& host, AnyDuration good_for);

}  // namespace eddy::http::internal
