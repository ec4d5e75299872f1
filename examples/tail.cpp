// Follows a file that grows, like `tail -f`: prints its last ten lines, then each new line as it
// comes. The kernel says when there is more (inotify, read through the ring): nothing polls.
//
// Run:    examples/run tail FILE [LINES]     stops after so many new lines, if given
// Prints: the last lines of the file, then what is appended to it.
#include <eddy/eddy.hpp>

#include <sys/inotify.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

using namespace eddy;

static Task<> tail(std::string name, long limit) {
  File changes = File::adopt(::inotify_init1(IN_CLOEXEC), "rb", true, {.buffering = 0});
  if (::inotify_add_watch(changes.fileno(), name.c_str(), IN_MODIFY) < 0) {
    throw Error(errno, "watch", name);
  }
  File file = co_await open(name);
  std::deque<std::string> last;
  std::string line;
  while (co_await file.readline_into(line)) {
    last.push_back(line);
    if (last.size() > 10) last.pop_front();
  }
  for (const std::string& text : last) std::fputs(text.c_str(), stdout);
  std::fflush(stdout);

  std::string pending;  // a line whose end has not been written yet
  while (limit != 0) {
    while (limit != 0 && co_await file.readline_into(line)) {
      pending += line;
      if (!pending.ends_with('\n')) continue;
      std::fputs(std::exchange(pending, {}).c_str(), stdout);
      std::fflush(stdout);
      --limit;
    }
    if (limit != 0) co_await changes.read(sizeof(inotify_event));
  }
  co_await file.close();
  co_await changes.close();
}

int main(int count, char** arguments) {
  if (count < 2) return std::fprintf(stderr, "usage: tail FILE [LINES]\n"), 2;
  try {
    run(tail(arguments[1], count > 2 ? std::atol(arguments[2]) : -1), {.handle_sigint = true});
  } catch (const Error& error) {
    return std::fprintf(stderr, "tail: %s\n", error.what()), 1;
  }
}
