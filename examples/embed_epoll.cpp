// eddy inside of a loop that is somebody else's: epoll sleeps, and turns eddy when its descriptor
// becomes readable or its deadline has come. embed_glib and embed_libuv do the same with the
// watchers of theirs, and Qt would.
//
// Run:    examples/run embed_epoll
// Prints: what the tasks do, and how often epoll woke up.
#include <eddy/eddy.hpp>

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

using namespace eddy;
using namespace std::chrono_literals;

static Task<> ticker() {
  for (int i = 1; i <= 3; ++i) {
    co_await sleep(5ms);
    std::cout << "tick " << i << '\n';
  }
}

static Task<> reader() {
  const std::string text = co_await read_text("/proc/sys/kernel/ostype");
  std::cout << "read " << text;
}

// Milliseconds until eddy must be turned, rounded up; -1 for as long as nothing happens.
static int until(std::optional<Instant> deadline) {
  if (!deadline) return -1;
  const auto left = *deadline - std::chrono::steady_clock::now();
  return static_cast<int>(
      std::max<long>(0, std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

int main() {
  Loop loop;
  loop.spawn(ticker());
  loop.spawn(reader());

  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event watched{EPOLLIN, {}};
  ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, loop.fd(), &watched);
  int wakes = 0;
  while (loop.turn()) {
    epoll_event event;
    ::epoll_wait(epoll.get(), &event, 1, until(loop.deadline()));
    ++wakes;
  }
  std::cout << (wakes < 50 ? "epoll slept in between\n" : "epoll was kept busy\n");
}
