#include <eddy/tls/internal/state.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/core/try.hpp>
#include <eddy/flow/timeout.hpp>
#include <eddy/net/internal/send.hpp>
#include <eddy/tls/internal/openssl.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <new>

namespace eddy::tls::internal {

TlsState::TlsState(std::unique_ptr<Transport> over, ssl_st* own, std::string name) noexcept
    : transport(std::move(over)), ssl(own), name_(std::move(name)) {}

// A connection that was good is no reason to forget its session, however it ended.
TlsState::~TlsState() {
  if (!fatal) SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl);
}

// SSL_get_error() looks at what stands in the thread's queue. Clearing it is dearer than a look.
static void forget_errors() noexcept {
  if (ERR_peek_error() != 0) [[unlikely]] ERR_clear_error();
}

// -- failures --

std::string TlsState::subject() const noexcept {
  try {
    if (!name_.empty()) return name_;
    Socket* socket = transport ? transport->socket() : nullptr;
    return socket ? socket->peer_if_any().format() : std::string();
  } catch (...) {  // it is gone, or no memory
    return {};
  }
}

Failure TlsState::failure(Errc kind, std::string_view verb, std::string_view said) const {
  return Failure::holding(Error(kind, verb, subject(), said));
}

Failure TlsState::error(int code, std::string_view verb) const noexcept {
  try {
    return Failure::error(code, verb, Text(subject()));
  } catch (const std::bad_alloc&) {  // then without saying whom with
    return Failure::error(code, verb);
  }
}

// OpenSSL has words for the alerts of TLS 1.2, and calls those that came with 1.3 unknown.
static std::string text_of_alert(unsigned long error) {
  const int alert = ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;
  const std::string said = SSL_alert_desc_string_long(alert);
  return said == "unknown" ? text_of_error(error) : said;
}

// What a first record comes to whose first bytes are those of something else.
static bool is_no_tls(int reason) noexcept {
  return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
         reason == SSL_R_HTTPS_PROXY_REQUEST;
}

Failure TlsState::failure_of_last(std::string_view verb) {
  fatal = true;
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  const bool silent = error == 0 && !no_memory;
  if (silent && SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN && !shaken) {
    return failure(Errc::truncated, verb, "the connection ended");
  }
  // OpenSSL has given up before, on the other side, and says why once.
  if (silent && read_failure) return *read_failure;
  if (silent && write_failure) return *write_failure;
  if (std::exchange(no_memory, false) || silent) {
    return Failure::holding(std::bad_alloc());
  }
  const int reason = ERR_GET_REASON(error);
  const bool by_tls = ERR_GET_LIB(error) == ERR_LIB_SSL;
  if (by_tls && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    const long why = SSL_get_verify_result(ssl);
    return failure(Errc::verification, verb, X509_verify_cert_error_string(why));
  }
  if (by_tls && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    return failure(Errc::verification, verb, "the peer has shown no certificate");
  }
  if (by_tls && reason > SSL_AD_REASON_OFFSET) {
    return failure(Errc::refused, verb, "refused by the peer: " + text_of_alert(error));
  }
  if (!shaken && by_tls && is_no_tls(reason)) {
    const std::string said = "the peer does not speak TLS: " + text_of_error(error);
    return failure(Errc::handshake, verb, said);
  }
  return failure(shaken ? Errc::protocol : Errc::handshake, verb, text_of_error(error));
}

void TlsState::refuse(const char* verb) const {
  if (foreign()) throw UsageError("a tls::Stream on another loop than the one it was made on");
  throw UsageError(std::string("two tasks ") + verb + " one tls::Stream");
}

// -- reading --

TlsState::Got TlsState::decrypt(MutableBytes into) {
  std::size_t count = 0;
  Step step = Step::done;
  if (read_failure) return {Step::failed};
  if (peer_done) return {Step::ended};
  while (count < into.size()) {
    std::size_t got = 0;
    if (transport->buffered().empty() && SSL_has_pending(ssl) == 0) {
      step = Step::wants_more;
      break;
    }
    forget_errors();
    const bool read = SSL_read_ex(ssl, into.data() + count, into.size() - count, &got) == 1;
    count += got;
    if (read) continue;
    const int why = SSL_get_error(ssl, 0);
    step = Step::wants_more;
    if (why == SSL_ERROR_WANT_READ) break;
    step = Step::ended;
    if (why == SSL_ERROR_ZERO_RETURN) peer_done = true;
    if (why == SSL_ERROR_ZERO_RETURN) break;
    step = Step::failed;
    read_failure = failure_of_last("read");
    break;
  }
  if (!out.empty()) [[unlikely]] {
    if (write_failure) out.clear();  // replies that nobody takes
    flush_beside();
  }
  if (count == 0) return {step};
  has_read = true;
  return {Step::done, count};
}

