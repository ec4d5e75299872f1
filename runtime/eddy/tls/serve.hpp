// tls::serve(listener, context, handler): eddy::serve() with a handshake before each handler.
//
//   co_await tls::serve(listener, context, [&](tls::Stream stream) -> Task<> { ... });
//
// Handshakes run beside each other, each in its connection's task, and have a time limit, so that a
// client that is slow holds nobody up but its own place. One that fails is counted
// (ServerContext::stats(), with why) and reported to nobody else: anybody can make one fail.
#pragma once

#include <eddy/flow/timeout.hpp>
#include <eddy/kit/serve.hpp>
#include <eddy/tls/handshake.hpp>

#include <chrono>
#include <utility>

namespace eddy::tls {

// Trivially copyable.
struct ServeOptions {
  std::size_t limit = 0;  // connections at once, those in their handshakes included. 0: any number
  AnyDuration drain{};    // when cancelled: how long connections may go on
  AnyDuration handshake_limit = std::chrono::seconds(10);
};

namespace internal {

// The handshake of one connection; no value when it failed or took too long.
Task<std::optional<Stream>> accepted(eddy::Stream stream, ServerContext context, Duration limit);

template <class F>
class ServeOver {
 public:
  ServeOver(F handler, ServerContext context, Duration limit)
      : handler_(std::move(handler)), context_(std::move(context)), limit_(limit) {}

  Task<> operator()(eddy::Stream stream) {
    EDDY_TRY(auto secure, accepted(std::move(stream), context_, limit_));
    if (!secure) co_return;
    auto task = std::invoke(handler_, std::move(*secure));
    secure.reset();
    EDDY_DO(std::move(task));
  }

 private:
  F handler_;
  ServerContext context_;
  Duration limit_;
};

}  // namespace internal

// As eddy::serve(), apart from the above.
template <class F>
  requires Body<std::decay_t<F>, Stream>
Task<> serve(Listener& listener, ServerContext context, F&& handler, ServeOptions options = {}) {
  EDDY_CHECK_KEPT(F);
  internal::ServeOver<std::decay_t<F>> over(std::forward<F>(handler), std::move(context),
                                            options.handshake_limit);
  return eddy::serve(listener, std::move(over), {.limit = options.limit, .drain = options.drain});
}

}  // namespace eddy::tls
