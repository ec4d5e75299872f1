// A web server: the files below a directory, and two routes that answer in JSON.
//
// Run:    examples/run http_server [ROOT] [ADDRESS] [SECONDS]       . 127.0.0.1:8080 10
//         curl http://127.0.0.1:8080/README.md
//         curl 'http://127.0.0.1:8080/api/hello?name=X'
//         curl --data-binary @README.md http://127.0.0.1:8080/api/length
// Prints: where it listens. SECONDS is how long a client may take for a request, and how long the
//         connections may go on after SIGINT or SIGTERM; a second one ends them at once.
#include "http/until_stopped.hpp"

#include <charconv>

using namespace eddy;

static Task<> amain(http::Site& site, Address address) {
  Listener listener = listen(address);
  const auto handler = [&site](Stream stream) { return http::converse(std::move(stream), site); };
  auto serving = serve(listener, handler, {.drain = site.patience});
  co_await http::until_stopped(site, listener, std::move(serving));
}

int main(int argc, char** argv) {
  const std::string_view seconds = argc > 3 ? argv[3] : "10";
  int patience = 10;
  std::from_chars(seconds.data(), seconds.data() + seconds.size(), patience);
  http::Site site{.root = http::Root(argc > 1 ? argv[1] : "."),
                  .patience = std::chrono::seconds(patience)};
  run(amain(site, Address::parse(argc > 2 ? argv[2] : "127.0.0.1:8080")));
}