// No room is made before there is something to put there.
TlsState::Got TlsState::decrypt_ahead() {
  const std::size_t there = transport->buffered().size();
  if (there == 0 && SSL_has_pending(ssl) == 0 && !read_failure && !peer_done) {
    return {Step::wants_more};
  }
  const std::size_t wanted = std::clamp<std::size_t>(there, 512, record);
  Got all = decrypt(ahead.room(wanted));
  ahead.add(all.count);
  if (all.step != Step::done) return all;
  const int rest = SSL_pending(ssl);  // of the record that did not fit
  if (rest <= 0) return all;
  const auto size = static_cast<std::size_t>(rest);
  const Got more = decrypt(MutableBytes(ahead.room(size).first(size)));
  ahead.add(more.count);
  all.count += more.count;
  return all;
}

// A peer that has replies made and takes none is not read from.
Task<> TlsState::fetch(Counted state) {
  while (!state->closing && state->out.size() > 2 * batch) EDDY_DO(flush(state));
  if (state->closing) co_await fail(state->error(ECANCELED, "read"));
  if (state->ended) {
    state->read_failure =
        state->failure(Errc::truncated, "read", "the connection ended without close_notify");
    co_await fail(*state->read_failure);
  }
  const Fetching fetching(*state);
  auto got = co_await as_outcome(state->transport->fill());
  if (!got && got.error().is_cancelled()) co_await fail(std::move(got.error()));
  if (state->closing) co_await fail(state->error(ECANCELED, "read"));
  if (!got) co_await fail(std::move(got.error()));
  state->ended = *got == 0;
}

// -- writing --

Expected<std::size_t> TlsState::encrypt(Bytes bytes) {
  if (write_failure) return std::unexpected(*write_failure);
  if (said_goodbye) return std::unexpected(error(EPIPE, "write"));
  const std::size_t most = std::min(bytes.size(), batch);
  sends_now = out.empty() && !flushing && eddy::internal::Send::may_send_now();
  out.reserve(most + (most / record + 2) * overhead);  // OpenSSL cannot be told that there is none
  std::size_t done = 0;
  while (done < most && out.size() < batch) {
    const std::size_t size = std::min(most - done, record);
    std::size_t written = 0;
    forget_errors();
    if (SSL_write_ex(ssl, bytes.data() + done, size, &written) != 1) {
      sends_now = false;
      write_failure = failure_of_last("write");
      return std::unexpected(*write_failure);
    }
    done += written;
  }
  sends_now = false;
  if (out.empty()) out.clear();
  return done;
}

