// handshake: makes a tls::Stream over a stream that is connected already.
//
//   auto secure = co_await tls::handshake(std::move(stream), context, "example.org");   // client
//   auto secure = co_await tls::handshake(std::move(stream), server_context);           // server
//
// For what begins in the clear (STARTTLS), for proxies, for duplex() in tests. What was read ahead
// of the stream belongs to the handshake.
#pragma once

#include <eddy/tls/internal/transport.hpp>
#include <eddy/tls/stream.hpp>

#include <memory>
#include <string>
#include <utility>

namespace eddy::tls {

// What TLS can run over: eddy::Stream, DuplexStream, tls::Stream.
template <class S>
concept Transportable = internal::IsTransport<S>;

// As the client. `host` is who the peer must be: a name (which is sent to it, SNI) or an address,
// and its certificate is held against that. `session` is, with `host`, the key under which the
// session is remembered and looked for. Throws Error: verification, refused, handshake,
// protocol, truncated, or the transport's own. Failed or cancelled: the transport is closed, after
// the alert that says why. For a time limit: timeout(5s, handshake(...)).
template <Transportable S>
Task<Stream> handshake(S over, ClientContext context, std::string host, std::string session = {}) {
  return internal::client_handshake(internal::transport_over(std::move(over)), std::move(context),
                                    std::move(host), std::move(session));
}

// As the server. A client that has sent all it has and left was there: its handshake succeeds, and
// what it wrote can be read.
template <Transportable S>
Task<Stream> handshake(S over, ServerContext context) {
  return internal::server_handshake(internal::transport_over(std::move(over)), std::move(context));
}

}  // namespace eddy::tls
