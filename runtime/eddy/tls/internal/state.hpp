// TlsState: what is behind a tls::Stream. It lives until the handle and every call on it are gone.
//
// OpenSSL reads the transport's bytes where they lie, and writes records behind each other into
// `out`; whoever flushes brings those to the transport, one at a time, in order. So a call of
// OpenSSL never waits, and what it has written is never lost: a cancelled flush leaves the rest to
// the next.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/failure.hpp>
#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/bytes/internal/read_ahead.hpp>
#include <eddy/core/internal/thread_state.hpp>
#include <eddy/core/task.hpp>
#include <eddy/sync/event.hpp>
#include <eddy/tls/internal/outgoing.hpp>
#include <eddy/tls/internal/transport.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct ssl_st;  // OpenSSL's SSL

namespace eddy::tls::internal {

class TlsState : public eddy::internal::RefCounted<TlsState>, public eddy::internal::Pooled {
 public:
  using Counted = eddy::internal::Counted<TlsState>;

  static constexpr std::size_t batch = 64 * 1024;  // encrypted at most so far ahead

  // `ssl` becomes its own. `name` is whom one talks to, for messages; empty: the peer's address.
  TlsState(std::unique_ptr<Transport> over, ssl_st* own, std::string name) noexcept;
  ~TlsState();

  // Throw UsageError for a second task on that side, and on another loop.
  void require_free_to_read() const { if (reading || foreign()) [[unlikely]] refuse("read from"); }
  void require_free_to_write() const { if (writing || foreign()) [[unlikely]] refuse("write to"); }

  // The handle is gone: what is in progress ends with ECANCELED.
  void drop() noexcept;
  static Task<> close(Counted state);

  // -- reading --

  // What one look into the transport's bytes came to.
  enum class Step : std::uint8_t { done, ended, wants_more, failed };
  struct Got {
    Step step;
    std::size_t count = 0;
  };
  // Decrypts what there is, at most `into`; never waits. When it failed, read_failure says why.
  Got decrypt(MutableBytes into);
  // The same into what is read ahead.
  Got decrypt_ahead();
  // After a step that wants more: has the transport fetch it. Fails when that fails, or has ended.
  static Task<> fetch(Counted state);

  // -- writing --

  // Encrypts what there is room for; how much of `bytes` that was. When it failed, write_failure
  // says why.
  Expected<std::size_t> encrypt(Bytes bytes);
  // Nothing is left to be sent, and nobody is at it: a flush would do nothing.
  bool all_sent() const noexcept { return out.empty() && !flushing && !shuts; }
  // Until nothing is left to be sent.
  static Task<> flush(Counted state);
  // The same. REQUIRES: nobody is flushing
  static Task<> send_out(Counted state);
  // The same, by itself: nobody waits for it. False without memory: the next flush sends it.
  bool flush_beside() noexcept;
  void shutdown_write();

  // -- the handshake --

  static Task<> shake(Counted state);

  // -- failures --

  // Of the last call of OpenSSL on this thread, whose queue of errors it empties.
  Failure failure_of_last(std::string_view verb);
  Failure failure(Errc kind, std::string_view verb, std::string_view said) const;
  Failure error(int code, std::string_view verb) const noexcept;
  std::string subject() const noexcept;

  std::unique_ptr<Transport> transport;
  ssl_st* ssl;
  eddy::internal::ReadAhead ahead;  // decrypted
  Outgoing out;
  std::optional<Failure> read_failure;
  std::optional<Failure> write_failure;
  std::shared_ptr<ClientCore> client;  // whose session callback looks for them
  std::shared_ptr<ServerCore> server;
  std::string session_key;
  Event changed;  // something has gone, or somebody has left
  bool reading = false;
  bool writing = false;
  bool fetching = false;   // the transport is being read
  bool flushing = false;   // ... or written to
  bool shaken = false;     // the handshake is over
  bool has_read = false;   // ... and something came since
  bool peer_done = false;  // close_notify came
  bool ended = false;      // the transport has
  bool said_goodbye = false;
  bool shuts = false;      // and the transport's writing side ends when everything has gone
  bool fatal = false;      // OpenSSL has given up
  bool sends_now = false;  // records go straight to the transport, as long as it takes them
  bool no_memory = false;  // for what OpenSSL has written
  bool closing = false;

 private:
  static constexpr std::size_t record = 16 * 1024;
  static constexpr std::size_t overhead = 64;  // of a record, more than it can be

  bool foreign() const noexcept { return loop_id_ != eddy::internal::thread_state.loop_id; }
  [[noreturn, gnu::cold]] void refuse(const char* verb) const;
  static Task<> say_farewell(Counted state);
  void say_goodbye();
  void end_of_out() noexcept;
  std::string name_;
  const std::uint64_t loop_id_ = eddy::internal::thread_state.loop_id;
};

// Uses a side for as long as it lives, and keeps the state for that time.
template <bool TlsState::* side>
class InUse {
 public:
  explicit InUse(TlsState& state) noexcept : state_(&state) { state_.get()->*side = true; }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;
  ~InUse() {
    state_.get()->*side = false;
    state_->changed.set();
  }

 private:
  TlsState::Counted state_;
};
using Reading = InUse<&TlsState::reading>;
using Writing = InUse<&TlsState::writing>;
using Fetching = InUse<&TlsState::fetching>;
using Flushing = InUse<&TlsState::flushing>;

}  // namespace eddy::tls::internal
