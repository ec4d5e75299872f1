// tls::Error: what went wrong between two ends of a TLS connection, beside the transport's own
// errors, which come out as they are (ECONNRESET, EPIPE: Error).
//
//   handshake 'example.org': certificate has expired
//   read '10.0.0.1:443': the connection ended without close_notify
//
// as_result() gives its kind as the code: code == tls::Errc::truncated.
#pragma once

#include <eddy/base/error.hpp>

#include <string_view>
#include <system_error>
#include <type_traits>

namespace eddy::tls {

enum class Errc {
  verification = 1,  // the peer's certificate is not one to trust, or not that host's
  refused,           // the peer sent a fatal alert: what it says is in what()
  handshake,         // no agreement: version, cipher, ALPN, or not TLS at all
  truncated,         // the transport ended, and the peer had not said that it was done
  protocol,          // what came is not TLS: a record that was changed, or makes no sense
  credentials,       // a context: a file is not there, is no PEM, or key and certificate differ
};

const std::error_category& category() noexcept;
inline std::error_code make_error_code(Errc kind) noexcept {
  return {static_cast<int>(kind), category()};
}

class Error : public eddy::Error {
 public:
  // "handshake 'example.org': certificate has expired"
  Error(Errc kind, std::string_view operation, std::string_view subject, std::string_view said)
      : eddy::Error(make_error_code(kind), operation, subject, said) {}

  Errc kind() const noexcept { return static_cast<Errc>(code().value()); }
};

}  // namespace eddy::tls

template <>
struct std::is_error_code_enum<eddy::tls::Errc> : std::true_type {};
