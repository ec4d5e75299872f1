// tls::connect: to a host by name, encrypted, its certificate held against that name.
//
//   auto stream = co_await tls::connect("example.org", 443);
//   auto stream = co_await tls::connect("example.org", 443, context);
#pragma once

#include <eddy/kit/connect.hpp>
#include <eddy/tls/handshake.hpp>

#include <cstdint>
#include <string>

namespace eddy::tls {

// eddy::connect(), and handshake() as the client of `host`. Sessions are remembered by host and
// port. Cancelled or failed: nothing is left open. For a time limit: timeout(5s, connect(...)).
Task<Stream> connect(std::string host, std::uint16_t port,
                     ClientContext context = ClientContext::standard(),
                     ConnectOptions options = {});

}  // namespace eddy::tls
