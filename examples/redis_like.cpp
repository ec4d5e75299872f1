// A small Redis: enough of it for redis-cli and redis-benchmark. Keys and values stay in memory.
//
// Run:    examples/run redis_like [ADDRESS] [--spin-us N]      127.0.0.1:7379 and 20 by default: it
//             polls so long before it blocks, since waking it costs the client more than asking it
//         redis-cli -p 7379 set greeting hello
//         redis-benchmark -p 7379 -t set,get -P 16
// Prints: where it listens.
#include "redis_session.hpp"

#include <iostream>
#include <string>

using namespace eddy;

static Task<> amain(Address address) {
  Keys keys;
  Listener listener = listen(address);
  std::cout << "listening on " << listener.local().format() << std::endl;
  const auto client = [&](Stream stream) { return converse(keys, std::move(stream)); };
  co_await serve(listener, client, {.limit = 10'000});
}

int main(int argc, char** argv) {
  LoopOptions options{.spin = std::chrono::microseconds(20), .handle_sigint = true};
  const char* address = "127.0.0.1:7379";
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--spin-us" && i + 1 < argc) {
      options.spin = std::chrono::microseconds(std::stoi(argv[++i]));
    } else {
      address = argv[i];
    }
  }
  run(amain(Address::parse(address)), options);
}
