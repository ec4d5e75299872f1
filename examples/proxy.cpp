// A forwarder: whatever connects to a port is connected to a host, and the bytes go both ways
// without a copy in this process.
//
// Run:    examples/run proxy LISTEN_PORT HOST PORT
// Prints: where it listens, and of each connection what went there and back when it ends.
#include <eddy/eddy.hpp>

#include <cstdlib>
#include <iostream>

using namespace eddy;

struct Counts {
  std::uint64_t there = 0;
  std::uint64_t back = 0;
};

// The end of one direction is the end of that direction: a client may say all it has to say, and
// then listen.
static Task<> pass(Stream& from, Stream& to, std::uint64_t& count) {
  count = co_await relay(from, to);
  to.shutdown_write();
}

// A direction that fails ends the other one too.
static Task<> forward(Stream& client, Stream& server, Counts& counts) {
  co_await task_group([&](TaskGroup& group) -> Task<> {
    group.spawn(pass(client, server, counts.there));
    group.spawn(pass(server, client, counts.back));
    co_return;
  });
}

static Task<> connection(Stream client, const std::string& host, std::uint16_t port) {
  const std::string name = client.peer().format();
  Counts counts;
  std::string failed;
  try {
    Stream server = co_await connect(host, port);
    co_await forward(client, server, counts);
  } catch (const Error& error) {  // nobody there
    failed = error.what();
  } catch (const ExceptionGroup& group) {
    const auto note = [&](const Error& error) { failed = error.what(); };
    group.handle<Error>(note).rethrow_rest();
  }
  std::cout << name << ": " << counts.there << " bytes there, " << counts.back << " back";
  std::cout << (failed.empty() ? "" : ", ") << failed << std::endl;
}

static Task<> amain(std::string port, std::string host, std::uint16_t host_port) {
  Listener listener = listen(Address::parse("127.0.0.1:" + port));
  std::cout << "listening on " << listener.local().format() << std::endl;
  const auto handler = [&](Stream client) {
    return connection(std::move(client), host, host_port);
  };
  co_await serve(listener, handler);
}

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: proxy LISTEN_PORT HOST PORT\n";
    return 2;
  }
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[3]));
  run(amain(argv[1], argv[2], port), {.handle_sigint = true});
}
