// A server that gives back what it is sent, over TCP or a UNIX socket.
//
// Run:    examples/run echo_server [ADDRESS]      127.0.0.1:7777, [::1]:7777, unix:/tmp/echo ...
//         nc 127.0.0.1 7777
// Prints: where it listens.
#include <eddy/eddy.hpp>

#include <iostream>

using namespace eddy;

// A peer that resets its connection ends this task alone.
static Task<> echo(Stream stream) {
  char buffer[16 * 1024];
  for (;;) {
    const auto got = co_await as_result(stream.read_some(buffer));
    if (!got || *got == 0) break;
    const auto sent = co_await as_result(stream.write_all(Bytes(buffer, *got)));
    if (!sent) break;
  }
}

static Task<> amain(Address address) {
  Listener listener = listen(address);
  std::cout << "listening on " << listener.local().format() << std::endl;
  co_await serve(listener, &echo);
}

int main(int argc, char** argv) {
  run(amain(Address::parse(argc > 1 ? argv[1] : "127.0.0.1:7777")), {.handle_sigint = true});
}
