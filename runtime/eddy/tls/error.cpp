#include <eddy/tls/error.hpp>

#include <string>

namespace eddy::tls {
namespace {

class TlsCategory : public std::error_category {
 public:
  const char* name() const noexcept override { return "eddy-tls"; }
  std::string message(int code) const override {
    switch (static_cast<Errc>(code)) {
      case Errc::verification: return "the peer's certificate was not accepted";
      case Errc::refused: return "refused by the peer";
      case Errc::handshake: return "the handshake failed";
      case Errc::truncated: return "the connection ended without close_notify";
      case Errc::protocol: return "what came is not TLS";
      case Errc::credentials: return "certificates or keys cannot be used";
    }
    return "unknown";
  }
};

}  // namespace

const std::error_category& category() noexcept {
  static const TlsCategory category;
  return category;
}

}  // namespace eddy::tls
