// What contexts are made of: chains, keys and roots, by file or as PEM. Each throws Error
// (Errc::credentials), which names the file.
#pragma once

#include <eddy/tls/internal/openssl.hpp>

#include <string>
#include <string_view>

namespace eddy::tls::internal {

// A chain and a key, by file or as PEM, as options name them.
struct Identity {
  std::string certificate_file{};
  std::string key_file{};
  std::string certificate_pem{};
  std::string key_pem{};
  std::string key_password{};
};

void use_identity(SSL_CTX* context, const Identity& identity);

// All the certificates in it are roots; their fingerprints. `tells_clients`: they are named to
// clients that are asked for a certificate.
std::string trust(SSL_CTX* context, const std::string& file, std::string_view pem,
                  bool tells_clients);

// For the last call of OpenSSL.
[[noreturn]] void throw_credentials(std::string_view what, std::string_view subject);

}  // namespace eddy::tls::internal
