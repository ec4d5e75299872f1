// Contexts of the tests' own authority.
#pragma once

#include "support/certificates.hpp"

#include <eddy/tls/context.hpp>

namespace test {

inline eddy::tls::ClientOptions trusting_options() {
  eddy::tls::ClientOptions options;
  options.ca_file = certificates().roots;
  return options;
}
// Trusts our root.
inline eddy::tls::ClientContext trusting(
    eddy::tls::ClientOptions options = trusting_options()) {
  return eddy::tls::ClientContext(options);
}

inline eddy::tls::ServerContext showing(const Identity& who,
                                        eddy::tls::ServerOptions options = {}) {
  options.certificate_file = who.chain;
  options.key_file = who.key;
  return eddy::tls::ServerContext(options);
}

// By contexts that are there already sessions are resumed.
inline const eddy::tls::ClientContext& client_context() {
  static const eddy::tls::ClientContext context = trusting();
  return context;
}
inline const eddy::tls::ServerContext& server_context() {
  static const eddy::tls::ServerContext context = showing(certificates().localhost);
  return context;
}

}  // namespace test
