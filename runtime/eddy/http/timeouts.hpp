// Timeouts: how long a request may take, in all and in its parts.
#pragma once

#include <eddy/base/clock.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace eddy::http {

// None: as the client says; for the client itself, as stands here. Zero or less: no limit.
// Trivially copyable.
struct Timeouts {
  // From the call until the last byte of the body, redirects and waits for a place included; it
  // goes on while nobody reads. 300 s.
  std::optional<AnyDuration> total = {};
  // For a place among the client's connections. No limit.
  std::optional<AnyDuration> place = {};
  // Resolving the name, connecting, and the TLS handshake; anew for each redirect. 30 s.
  std::optional<AnyDuration> connect = {};
  // From the connection until the end of the response's header; it begins again with each byte of
  // the request's body that goes out. No limit.
  std::optional<AnyDuration> head = {};
  // Between two pieces of the response's body, where somebody waits for them. No limit.
  std::optional<AnyDuration> idle = {};
};

// Which of them.
enum class TimeLimit : std::uint8_t { total, place, connect, head, idle };

// What a request was doing: what a timeout tells that ended it.
enum class Phase : std::uint8_t {
  place,    // waiting for a place among the client's connections
  resolve,  // asking for the addresses of the host
  connect,  // TCP
  tls,      // the handshake
  send,     // the request goes out
  head,     // waiting for the response
  body,     // which comes in
  done,
};

// "total", "place" ...
std::string_view to_text(TimeLimit limit) noexcept;
std::string_view to_text(Phase phase) noexcept;

}  // namespace eddy::http
