#include "tls/by_hand.hpp"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstdlib>
#include <stdexcept>

namespace test {
namespace {

// OpenSSL's memory is counted apart, so that what eddy allocates itself shows. Set before it has
// any: OpenSSL wants that.
thread_local std::size_t openssl_allocations = 0;
void* allocate(std::size_t size, const char*, int) {
  ++openssl_allocations;
  return std::malloc(size);
}
void* reallocate(void* old, std::size_t size, const char*, int) {
  ++openssl_allocations;
  return std::realloc(old, size);
}
void release(void* gone, const char*, int) { std::free(gone); }
const bool counting = CRYPTO_set_mem_functions(&allocate, &reallocate, &release) == 1;

[[noreturn]] void give_up(const char* what) {
  const unsigned long code = ERR_get_error();
  const char* const reason = code ? ERR_reason_error_string(code) : nullptr;
  ERR_clear_error();
  throw std::runtime_error(std::string(what) + ": " + (reason ? reason : "failed"));
}
void require(bool well, const char* what) {
  if (!well) give_up(what);
}

// "h2 http/1.1" as the wire has it.
std::string on_the_wire(std::string_view names) {
  std::string wire;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(' '));
    wire += static_cast<char>(name.size());
    wire += name;
    names.remove_prefix(std::min(names.size(), name.size() + 1));
  }
  return wire;
}

int choose(SSL*, const unsigned char** out, unsigned char* length, const unsigned char* offered,
           unsigned size, void* wanted) {
  const auto& own = *static_cast<const std::string*>(wanted);
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, length,
                                          reinterpret_cast<const unsigned char*>(own.data()),
                                          static_cast<unsigned>(own.size()), offered, size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::string shown_by(const SSL* ssl, std::string (*what)(X509*)) {
  X509* const shown = SSL_get0_peer_certificate(ssl);
  return shown ? what(shown) : "";
}

}  // namespace

std::size_t allocations_of_openssl() noexcept { return openssl_allocations; }

void ByHand::FreeContext::operator()(ssl_ctx_st* gone) const { SSL_CTX_free(gone); }
void ByHand::Free::operator()(ssl_st* gone) const { SSL_free(gone); }

ByHand::Wish ByHand::server(const Identity& shows) {
  Wish wish;
  wish.server = true;
  wish.shows = &shows;
  return wish;
}
ByHand::Wish ByHand::client() {
  Wish wish;
  wish.believes = certificates().roots;
  wish.host = "localhost";
  return wish;
}

ByHand::ByHand(const Wish& wish)
    : context_(SSL_CTX_new(wish.server ? TLS_server_method() : TLS_client_method())),
      protocols_(on_the_wire(wish.protocols)) {
  SSL_CTX* const context = context_.get();
  if (wish.weak) SSL_CTX_set_security_level(context, 0);
  if (wish.version) {
    SSL_CTX_set_min_proto_version(context, wish.version);
    SSL_CTX_set_max_proto_version(context, wish.version);
  }
  if (wish.shows) {
    require(SSL_CTX_use_certificate_chain_file(context, wish.shows->chain.c_str()) == 1, "chain");
    require(SSL_CTX_use_PrivateKey_file(context, wish.shows->key.c_str(), SSL_FILETYPE_PEM) == 1,
            "key");
  }
  if (!wish.believes.empty()) {
    require(SSL_CTX_load_verify_file(context, wish.believes.c_str()) == 1, "roots");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  SSL_CTX_set_options(context, wish.renegotiates ? SSL_OP_ALLOW_CLIENT_RENEGOTIATION : 0);
  SSL_CTX_set_max_send_fragment(context, static_cast<std::size_t>(wish.record));
  if (wish.server) {
    static const unsigned char name[] = "by hand";
    SSL_CTX_set_session_id_context(context, name, sizeof name - 1);
  }
  ssl_.reset(SSL_new(context));
  SSL* const ssl = ssl_.get();
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  BIO_set_mem_eof_return(SSL_get_rbio(ssl), -1);
  if (wish.session) SSL_set_session(ssl, wish.session);
  if (wish.server) {
    SSL_set_accept_state(ssl);
    return;
  }
  if (!protocols_.empty()) {
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(protocols_.data()),
                        static_cast<unsigned>(protocols_.size()));
  }
  if (!wish.host.empty()) {
    SSL_set_tlsext_host_name(ssl, wish.host.c_str());
    SSL_set1_host(ssl, wish.host.c_str());
  }
  SSL_set_connect_state(ssl);
}

ByHand::ByHand(ByHand&&) noexcept = default;
ByHand::~ByHand() = default;

std::string ByHand::take() {
  char* data = nullptr;
  BIO* const out = SSL_get_wbio(ssl_.get());
  const long size = BIO_get_mem_data(out, &data);
  std::string taken(data, static_cast<std::size_t>(size));
  static_cast<void>(BIO_reset(out));
  return taken;
}

void ByHand::give(std::string_view came) {
  BIO_write(SSL_get_rbio(ssl_.get()), came.data(), static_cast<int>(came.size()));
}

bool ByHand::shake() {
  if (!protocols_.empty() && SSL_is_server(ssl_.get())) {
    SSL_CTX_set_alpn_select_cb(context_.get(), &choose, &protocols_);
  }
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) return true;
  if (SSL_get_error(ssl_.get(), done) != SSL_ERROR_WANT_READ) give_up("handshake");
  return false;
}

std::string ByHand::read() {
  std::string text;
  char piece[16384];
  for (;;) {
    ERR_clear_error();
    const int count = SSL_read(ssl_.get(), piece, sizeof piece);
    if (count > 0) {
      text.append(piece, static_cast<std::size_t>(count));
      continue;
    }
    const int why = SSL_get_error(ssl_.get(), count);
    if (why == SSL_ERROR_ZERO_RETURN) ended_ = true;
    if (why != SSL_ERROR_ZERO_RETURN && why != SSL_ERROR_WANT_READ) give_up("read");
    return text;
  }
}

void ByHand::write(std::string_view text) {
  ERR_clear_error();
  const int size = static_cast<int>(text.size());
  require(SSL_write(ssl_.get(), text.data(), size) == size, "write");
}

void ByHand::close_notify() {
  if (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) return;
  require(SSL_shutdown(ssl_.get()) >= 0, "close_notify");
}

void ByHand::update_keys(bool and_the_other_sides) {
  require(SSL_key_update(ssl_.get(), and_the_other_sides ? SSL_KEY_UPDATE_REQUESTED
                                                         : SSL_KEY_UPDATE_NOT_REQUESTED) == 1,
          "key update");
  require(SSL_do_handshake(ssl_.get()) == 1, "key update");
}

void ByHand::renegotiate() {
  require(SSL_renegotiate(ssl_.get()) == 1, "renegotiate");
  ERR_clear_error();
  SSL_do_handshake(ssl_.get());
}

bool ByHand::resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

std::string ByHand::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return size ? std::string(reinterpret_cast<const char*>(name), size) : "";
}

std::string ByHand::asked_for() const {
  const char* const name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name ? name : "";
}

std::string ByHand::who_it_is() const {
  return shown_by(ssl_.get(), [](X509* shown) {
    char text[256];
    return std::string(X509_NAME_oneline(X509_get_subject_name(shown), text, sizeof text));
  });
}

std::string ByHand::serial() const {
  return shown_by(ssl_.get(), [](X509* shown) {
    BIGNUM* const number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(shown), nullptr);
    char* const digits = BN_bn2hex(number);
    std::string text(digits);
    OPENSSL_free(digits);
    BN_free(number);
    return text;
  });
}

}  // namespace test
