// A small Redis: enough of it for redis-cli and redis-benchmark. Keys and values stay in memory.
//
// Run:    examples/run redis_like [ADDRESS]      127.0.0.1:7379 by default
//         redis-cli -p 7379 set greeting hello
//         redis-benchmark -p 7379 -t set,get -P 16
// Prints: where it listens.
#include "redis_session.hpp"

#include <iostream>

using namespace eddy;

static Task<> amain(Address address) {
  Keys keys;
  Listener listener = listen(address);
  std::cout << "listening on " << listener.local().format() << std::endl;
  const auto client = [&](Stream stream) { return converse(keys, std::move(stream)); };
  co_await serve(listener, client, {.limit = 10'000});
}

int main(int argc, char** argv) {
  const char* address = argc > 1 ? argv[1] : "127.0.0.1:7379";
  LoopOptions options;
  if (argc > 2) options.spin = std::chrono::microseconds(std::atoi(argv[2]));
  Loop loop(options);
  loop.run(amain(Address::parse(address)));
}