// What is wrong with the socket is found out by the call that waits.
std::size_t send_now(eddy::Stream& stream, Bytes bytes) noexcept {
  if (stream.closed()) return 0;
  const int fd = stream.socket().fileno();
  const auto sent = eddy::internal::sys::send(fd, bytes.data(), bytes.size(),
                                              MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

// One at a time: whoever comes meanwhile finds his bytes taken along. Cancelled, the rest stays.
Task<> TlsState::send_out(Counted state) {
  std::optional<Failure> failed;
  {
    const Flushing flushing(*state);
    while (!failed && !state->out.empty()) {
      auto sent = co_await as_outcome(state->transport->write(state->out.front()));
      if (sent) state->out.consume(*sent);
      if (!sent) failed = std::move(sent.error());
      if (!state->transport && !failed) failed = state->error(ECANCELED, "write");
    }
    if (!failed) state->end_of_out();
  }
  if (!failed) co_return;
  if (!failed->is_cancelled() && state->transport) {
    state->write_failure = failed;
    state->out.clear();
  }
  // The end that was asked for comes without whoever was to send it.
  if (failed->is_cancelled() && state->shuts) state->flush_beside();
  co_await fail(std::move(*failed));
}

// Everything has gone.
void TlsState::end_of_out() noexcept {
  if (!transport || !std::exchange(shuts, false)) return;
  try {
    transport->shutdown_write();
  } catch (const std::exception&) {  // it has ended by itself
  }
}

Task<> TlsState::flush(Counted state) {
  for (;;) {
    if (state->write_failure) co_await fail(*state->write_failure);
    if (!state->transport) co_await fail(state->error(ECANCELED, "write"));
    if (state->flushing) {
      state->changed.clear();
      EDDY_DO(state->changed.wait());
      continue;
    }
    if (state->out.empty() && !state->shuts) co_return;
    EDDY_DO(send_out(state));
    co_return;
  }
}

// What fails is told to who writes next.
static Task<> flush_alone(TlsState::Counted state) {
  auto flushed = co_await as_outcome(TlsState::flush(std::move(state)));
  if (!flushed && flushed.error().is_cancelled()) co_await fail(std::move(flushed.error()));
}

bool TlsState::flush_beside() noexcept {
  if (flushing || all_sent() || write_failure || !transport) return true;
  try {
    spawn(flush_alone(Counted(this)), {.name = "tls flush", .eager = true});
    return true;
  } catch (...) {  // no memory, or the loop takes no more
    return false;
  }
}

void TlsState::say_goodbye() {
  if (said_goodbye || !shaken || fatal || write_failure) return;
  out.reserve(2 * overhead);
  said_goodbye = true;
  ERR_clear_error();
  static_cast<void>(SSL_shutdown(ssl));  // 0: sent; the peer's is none of its business
  ERR_clear_error();
}

void TlsState::shutdown_write() {
  if (said_goodbye && !shuts) return;
  say_goodbye();
  shuts = true;
  if (!flush_beside()) throw std::bad_alloc();
}

// -- the handshake --

// The peer takes nothing any more; it may have said something before.
static bool peer_has_left(const Failure& failure) noexcept {
  return failure.is_error(EPIPE) || failure.is_error(ECONNRESET);
}

Task<> TlsState::shake(Counted state) {
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(state->ssl);
    if (result == 1) break;
    if (SSL_get_error(state->ssl, result) != SSL_ERROR_WANT_READ) {
      Failure failure = state->failure_of_last("handshake");
      auto told = co_await as_outcome(timeout(std::chrono::seconds(1), flush(state)));  // the alert
      if (!told && told.error().is_cancelled()) co_await fail(std::move(told.error()));
      co_await eddy::fail(std::move(failure));
    }
    // A peer that takes nothing any more may still have said why.
    auto sent = co_await as_outcome(flush(state));
    if (!sent && !peer_has_left(sent.error())) co_await fail(std::move(sent.error()));
    auto got = co_await as_outcome(fetch(state));
    if (!got && state->read_failure) {
      state->read_failure.reset();
      co_await fail(state->failure(Errc::truncated, "handshake", "the connection ended"));
    }
    if (!got) co_await fail(std::move(got.error()));
  }
  state->shaken = true;
  // Tickets go by themselves: the peer may take nothing before it has written.
  const bool tickets_alone = state->server && SSL_version(state->ssl) >= TLS1_3_VERSION;
  if (tickets_alone && (state->out.empty() || state->flush_beside())) co_return;
  // That nothing can be sent is for who writes: the peer may have said all it wanted to.
  auto sent = co_await as_outcome(flush(state));
  if (!sent && !peer_has_left(sent.error())) co_await fail(std::move(sent.error()));
}

// -- the end --

void TlsState::drop() noexcept {
  closing = true;
  transport.reset();
  changed.set();
}

// A client that never reads leaves its server's tickets where they are: closing with bytes unread
// resets the connection, and with it goes what was written.
Task<> TlsState::say_farewell(Counted state) {
  state->say_goodbye();
  EDDY_DO(flush(state));
  if (!state->client || state->has_read || state->reading || state->ended) co_return;
  state->transport->shutdown_write();
  for (;;) {
    const Bytes unread = state->transport->buffered();
    if (!unread.empty()) state->transport->consume(unread.size());
    EDDY_TRY(auto got, state->transport->fill());
    if (got == 0 || !state->transport) break;
  }
}

Task<> TlsState::close(Counted state) {
  struct AtOnce {  // however it ends
    TlsState& of;
    ~AtOnce() { of.drop(); }
  };
  if (!state) co_return;
  while (state->closing && state->transport) {  // another close() is at it
    state->changed.clear();
    EDDY_DO(state->changed.wait());
  }
  if (!state->closing) {
    state->closing = true;
    const AtOnce dropping{*state};
    auto said = co_await as_outcome(timeout(std::chrono::seconds(1), say_farewell(state)));
    if (!said && said.error().is_cancelled()) co_await fail(std::move(said.error()));
    if (state->transport) {
      auto closed = co_await as_outcome(state->transport->close());
      if (!closed && closed.error().is_cancelled()) co_await fail(std::move(closed.error()));
    }
  }
  while (state->reading || state->writing || state->flushing) {
    state->changed.clear();
    EDDY_DO(state->changed.wait());
  }
}

}  // namespace eddy::tls::internal
