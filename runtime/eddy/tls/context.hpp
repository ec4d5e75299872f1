// ClientContext, ServerContext: what connections have in common: whom they trust, who they are,
// which versions and protocols they speak, and the sessions that can be resumed.
//
// Both are shared: a copy costs a reference count and means the same. They are made once, and may
// be used by loops on several threads. Making one reads files and parses certificates, which
// blocks: some milliseconds for the roots of the system.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace eddy::tls {

namespace internal {
class ClientCore;
class ServerCore;
}  // namespace internal

enum class Version : std::uint8_t { tls12, tls13 };

// Trivially copyable. What is named by a view is used while the context is made, and not later.
struct ClientOptions {
  // Whom to trust: PEM, one certificate or many. Both empty: the roots of the system
  // (SSL_CERT_FILE and SSL_CERT_DIR count, as everywhere). Lists of what was revoked are not asked.
  std::string_view ca_file{};
  std::string_view ca_pem{};
  // Who this end is, for servers that ask: the chain, its own certificate first, and the key. By
  // files, or as PEM.
  std::string_view certificate_file{};
  std::string_view key_file{};
  std::string_view certificate_pem{};
  std::string_view key_pem{};
  std::string_view key_password{};  // of a key that is encrypted
  // The protocols to offer, in order of preference: "h2,http/1.1". Empty: none.
  std::string_view alpn{};
  Version min_version = Version::tls12;
  Version max_version = Version::tls13;
  // How many hosts' sessions are remembered, so that the next connection to one is resumed. 0: none
  std::size_t sessions = 256;
  // Whoever answers is taken for whom one wanted: no secrecy and no identity against anybody in
  // between. For tests. There is no other way to leave the verification out.
  bool dangerously_accept_any_certificate = false;
};

class ClientContext {
 public:
  // Throws Error (Errc::credentials) when what the options name cannot be used, UsageError when
  // they contradict each other.
  explicit ClientContext(ClientOptions options = {});

  // One for the process, without options: made when it is first asked for.
  static const ClientContext& standard();

  // How many hosts there are at the moment of which a session is remembered.
  std::size_t sessions() const noexcept;

  const std::shared_ptr<internal::ClientCore>& core() const noexcept { return core_; }  // internal

 private:
  std::shared_ptr<internal::ClientCore> core_;
};

enum class ClientCertificate : std::uint8_t {
  none,      // not asked for
  optional,  // asked for; one that is given must be good
  required,
};

// Trivially copyable; views as above.
struct ServerOptions {
  // Who this end is: the chain, its own certificate first, and the key. By files, or as PEM.
  std::string_view certificate_file{};
  std::string_view key_file{};
  std::string_view certificate_pem{};
  std::string_view key_pem{};
  std::string_view key_password{};  // of a key that is encrypted, and of those of reload()
  // Who may sign the certificates of clients: PEM. Needed unless they are not asked for.
  std::string_view client_ca_file{};
  std::string_view client_ca_pem{};
  ClientCertificate client_certificate = ClientCertificate::none;
  // The protocols to speak, in order of preference: "h2,http/1.1". A client that offers some and
  // none of these is refused; one that offers none is not. Empty: what it offers is not looked at.
  std::string_view alpn{};
  Version min_version = Version::tls12;
  Version max_version = Version::tls13;
  // Tickets, by which clients resume. They are encrypted with a key that lives with the context,
  // reload() included.
  bool tickets = true;
};

// What a server's handshakes came to.
struct ServerStats {
  std::uint64_t accepted = 0;
  std::uint64_t resumed = 0;  // of these
  std::uint64_t refused = 0;  // failed, or not over in time
  std::string last_refusal{};   // why the last of these was
};

class ServerContext {
 public:
  // Throws as ClientContext does.
  explicit ServerContext(ServerOptions options);

  // Reads the files again that it was made of; connections that begin from now on use what stands
  // there, those that exist go on. Throws Error, and changes nothing, when they cannot be used; a
  // chain and a key that were given as PEM stay. From any thread; blocks as the constructor does.
  void reload() const;
  // The same with a certificate and a key that are given.
  void reload(std::string_view certificate_pem, std::string_view key_pem) const;

  ServerStats stats() const;

  const std::shared_ptr<internal::ServerCore>& core() const noexcept { return core_; }  // internal

 private:
  std::shared_ptr<internal::ServerCore> core_;
};

}  // namespace eddy::tls
