// HalfByHand: a client of ours and a server by hand, or the other way round.
#pragma once

#include "tls/by_hand.hpp"
#include "tls/tls_ends.hpp"

#include <openssl/ssl.h>

namespace test {

struct HalfByHand {
  explicit HalfByHand(const ByHand::Wish& wish) : peer(wish) {}
  Ends wire;
  eddy::tls::Stream ours;
  ByHand peer;
};

inline eddy::Task<> connect_by_hand(HalfByHand& half) {
  const bool as_server = !SSL_is_server(half.peer.raw());
  auto& wire = half.wire.a;
  auto shaking = as_server ? eddy::spawn(shake_as_server(half.ours, std::move(wire),
                                                         server_context()))
                           : eddy::spawn(shake_as_client(half.ours, std::move(wire),
                                                         client_context(), "localhost"));
  co_await shake_hands(half.peer, half.wire.b);
  co_await shaking;
}

// `version`: TLS1_2_VERSION, TLS1_3_VERSION; 0: any.
inline ByHand::Wish a_server(int version = 0) {
  ByHand::Wish wish = ByHand::server(certificates().localhost);
  wish.version = version;
  return wish;
}

inline eddy::Task<std::size_t> read_some(eddy::tls::Stream& stream) {
  char buffer[64];
  const std::size_t count = co_await stream.read_some(buffer);
  co_return count;
}

}  // namespace test
