// The tasks of another program: what asyncio's ps and pstree show. That program runs
// eddy::inspect::serve() at a UNIX socket; this one asks there.
//
// Run:    examples/run eddy_ps [--tree] [SOCKET], examples/run eddy_pstree [SOCKET]
// Prints: a line for each task, or with --tree, or under the other name, all with the coroutines
//         they are in below those that wait for them. Without SOCKET: its own tasks, of which two
//         hang.
#include <eddy/eddy.hpp>

#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>

using namespace eddy;

static Task<std::string> ask(Address server, std::string_view question) {
  Stream stream = co_await connect(server);
  co_await stream.write_all(question);
  co_return co_await stream.read_all();
}

// Waits for ever: the other one has what it takes second.
static Task<> take_both(Lock& first, Lock& second) {
  auto one = co_await first.scoped();
  co_await yield();
  auto other = co_await second.scoped();
}

static Task<std::string> ask_oneself(std::string_view question) {
  const Address here = Address::abstract("eddy_ps " + std::to_string(::getpid()));
  Lock left;
  Lock right;
  auto server = spawn(inspect::serve(here), {.name = "inspect"});
  auto philosopher = spawn(take_both(left, right), {.name = "philosopher"});
  auto neighbour = spawn(take_both(right, left), {.name = "neighbour"});
  for (int turn = 0; turn < 3; ++turn) co_await yield();
  std::string answer = co_await ask(here, question);
  for (const auto& task : {philosopher, neighbour, server}) {
    task.cancel();
    static_cast<void>(co_await as_outcome(task));
  }
  co_return answer;
}

int main(int count, char** arguments) try {
  bool tree = std::string_view(arguments[0]).ends_with("pstree");
  std::optional<Address> server;
  for (int i = 1; i < count; ++i) {
    if (arguments[i] == std::string_view("--tree")) {
      tree = true;
    } else {
      server = Address::unix_path(arguments[i]);
    }
  }
  const std::string_view question = tree ? "pstree\n" : "ps\n";
  Loop loop({.handle_sigint = true});
  std::cout << loop.run(server ? ask(*server, question) : ask_oneself(question));
} catch (const std::exception& error) {
  std::cerr << "eddy_ps: " << error.what() << '\n';
  return 1;
}
