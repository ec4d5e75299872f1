#include <eddy/kit/serve.hpp>

#include <eddy/base/description.hpp>
#include <eddy/core/try.hpp>

#include <algorithm>
#include <cerrno>
#include <new>
#include <string>

namespace eddy {
using namespace internal;

void internal::report_connection(const Failure& failure, const PeerName& peer,
                                 const Handler& handler) noexcept {
  ExceptionReport report{.message = "a connection's handler failed", .where = handler.where};
  std::string message;
  try {
    report.exception = failure.exception();
    report.task = this_task().name();
    message.append("the handler ").append(short_name(handler.signature)).append(" of a connection");
    if (!peer.view().empty()) message.append(" from ").append(peer.view());
    report.message = message.append(" failed");
  } catch (const std::bad_alloc&) {  // without its name
  }
  thread_state.loop->report(report);
}

Expected<void> Handling::await_outcome() {
  if (!handler_) return {};
  if (!handler_->failed()) [[likely]] return handler_->await_outcome();
  const Handler handler{handler_->awaited().signature, handler_->where()};
  static_cast<void>(peer_.view());  // while it is there
  auto ended = handler_->await_outcome();
  if (!ended.error().is_cancelled()) report_connection(ended.error(), peer_, handler);
  return ended;
}

// One that was accepted, and cannot be served: nobody's but its own peer's.
static void report_lost(const Failure& failure) noexcept {
  ExceptionReport report{.message = "a connection was lost while it was accepted"};
  try {
    report.exception = failure.exception();
    report.task = this_task().name();
  } catch (const std::bad_alloc&) {  // without its name
  }
  thread_state.loop->report(report);
}

// What passes when somebody else lets go of something.
static bool is_shortage(int code) noexcept {
  return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

// accept(2): errors of the connection that was to be accepted, which is gone.
static bool is_of_the_peer(int code) noexcept {
  return code == ECONNABORTED || code == EPROTO || code == ENETDOWN || code == ENOPROTOOPT ||
         code == EHOSTDOWN || code == ENONET || code == EHOSTUNREACH || code == EOPNOTSUPP ||
         code == ENETUNREACH || code == EPERM;
}

Task<Stream> Serving::next() {
  Duration rest = first_rest;
  for (;;) {
    while (options_.limit > 0 && count_ >= options_.limit) {
      changed_.clear();
      EDDY_DO(changed_.wait());
    }
    EDDY_ASSERT(options_.limit == 0 || count_ < options_.limit);
    if (listener_.closed()) co_await fail(Failure::error(ECANCELED, "accept"));
    int code = ENOMEM;
    try {
      auto stream = co_await as_outcome(listener_.accept());
      if (stream) co_return std::move(*stream);
      if (stream.error().operation() == Accept::setting_no_delay) {
        report_lost(stream.error());
        continue;
      }
      code = stream.error().code();
      const bool passes = is_of_the_peer(code) || is_shortage(code);
      if (!passes) co_await fail(std::move(stream.error()));
    } catch (const std::bad_alloc&) {  // the connection is closed
    }
    if (is_of_the_peer(code)) continue;
    EDDY_ASSERT(is_shortage(code));
    changed_.clear();
    auto rested = co_await as_outcome(timeout(rest, changed_.wait()));
    if (!rested && rested.error().is_cancelled()) co_await fail(std::move(rested.error()));
    rest = std::min<Duration>(2 * rest, std::chrono::seconds(1));
  }
}

Task<> Serving::idle() {
  while (count_ > 0) {
    changed_.clear();
    EDDY_DO(changed_.wait());
  }
}

}  // namespace eddy
