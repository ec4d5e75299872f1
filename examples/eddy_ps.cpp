// The tasks of another program: what asyncio's ps and pstree show. That program runs
// eddy::inspect::serve() at a UNIX socket; this one asks there.
//
// Run:    examples/run eddy_ps [--tree | --hang] [SOCKET], examples/run eddy_pstree [SOCKET]
// Prints: a line for each task, or with --tree, or under the other name, all with the coroutines
//         they are in below those that wait for them. Without SOCKET: its own tasks, of which two
//         hang. With --hang it is the program to be asked there, until Ctrl-C.
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

static Task<> hang(Address here) {
  Lock left;
  Lock right;
  co_await task_group([&](TaskGroup& tasks) -> Task<> {
    tasks.spawn(inspect::serve(here), {.name = "inspect"});
    tasks.spawn(take_both(left, right), {.name = "philosopher"});
    tasks.spawn(take_both(right, left), {.name = "neighbour"});
    co_return;
  });
}

static Task<std::string> ask_oneself(std::string_view question) {
  const Address here = Address::abstract("eddy_ps " + std::to_string(::getpid()));
  auto hangs = spawn(hang(here), {.name = "hangs"});
  for (int turn = 0; turn < 4; ++turn) co_await yield();
  std::string answer = co_await ask(here, question);
  hangs.cancel();
  static_cast<void>(co_await as_outcome(hangs));
  co_return answer;
}

int main(int count, char** arguments) try {
  bool tree = std::string_view(arguments[0]).ends_with("pstree");
  bool hangs = false;
  std::optional<Address> server;
  for (int i = 1; i < count; ++i) {
    if (arguments[i] == std::string_view("--tree")) {
      tree = true;
    } else if (arguments[i] == std::string_view("--hang")) {
      hangs = true;
    } else {
      server = Address::unix_path(arguments[i]);
    }
  }
  const std::string_view question = tree ? "pstree\n" : "ps\n";
  Loop loop({.handle_sigint = true});
  if (hangs && server) {
    loop.run(hang(*server));
    return 0;
  }
  std::cout << loop.run(server ? ask(*server, question) : ask_oneself(question));
} catch (const std::exception& error) {
  std::cerr << "eddy_ps: " << error.what() << '\n';
  return 1;
}
