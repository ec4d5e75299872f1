// PeerName: the address of a stream's peer, for messages about whoever was given the stream, and
// has lost it since. Costs nothing unless something fails.
#pragma once

#include <eddy/net/stream.hpp>

#include <string_view>

namespace eddy::internal {

class PeerName {
 public:
  explicit PeerName(const Stream& stream) noexcept : state_(stream.handle_.state()) {
    if (state_) state_->keep_peer_name();
  }
  // Empty when nobody knows it any more, and without memory.
  std::string_view view() const noexcept {
    return state_ ? state_->peer_name_if_any() : std::string_view();
  }

 private:
  Counted<SocketState> state_;
};

}  // namespace eddy::internal
