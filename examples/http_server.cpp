// A web server: the files below a directory, and two routes that answer in JSON.
//
// Run:    examples/run http_server [ROOT] [ADDRESS] [SECONDS]       . 127.0.0.1:8080 10
//         curl http://127.0.0.1:8080/README.md
//         curl 'http://127.0.0.1:8080/api/hello?name=X'
//         curl --data-binary @README.md http://127.0.0.1:8080/api/length
// Prints: where it listens. SECONDS is how long a client may take for a request, and how long the
//         connections may go on after SIGINT or SIGTERM.
#include "http/connection.hpp"

#include <charconv>
#include <csignal>
#include <iostream>
#include <sys/signalfd.h>

using namespace eddy;

// A descriptor that is readable when a signal has come: read like any file.
static File signal_file() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  return File::adopt(::signalfd(-1, &signals, SFD_CLOEXEC), "rb", true, {.buffering = 0});
}

static Task<> amain(http::Site& site, Address address) {
  File signals = signal_file();
  Listener listener = listen(address);
  std::cout << "listening on " << listener.local().format() << std::endl;
  const auto handler = [&site](Stream stream) { return http::converse(std::move(stream), site); };
  auto serving = spawn(serve(listener, handler, {.drain = site.patience}));
  signalfd_siginfo info;
  co_await signals.read_exactly(MutableBytes(reinterpret_cast<char*>(&info), sizeof info));
  site.stopping = true;
  serving.cancel();
  const auto drained = co_await as_outcome(serving);
  static_cast<void>(drained);
}

int main(int argc, char** argv) {
  const std::string_view seconds = argc > 3 ? argv[3] : "10";
  int patience = 10;
  std::from_chars(seconds.data(), seconds.data() + seconds.size(), patience);
  http::Site site{.root = http::Root(argc > 1 ? argv[1] : "."),
                  .patience = std::chrono::seconds(patience)};
  run(amain(site, Address::parse(argc > 2 ? argv[2] : "127.0.0.1:8080")));
}
