#include <eddy/tls/internal/context_core.hpp>

#include <eddy/net/address.hpp>
#include <eddy/tls/error.hpp>
#include <eddy/tls/internal/state.hpp>

#include <algorithm>

namespace eddy::tls::internal {
namespace {

// A session is good as long as the same sign the certificates of clients: its own was one of them.
void bind_sessions(SSL_CTX* context, const std::string& signers) {
  static_assert(SSL_MAX_SID_CTX_LENGTH >= 32);
  unsigned char print[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(signers.data(), signers.size(), print, &size, EVP_sha256(), nullptr) != 1 ||
      SSL_CTX_set_session_id_context(context, print, size) != 1) {
    throw std::bad_alloc();
  }
}

int number_of(Version version) {
  return version == Version::tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

Openssl<SSL_CTX> new_context(const SSL_METHOD* method, Version least, Version most) {
  if (least > most) throw UsageError("the oldest version to speak is newer than the newest");
  ERR_clear_error();
  auto context = owned(SSL_CTX_new(method));
  SSL_CTX_set_min_proto_version(context.get(), number_of(least));
  SSL_CTX_set_max_proto_version(context.get(), number_of(most));
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

// "h2,http/1.1" as it goes over the wire: each behind its length.
std::string wire_of(std::string_view list) {
  std::string wire;
  while (!list.empty()) {
    const std::string_view name = list.substr(0, list.find(','));
    if (name.empty() || name.size() > 255) throw UsageError("a protocol has 1 to 255 bytes");
    wire.push_back(static_cast<char>(name.size()));
    wire.append(name);
    const bool last = name.size() == list.size();
    list.remove_prefix(last ? list.size() : name.size() + 1);
    if (!last && list.empty()) throw UsageError("a protocol has 1 to 255 bytes");
  }
  return wire;
}

const unsigned char* bytes_of(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

void require_one(std::string_view file, std::string_view pem, std::string_view what) {
  if (file.empty() == pem.empty()) {
    throw UsageError(std::string(what) + " is given by a file or as PEM, and here by " +
                     (file.empty() ? "neither" : "both"));
  }
}

template <class Options>
Identity identity_of(const Options& options) {
  require_one(options.certificate_file, options.certificate_pem, "a certificate");
  require_one(options.key_file, options.key_pem, "a key");
  return {std::string(options.certificate_file), std::string(options.key_file),
          std::string(options.certificate_pem), std::string(options.key_pem),
          std::string(options.key_password)};
}

// Whoever answers must show a certificate for `host`.
void expect_host(SSL* ssl, const std::string& host, bool verifies) {
  X509_VERIFY_PARAM* expected = SSL_get0_param(ssl);
  if (Address::try_ip(host, 0)) {
    const std::string address = host.substr(0, host.find('%'));  // its scope is this machine's
    if (verifies && X509_VERIFY_PARAM_set1_ip_asc(expected, address.c_str()) != 1) {
      throw std::bad_alloc();
    }
    return;
  }
  if (SSL_set_tlsext_host_name(ssl, host.c_str()) != 1) {
    ERR_clear_error();
    throw UsageError("'" + host + "' is no name of a host");
  }
  X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (verifies && X509_VERIFY_PARAM_set1_host(expected, host.data(), host.size()) != 1) {
    ERR_clear_error();
    throw UsageError("'" + host + "' is no name of a host");
  }
}

// Without the brackets of an address and the dot of a name that is whole.
std::string plain_host(std::string host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    return host.substr(1, host.size() - 2);
  }
  if (host.size() > 1 && host.back() == '.') host.pop_back();
  return host;
}

// A session came: TLS 1.3 gives them after the handshake, as often as it likes. 1: it is taken.
int session_came(SSL* ssl, SSL_SESSION* session) noexcept {
  auto* state = static_cast<TlsState*>(SSL_get_ex_data(ssl, state_index()));
  if (!state || !state->client) return 0;
  try {
    state->client->remember(state->session_key, Openssl<SSL_SESSION>(session));
  } catch (...) {  // no memory: it is gone
  }
  return 1;
}

}  // namespace

// -- the client --

ClientCore::ClientCore(const ClientOptions& options)
    : context_(new_context(TLS_client_method(), options.min_version, options.max_version)),
      verifies_(!options.dangerously_accept_any_certificate),
      most_(options.sessions) {
  SSL_CTX* context = context_.get();
  if (!options.ca_file.empty() && !options.ca_pem.empty()) {
    throw UsageError("whom to trust is given by a file or as PEM");
  }
  const std::string ca_file(options.ca_file);
  if (!ca_file.empty() || !options.ca_pem.empty()) {
    trust(context, ca_file, options.ca_pem, false);
  } else if (verifies_ && SSL_CTX_set_default_verify_paths(context) != 1) {
    throw_credentials("trust", "the system's roots");
  }
  SSL_CTX_set_verify(context, verifies_ ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!options.certificate_file.empty() || !options.certificate_pem.empty() ||
      !options.key_file.empty() || !options.key_pem.empty()) {
    use_identity(context, identity_of(options));
  }
  const std::string protocols = wire_of(options.alpn);
  if (!protocols.empty() &&
      SSL_CTX_set_alpn_protos(context, bytes_of(protocols),
                              static_cast<unsigned>(protocols.size())) != 0) {
    throw std::bad_alloc();  // 0 is success
  }
  SSL_CTX_set_session_cache_mode(
      context, most_ == 0 ? SSL_SESS_CACHE_OFF
                          : SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context, &session_came);
}

Openssl<SSL> ClientCore::connection(const std::string& host, const std::string& session) {
  const std::string plain = plain_host(host);
  if (plain.empty() || plain.find('\0') != plain.npos) {
    throw UsageError("a TLS client says to which host it wants");
  }
  if (plain.front() == '.') throw UsageError("'" + host + "' is no name of a host");
  ERR_clear_error();
  auto ssl = owned(SSL_new(context_.get()));
  expect_host(ssl.get(), plain, verifies_);
  if (const auto known = take(session)) SSL_set_session(ssl.get(), known.get());
  SSL_set_connect_state(ssl.get());
  return ssl;
}

void ClientCore::remember(const std::string& key, Openssl<SSL_SESSION> session) {
  const std::lock_guard lock(mutex_);
  auto host = std::ranges::find(hosts_, key, &Host::key);
  if (host == hosts_.end()) {
    hosts_.push_front({key, {}});
    if (hosts_.size() > most_) hosts_.pop_back();
    host = hosts_.begin();
  } else {
    hosts_.splice(hosts_.begin(), hosts_, host);
  }
  auto& kept = host->sessions;
  if (kept.size() == most_of_a_host) kept.erase(kept.begin());
  kept.push_back(std::move(session));
}

// The newest. One of TLS 1.3 serves once (RFC 8446, C.4), so that connections cannot be told to be
// of one client.
Openssl<SSL_SESSION> ClientCore::take(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto host = std::ranges::find(hosts_, key, &Host::key);
  if (host == hosts_.end()) return nullptr;
  auto& kept = host->sessions;
  while (!kept.empty()) {
    SSL_SESSION* session = kept.back().get();
    const bool once = SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
    const bool stale = SSL_SESSION_is_resumable(session) != 1;
    if (!once && !stale && SSL_SESSION_up_ref(session) == 1) return Openssl<SSL_SESSION>(session);
    Openssl<SSL_SESSION> taken = std::move(kept.back());
    kept.pop_back();
    if (!stale) return taken;
  }
  return nullptr;
}

std::size_t ClientCore::sessions() const noexcept {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(hosts_, [](const Host& host) { return !host.sessions.empty(); }));
}

// -- the server --

ServerCore::ServerCore(const ServerOptions& options)
    : wishes_{.identity = identity_of(options),
              .client_ca_file = std::string(options.client_ca_file),
              .client_ca_pem = std::string(options.client_ca_pem),
              .alpn = wire_of(options.alpn),
              .client_certificate = options.client_certificate,
              .min_version = options.min_version,
              .max_version = options.max_version,
              .tickets = options.tickets} {
  if (wishes_.client_certificate != ClientCertificate::none) {
    require_one(options.client_ca_file, options.client_ca_pem, "who signs clients' certificates");
  }
  context_ = make(wishes_);
}

Openssl<SSL_CTX> ServerCore::make(const Wishes& wishes) const {
  auto made = new_context(TLS_server_method(), wishes.min_version, wishes.max_version);
  SSL_CTX* context = made.get();
  use_identity(context, wishes.identity);
  std::string signers;
  if (wishes.client_certificate != ClientCertificate::none) {
    signers = trust(context, wishes.client_ca_file, wishes.client_ca_pem, true);
    const bool required = wishes.client_certificate == ClientCertificate::required;
    SSL_CTX_set_verify(
        context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  }
  if (!wishes.alpn.empty()) {
    SSL_CTX_set_alpn_select_cb(context, &choose_protocol, const_cast<ServerCore*>(this));
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets hold all there is
  if (!wishes.tickets) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
  }
  bind_sessions(context, signers);
  return made;
}

// The server's preference. `self` is there for as long as a connection is: its state counts it.
int ServerCore::choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size,
                                const unsigned char* offered, unsigned offered_size, void* self) {
  const std::string& ours = static_cast<ServerCore*>(self)->wishes_.alpn;  // never changes
  unsigned char* match = nullptr;
  const int found =
      SSL_select_next_proto(&match, size, bytes_of(ours), static_cast<unsigned>(ours.size()),
                            offered, offered_size);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

Openssl<SSL> ServerCore::connection() const {
  ERR_clear_error();
  const std::lock_guard lock(mutex_);
  auto ssl = owned(SSL_new(context_.get()));
  SSL_set_accept_state(ssl.get());
  return ssl;
}

void ServerCore::reload(const Identity* identity) {
  Wishes wishes = [&] {
    const std::lock_guard lock(mutex_);
    return wishes_;
  }();
  if (identity) {
    std::string password = std::move(wishes.identity.key_password);
    wishes.identity = *identity;
    wishes.identity.key_password = std::move(password);
  }
  auto made = make(wishes);
  unsigned char keys[80];
  const std::lock_guard lock(mutex_);
  if (SSL_CTX_get_tlsext_ticket_keys(context_.get(), keys, sizeof keys) == 1) {
    SSL_CTX_set_tlsext_ticket_keys(made.get(), keys, sizeof keys);
  }
  OPENSSL_cleanse(keys, sizeof keys);
  wishes_.identity = std::move(wishes.identity);
  context_ = std::move(made);
}

void ServerCore::count_accepted(bool resumed) {
  const std::lock_guard lock(mutex_);
  ++stats_.accepted;
  if (resumed) ++stats_.resumed;
}

void ServerCore::count_refused(std::string why) noexcept {
  const std::lock_guard lock(mutex_);
  ++stats_.refused;
  stats_.last_refusal = std::move(why);
}

ServerStats ServerCore::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace eddy::tls::internal

namespace eddy::tls {
using namespace internal;

ClientContext::ClientContext(ClientOptions options)
    : core_(std::make_shared<ClientCore>(options)) {}

const ClientContext& ClientContext::standard() {
  static const ClientContext context;
  return context;
}

std::size_t ClientContext::sessions() const noexcept { return core_->sessions(); }

ServerContext::ServerContext(ServerOptions options)
    : core_(std::make_shared<ServerCore>(options)) {}

void ServerContext::reload() const { core_->reload(nullptr); }

void ServerContext::reload(std::string_view certificate_pem, std::string_view key_pem) const {
  Identity identity;
  identity.certificate_pem = certificate_pem;
  identity.key_pem = key_pem;
  core_->reload(&identity);
}

ServerStats ServerContext::stats() const { return core_->stats(); }

}  // namespace eddy::tls
