// SocketCall: one call on one side of a socket, as an awaitable that needs no coroutine frame.
//
// Each side has one task's call at a time; a second one throws UsageError. A socket that is closed
// or dropped under one ends it with ECANCELED.
#pragma once

#include <eddy/core/internal/operation.hpp>
#include <eddy/net/internal/socket_state.hpp>

#include <cerrno>

namespace eddy::internal {

template <SocketState::Side side>
class SocketCall : public Operation {
 public:
  // For messages.
  AwaitedName awaited() const noexcept { return state_->awaited(name()); }

 protected:
  void describe(WaitNote& note) const {
    note.what = std::string(name());
    if (const auto peer = state_->peer_name_if_any(); !peer.empty()) note.what.append(" ") += peer;
  }
  static constexpr const WaitKind& of_socket =
      kind<&SocketCall::describe, &Operation::cancel>;

  // `inner`: a part of a call that has the side already.
  SocketCall(Counted<SocketState> state, std::string_view name, Proceed proceed, bool inner = false,
             const WaitKind& own = of_socket) noexcept
      : Operation(name, proceed, own), state_(std::move(state)), inner_(inner) {}

  // False: there is nothing to wait for, since the socket is closed.
  bool begin() {
    if (!inner_) state_->enter(side);
    EDDY_ASSERT(state_->in_use(side));
    began_ = true;
    if (!state_->closing) [[likely]] return true;
    finish(-ECANCELED);
    return false;
  }
  void end() noexcept {
    EDDY_ASSERT(began_);
    EDDY_ASSERT(state_->in_use(side));
    if (!inner_) state_->leave(side);
  }
  bool began() const noexcept { return began_; }

  Counted<SocketState> state_;

 private:
  bool inner_;
  bool began_ = false;
};

}  // namespace eddy::internal
