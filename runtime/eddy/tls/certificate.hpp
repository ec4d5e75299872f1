// CertificateInfo: what there is to know of a peer's certificate.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace eddy::tls {

struct CertificateInfo {
  std::string subject{};      // "CN=example.org,O=Example" (RFC 2253)
  std::string issuer{};
  std::string common_name{};  // of the subject; empty where it has none
  std::vector<std::string> names{};  // DNS names and addresses it is for
  std::string serial{};              // in hexadecimal
  std::string sha256{};              // fingerprint, in hexadecimal
  std::chrono::sys_seconds not_before{};
  std::chrono::sys_seconds not_after{};
  std::string pem{};
};

}  // namespace eddy::tls
