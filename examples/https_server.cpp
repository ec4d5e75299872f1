// http_server over TLS: the files below a directory, encrypted.
//
// Run:    examples/run https_server CERTIFICATE KEY [ROOT] [ADDRESS] [SECONDS]
//                                                       . 127.0.0.1:8443 10
//         openssl req -x509 -newkey rsa -nodes -days 30 -keyout key.pem -out certificate.pem
//                     -subj /CN=localhost -addext subjectAltName=DNS:localhost
//         examples/run https_server certificate.pem key.pem
//         curl --cacert certificate.pem https://localhost:8443/README.md
// Prints: where it listens. CERTIFICATE and KEY are PEM files, the chain's own certificate first;
//         SIGHUP has them read again, for the connections that come then. SECONDS as http_server's.
#include "http/connection_members.hpp"
#include "http/until_stopped.hpp"

#include <eddy/tls.hpp>

#include <charconv>

using namespace eddy;

static Task<> converse(tls::Stream stream, const http::Site& site) {
  http::Connection connection(std::move(stream), site);
  co_await connection.run();
}

// A certificate that cannot be used is said, and the one before stays.
static Task<> reload_on_hangup(tls::ServerContext context) {
  Signals signals({SIGHUP});
  for (;;) {
    co_await signals.next();
    try {
      co_await to_thread([&context] { context.reload(); });
      std::cout << "reloaded" << std::endl;
    } catch (const std::exception& error) {
      std::cerr << "not reloaded: " << error.what() << std::endl;
    }
  }
}

static Task<> amain(http::Site& site, tls::ServerContext context, Address address) {
  Listener listener = listen(address);
  const auto reloader = spawn(reload_on_hangup(context), {.eager = true});
  const auto handler = [&site](tls::Stream stream) { return converse(std::move(stream), site); };
  auto serving = tls::serve(
      listener, context, handler, {.drain = site.patience, .handshake_limit = site.patience});
  co_await http::until_stopped(site, listener, std::move(serving));
}

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: https_server CERTIFICATE KEY [ROOT] [ADDRESS] [SECONDS]\n";
    return 2;
  }
  const std::string_view seconds = argc > 5 ? argv[5] : "10";
  int patience = 10;
  std::from_chars(seconds.data(), seconds.data() + seconds.size(), patience);
  http::Site site{.root = http::Root(argc > 3 ? argv[3] : "."),
                  .patience = std::chrono::seconds(patience)};
  try {
    const tls::ServerContext context({.certificate_file = argv[1],
                                      .key_file = argv[2],
                                      .alpn = "http/1.1"});
    run(amain(site, context, Address::parse(argc > 4 ? argv[4] : "127.0.0.1:8443")));
  } catch (const std::exception& error) {
    std::cerr << "https_server: " << error.what() << '\n';
    return 1;
  }
}
