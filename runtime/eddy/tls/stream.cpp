#include <eddy/tls/stream.hpp>

#include <eddy/core/internal/keeping.hpp>
#include <eddy/file/file.hpp>
#include <eddy/tls/internal/openssl.hpp>

namespace eddy::tls {

bool Stream::closed() const noexcept { return !state_ || state_->closing; }

const Stream::Counted& Stream::to_use() const {
  if (closed()) [[unlikely]] throw UsageError("a call on a closed tls::Stream");
  return state_;
}

Bytes Stream::buffered() const noexcept { return state_ ? state_->ahead.view() : Bytes(); }

void Stream::consume(std::size_t count) {
  internal::TlsState& state = *to_use();
  if (state.reading) throw UsageError("consume() while a task reads");
  if (count > state.ahead.size()) throw UsageError("consume() of more than is read ahead");
  state.ahead.consume(count);
}

Task<std::size_t> Stream::write(Bytes bytes) { return internal::write_some(to_use(), bytes); }

Task<> Stream::write_all(Bytes bytes) { return internal::write_all(to_use(), bytes); }

Task<> Stream::write_vectored(std::span<const Bytes> pieces) {
  return internal::write_vectored(to_use(), pieces);
}

Task<> Stream::write_vectored(std::initializer_list<eddy::internal::Piece> pieces) {
  return eddy::internal::keeping(
      std::vector<Bytes>(pieces.begin(), pieces.end()),
      [state = to_use()](std::vector<Bytes>& kept) {
        return internal::write_vectored(state, kept);
      });
}

Task<std::uint64_t> Stream::send_file(File& file, std::uint64_t offset, std::uint64_t count) {
  return internal::send_file(to_use(), eddy::internal::FileAccess::state_of(file), offset, count);
}

void Stream::shutdown_write() { to_use()->shutdown_write(); }

void Stream::update_keys(bool both) {
  if (version() != Version::tls13) throw UsageError("TLS 1.2 has no new keys");
  const int type = both ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
  if (to_use()->said_goodbye) throw UsageError("new keys after shutdown_write()");
  ERR_clear_error();
  if (SSL_key_update(to_use()->ssl, type) == 1) return;
  to_use()->failure_of_last("update keys").raise();
}

Task<> Stream::close() { return internal::TlsState::close(state_); }

Socket& Stream::socket() const {
  Socket* socket = to_use()->transport->socket();
  if (!socket) throw UsageError("a tls::Stream that is over no socket");
  return *socket;
}

// -- what was agreed --

Version Stream::version() const {
  return SSL_version(to_use()->ssl) >= TLS1_3_VERSION ? Version::tls13 : Version::tls12;
}

std::string_view Stream::cipher() const { return SSL_get_cipher_name(to_use()->ssl); }

std::string_view Stream::alpn() const {
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(to_use()->ssl, &chosen, &size);
  return {reinterpret_cast<const char*>(chosen), size};
}

std::string_view Stream::server_name() const {
  const char* name = SSL_get_servername(to_use()->ssl, TLSEXT_NAMETYPE_host_name);
  return name ? std::string_view(name) : std::string_view();
}

bool Stream::resumed() const { return SSL_session_reused(to_use()->ssl) == 1; }

}  // namespace eddy::tls
