// eddy: the handler of examples/echo_server.cpp, with a buffer of the size that the others have.
//
//   eddy PORT
#include <eddy/eddy.hpp>

#include <cstdio>
#include <string>

using namespace eddy;

static Task<> echo(Stream stream) {
  char buffer[4096];
  for (;;) {
    const auto got = co_await as_result(stream.read_some(buffer));
    if (!got || *got == 0) break;
    const auto sent = co_await as_result(stream.write_all(Bytes(buffer, *got)));
    if (!sent) break;
  }
  co_await stream.close();
}

static Task<> amain(Address address) {
  Listener listener = listen(address);
  std::puts("listening");
  std::fflush(stdout);
  co_await task_group([&](TaskGroup& connections) -> Task<> {
    for (;;) connections.spawn(echo(co_await listener.accept()));
  });
}

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: eddy PORT\n");
    return 2;
  }
  run(amain(Address::parse(std::string("127.0.0.1:") + argv[1])));
}
