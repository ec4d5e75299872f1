#include <eddy/net/internal/socket_state.hpp>

#include <eddy/bytes/end_of_file.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>

#include <linux/io_uring.h>

#include <algorithm>

namespace eddy::internal {

static_assert(IOSQE_FIXED_FILE == 1);

Failure SocketState::failure(int code, std::string_view verb) {
  EDDY_ASSERT(code > 0);
  EDDY_ASSERT(!broken_ || closing);
  if (closing) code = broken_ ? broken_ : ECANCELED;
  peer_name();
  return Failure::error(code, verb, name_);
}

Failure SocketState::end_of_file(std::string_view verb, std::string partial,
                                 std::string_view expected) {
  return Failure::holding(EndOfFile(verb, peer_name(), std::move(partial), expected));
}

std::string_view SocketState::peer_name() {
  if (name_.empty() && !socket.closed()) name_ = Text(socket.peer_if_any().format());
  return name_.view();
}

void SocketState::register_file() noexcept {
  try {
    EDDY_ASSERT(receives_ == receives_to_register);
    EDDY_ASSERT(registered_with_ == no_loop);
    Loop& loop = Loop::current();  // none in a child after fork()
    const auto place = loop.registered().add_file(socket.fileno());
    if (!place) return;
    place_ = static_cast<int>(*place);
    registered_with_ = loop.id();
  } catch (...) {
    // It works as well without.
  }
}

// The ring of another thread's loop still holds the file for a while: the peer must see the end
// now.
void SocketState::unregister_file() noexcept {
  if (registered_with_ == no_loop) return;
  EDDY_ASSERT(place_ >= 0);
  const auto loop = std::exchange(registered_with_, no_loop);
  if (Registered::give_back_file(loop, static_cast<unsigned>(place_))) return;
  socket.try_shutdown(SHUT_RDWR);
}

// shutdown(2) ends whatever a stream waits for in the kernel, and what is still on its way there.
// On a socket of datagrams a call that never waits ignores it: polled for, it would come back again
// and again with EAGAIN. So these are stopped one by one.
void SocketState::end() noexcept {
  if (std::exchange(closing, true)) return;
  if (!in_use() || in_use_by_parent()) return close_now();
  peer_name_if_any();  // for their errors: a socket that was reset no longer knows it
  if (receiving) receiving->stop();
  if (sending) sending->stop();
  if (!socket.is_of_datagrams()) socket.try_shutdown(SHUT_RDWR);
  if (zero_copying) reset();
}

bool SocketState::in_use_by_parent() const noexcept {
  return std::ranges::any_of(users_, [](auto user) { return user && user != process_mark; });
}

void SocketState::refuse_second(Side side) {
  throw UsageError(side == Side::reading ? "two tasks read from one socket"
                                         : "two tasks write to one socket");
}

void SocketState::break_off(int code) noexcept {
  EDDY_ASSERT(code > 0);
  broken_ = code;
  end();
}

void SocketState::refuse(SocketState* state) {
  if (state && state->broken_) throw Error(state->broken_, "use", state->name_.view());
  throw UsageError("a call on a closed socket");
}

std::string_view SocketState::peer_name_if_any() noexcept {
  try {
    return peer_name();
  } catch (const std::bad_alloc&) {
    return {};
  }
}

void SocketState::drop() noexcept {
  EDDY_ASSERT(!dropped_);
  dropped_ = true;
  if (keeps_name_ && (thread_state.failing > 0 || std::uncaught_exceptions() > 0)) {
    peer_name_if_any();
  }
  end();
}

void SocketState::reset() noexcept {
  was_reset = true;
  socket.disconnect();
}

void SocketState::ended() noexcept {
  EDDY_ASSERT(closing);
  if (in_use()) return;
  idle.set();
  if (dropped_) close_now();
}

void SocketState::close_now() noexcept {
  unregister_file();
  socket = Socket();
  ahead.release();
  EDDY_ASSERT(registered_with_ == no_loop);
}

Task<> SocketState::close(Counted<SocketState> state) {
  if (!state || state->socket.closed()) co_return;
  if (state->keeps_name_) state->peer_name_if_any();
  if (state->in_use()) {
    state->end();
    if (state->socket.closed()) co_return;
    EDDY_DO(state->idle.wait());
    if (state->socket.closed()) co_return;  // by another close()
  }
  // The kernel would go on receiving into what is released here.
  EDDY_VERIFY(!state->in_use(Side::reading));
  state->closing = true;
  state->unregister_file();
  UniqueFd fd = state->socket.release();
  state->ahead.release();
  const Request request{.opcode = IORING_OP_CLOSE, .fd = fd.get()};
  auto closed = co_await as_outcome(Operation(request, "close"));
  // The kernel has closed it whatever it answers, unless a cancel kept it from beginning.
  if (closed || closed.error().is_error()) fd.release();
  if (!closed && closed.error().is_cancelled()) co_await fail(std::move(closed.error()));
}

}  // namespace eddy::internal
