// A web server: the files below a directory, and two routes that answer in JSON.
//
// Run:    examples/run http_server [ROOT] [ADDRESS] [SECONDS]       . 127.0.0.1:8080 10
//         curl http://127.0.0.1:8080/README.md
//         curl 'http://127.0.0.1:8080/api/hello?name=X'
//         curl --data-binary @README.md http://127.0.0.1:8080/api/length
// Prints: where it listens. SECONDS is how long a client may take for a request, and how long the
//         connections may go on after SIGINT or SIGTERM; a second one ends them at once.
#include "http/connection.hpp"

#include <charconv>
#include <csignal>
#include <iostream>

using namespace eddy;

// The first signal lets the connections go on for a while, a second one ends that.
static Task<> stop_on_signals(http::Site& site, JoinHandle<> serving) {
  Signals signals({SIGINT, SIGTERM});
  for (;;) {
    co_await signals.next();
    site.stopping = true;
    serving.cancel();
  }
}

static Task<> amain(http::Site& site, Address address) {
  Listener listener = listen(address);
  const auto handler = [&site](Stream stream) { return http::converse(std::move(stream), site); };
  auto serving = spawn(serve(listener, handler, {.drain = site.patience}));
  const auto stopper = spawn(stop_on_signals(site, serving), {.eager = true});
  std::cout << "listening on " << listener.local().format() << std::endl;
  static_cast<void>(co_await as_outcome(serving));
}

int main(int argc, char** argv) {
  const std::string_view seconds = argc > 3 ? argv[3] : "10";
  int patience = 10;
  std::from_chars(seconds.data(), seconds.data() + seconds.size(), patience);
  http::Site site{.root = http::Root(argc > 1 ? argv[1] : "."),
                  .patience = std::chrono::seconds(patience)};
  run(amain(site, Address::parse(argc > 2 ? argv[2] : "127.0.0.1:8080")));
}
