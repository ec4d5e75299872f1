// An orderly end on SIGINT or SIGTERM: no new work, what is in progress may finish within a limit,
// what does not is cancelled, and everybody cleans up.
//
// Run:    examples/run graceful_shutdown [--wait]
// Prints: what happens after the signal, which it sends itself unless told to wait for yours.
#include <eddy/eddy.hpp>

#include <csignal>
#include <iostream>
#include <string_view>
#include <unistd.h>

using namespace eddy;
using namespace std::chrono_literals;

static Task<> request(std::string name, Duration length) {
  auto work = [&]() -> Task<> {
    co_await sleep(length);
    std::cout << name << ": done\n";
  };
  const auto cleanup = [&]() -> Task<> {
    co_await sleep(1ms);  // giving a connection back, say
    std::cout << name << ": cleaned up\n";
  };
  co_await try_finally(work, cleanup);
}

static Task<> serve(Event& stopping) {
  const Duration grace = 100ms;
  auto drained = co_await as_result(timeout_at(std::nullopt, [&](Timeout& limit) -> Task<> {
    co_await task_group([&](TaskGroup& requests) -> Task<> {
      requests.spawn(request("quick", 20ms));
      requests.spawn(request("slow", 1h));
      co_await stopping.wait();
      std::cout << "no new requests\n";
      limit.reschedule(Loop::current().now() + grace);
    });
  }));
  std::cout << (drained ? "all had ended" : "the rest was cancelled") << '\n';
}

static Task<> amain(bool wait_for_user) {
  Signals signals({SIGINT, SIGTERM});
  Event stopping;
  auto server = spawn(serve(stopping));
  if (wait_for_user) {
    std::cout << "Ctrl-C, or kill " << ::getpid() << std::endl;
  } else {
    co_await sleep(5ms);
    ::kill(::getpid(), SIGTERM);
  }
  const int number = co_await signals.next();
  std::cout << "signal " << number << '\n';
  stopping.set();
  co_await server;
}

int main(int argc, char** argv) { run(amain(argc > 1 && std::string_view(argv[1]) == "--wait")); }
