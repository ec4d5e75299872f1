// serve(listener, handler): a task for each connection, and an end in order.
//
//   co_await serve(listener, [&](Stream stream) -> Task<> { ... }, {.limit = 1000, .drain = 5s});
//
// All connections belong to the call: it ends when the last one has. What a handler throws goes to
// the loop's exception handler, with the handler's name and the peer's address, and the others go
// on. Out of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM) it waits until a connection
// ends, or a moment that doubles up to a second, and tries again; the kernel keeps who comes
// meanwhile. One for whom there was no memory after he was accepted, or whom the kernel refuses
// TCP_NODELAY, is lost, and nobody else.
//
// Cancelled: the listener is closed, the connections may go on for `drain`, what is left is
// cancelled and waited for, and Cancelled comes out; a second cancel ends the waiting. Closing the
// listener is the other way to stop: the connections then go on until they end by themselves, and
// the call returns.
#pragma once

#include <eddy/core/callable.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/core/sleep.hpp>
#include <eddy/core/try.hpp>
#include <eddy/flow/task_group.hpp>
#include <eddy/flow/timeout.hpp>
#include <eddy/net/internal/peer_name.hpp>
#include <eddy/net/listener.hpp>
#include <eddy/sync/event.hpp>

#include <chrono>
#include <new>
#include <optional>
#include <source_location>
#include <utility>

namespace eddy {

// Trivially copyable.
struct ServeOptions {
  std::size_t limit = 0;  // connections at once; who comes then waits in the backlog. 0: any number
  AnyDuration drain{};    // when cancelled: how long connections may go on
};

namespace internal {

// The connections of one serve(): how many there are, and who waits for that to change.
class Serving {
 public:
  Serving(Listener& listener, const ServeOptions& options) noexcept
      : listener_(listener), options_(options) {}

  // One connection, for as long as it lives, whether or not its task ever began.
  class Place {
   public:
    explicit Place(Serving& serving) noexcept : serving_(&serving) {
      ++serving.count_;
      EDDY_ASSERT(serving.options_.limit == 0 || serving.count_ <= serving.options_.limit);
    }
    Place(Place&& other) noexcept : serving_(std::exchange(other.serving_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place() { if (serving_) serving_->freed(); }

   private:
    Serving* serving_;
  };

  static constexpr Duration first_rest = std::chrono::milliseconds(10);

  // The next connection, when there is room for it. Fails with ECANCELED when the listener is
  // closed.
  Task<Stream> next();
  // Resumes when no connection is left.
  Task<> idle();

  Listener& listener() noexcept { return listener_; }
  const ServeOptions& options() const noexcept { return options_; }

 private:
  void freed() noexcept {
    EDDY_ASSERT(count_ > 0);
    --count_;
    changed_.set();
  }

  Listener& listener_;
  ServeOptions options_;
  std::size_t count_ = 0;
  Event changed_;
};

// Whose connection, and who handles it: a coroutine, or what has the type of `signature`.
struct Handler {
  const char* signature;
  std::source_location where = {};
};

// The handler's failure is reported, and nobody else's.
void report_connection(const Failure& failure, const PeerName& peer,
                       const Handler& handler) noexcept;

// Waits for a handler. When it fails, and is not cancelled, that is reported: the stream may go
// with its frame, and with it who the peer was.
class [[nodiscard]] Handling : public Raises<Handling> {
 public:
  // Calls it: what throws before there is a task is reported as well, and this is over then.
  template <class F>
  Handling(F& handler, Stream stream, const PeerName& peer) : peer_(peer) {
    try {
      handler_.emplace(std::invoke(handler, std::move(stream)));
    } catch (...) {
      report_connection(Failure::current(), peer, {signature_of<F>()});
    }
  }

  bool await_ready() const { return !handler_ || handler_->await_ready(); }
  bool await_suspend(std::coroutine_handle<> frame) { return handler_->await_suspend(frame); }
  Expected<void> await_outcome();

 private:
  std::optional<Task<>> handler_;
  const PeerName& peer_;
};

// A plain function, so that the frame of a connection that is idle holds what it makes, once.
template <class F>
auto handling(F& handler, Stream stream, const PeerName& peer) {
  return as_outcome(Handling(handler, std::move(stream), peer));
}

template <class F>
Task<> serve_connection(F& handler, Stream stream, Serving::Place place) {
  static_cast<void>(place);
  const PeerName peer(stream);
  auto ended = co_await handling(handler, std::move(stream), peer);
  if (!ended && ended.error().is_cancelled()) co_await fail(std::move(ended.error()));
}

template <class F>
Task<> accept_connections(TaskGroup& group, Serving& serving, F& handler) {
  for (;;) {
    try {
      auto stream = co_await as_outcome(serving.next());
      if (!stream) {
        const bool passed_on = stream.error().is_error() || stream.error().is_cancelled();
        if (passed_on) co_await fail(std::move(stream.error()));
        stream.error().raise();  // it may be a bad_alloc, which passed on would miss the catch
      }
      group.spawn(serve_connection(handler, std::move(*stream), Serving::Place(serving)));
      continue;
    } catch (const std::bad_alloc&) {  // the connection, if there was one, is closed
    }
    try {
      EDDY_DO(sleep(Serving::first_rest));
    } catch (const std::bad_alloc&) {  // then without the rest
    }
  }
}

template <class F>
Task<> serve_scope(Listener& listener, F handler, ServeOptions options) {
  Serving serving(listener, options);  // before the group: its connections end later than its body
  std::optional<Failure> failed;
  auto body = [&](TaskGroup& group) -> Task<> {
    auto ended = co_await as_outcome(accept_connections(group, serving, handler));
    EDDY_ASSERT(!ended);  // nothing else ends it
    const bool closed = listener.closed() && ended.error().is_error();
    listener.close();
    if (closed) co_return;
    if (ended.error().is_cancelled() && Duration(options.drain) > Duration::zero()) {
      auto drained = co_await as_outcome(timeout(options.drain, serving.idle()));
      static_cast<void>(drained);
    }
    if (ended.error().is_cancelled()) co_await fail(std::move(ended.error()));
    failed = std::move(ended.error());
    group.cancel();
  };
  auto outcome = co_await as_outcome(task_group(body));
  if (failed) co_await fail(std::move(*failed));
  if (!outcome) co_await fail(std::move(outcome.error()));
}

}  // namespace internal

// See above. `listener` must stay until it resumes; the handler is kept until then. Throws Error
// when accepting fails for good.
template <class F>
  requires Body<std::decay_t<F>, Stream>
Task<> serve(Listener& listener, F&& handler, ServeOptions options = {}) {
  EDDY_CHECK_KEPT(F);
  return internal::serve_scope(listener, std::decay_t<F>(std::forward<F>(handler)), options);
}

}  // namespace eddy
