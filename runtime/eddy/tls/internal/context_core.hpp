// ClientCore, ServerCore: what is behind the contexts. Any thread uses them.
#pragma once

#include <eddy/tls/context.hpp>
#include <eddy/tls/internal/credentials.hpp>
#include <eddy/tls/internal/openssl.hpp>

#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace eddy::tls::internal {

class ClientCore {
 public:
  explicit ClientCore(const ClientOptions& options);

  // A connection to `host`, whose certificate is to be that host's; it resumes what is remembered
  // under `session`. Throws UsageError for what is no host.
  Openssl<SSL> connection(const std::string& host, const std::string& session);

  // What a server gave, for the next connection.
  void remember(const std::string& key, Openssl<SSL_SESSION> session);
  std::size_t sessions() const noexcept;

 private:
  struct Host {
    std::string key;
    std::vector<Openssl<SSL_SESSION>> sessions;
  };
  static constexpr std::size_t most_of_a_host = 4;

  Openssl<SSL_SESSION> take(const std::string& key);

  Openssl<SSL_CTX> context_;
  bool verifies_;
  std::size_t most_;
  mutable std::mutex mutex_;
  std::list<Host> hosts_;  // the one last heard of comes first
};

class ServerCore {
 public:
  explicit ServerCore(const ServerOptions& options);

  Openssl<SSL> connection() const;
  void reload(const Identity* identity);

  void count_accepted(bool resumed);
  void count_refused(std::string why) noexcept;
  ServerStats stats() const;

 private:
  struct Wishes {
    Identity identity{};
    std::string client_ca_file{};
    std::string client_ca_pem{};
    std::string alpn{};  // as it is on the wire
    ClientCertificate client_certificate = ClientCertificate::none;
    Version min_version{};
    Version max_version{};
    bool tickets = true;
  };

  Openssl<SSL_CTX> make(const Wishes& wishes) const;
  static int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* size,
                             const unsigned char* offered, unsigned offered_size, void* self);

  mutable std::mutex mutex_;
  Wishes wishes_;
  Openssl<SSL_CTX> context_;
  ServerStats stats_;
};

}  // namespace eddy::tls::internal
