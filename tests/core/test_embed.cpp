// eddy inside of somebody else's loop, and in a process that forks.
#include "kernel.hpp"
#include "support/run.hpp"

#include <sys/epoll.h>
#include <sys/wait.h>

#include <thread>

namespace {

using namespace eddy;
using namespace std::chrono_literals;

// The foreign loop: sleeps in epoll_wait until eddy's descriptor or its deadline says so.
class Epoll {
 public:
  explicit Epoll(Loop& loop) : loop_(loop), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{EPOLLIN, {}};
    EXPECT_EQ(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, loop.fd(), &event), 0);
  }

  // Turns eddy until it has nothing left to do; returns how many turns that took.
  int run() {
    int turns = 0;
    for (bool more = true; more; ++turns) {
      more = loop_.turn();
      int wait = more ? 5000 : 0;
      if (const auto deadline = loop_.deadline(); deadline && more) {
        const auto left = *deadline - std::chrono::steady_clock::now();
        wait = static_cast<int>(
            std::max<long>(0, std::chrono::ceil<std::chrono::milliseconds>(left).count()));
      }
      epoll_event event;
      const int ready = ::epoll_wait(epoll_.get(), &event, 1, wait);
      if (wait == 5000) {
        EXPECT_TRUE(ready == 1 || errno == EINTR) << "work was pending and epoll slept on";
      }
    }
    return turns;
  }

 private:
  Loop& loop_;
  UniqueFd epoll_;
};

TEST(Embed, WakesEpollForOperationsTimersAndPosts) {
  Loop loop;
  test::Pipe pipe;
  test::Log log;
  std::thread writer;
  const auto reader = [&]() -> Task<> {
    char byte;
    co_await test::read(pipe.out.get(), &byte, 1);
    log("read");
  };
  const auto sleeper = [&]() -> Task<> {
    co_await sleep(2ms);
    log("slept");
    writer = std::thread([&] { loop.post([&] { pipe.put("x"); }); });
  };
  loop.spawn(reader());
  loop.spawn(sleeper());
  Epoll epoll(loop);
  const int turns = epoll.run();
  writer.join();
  EXPECT_EQ(log.text(), "slept read");
  EXPECT_LT(turns, 30) << "no busy spin";
}

TEST(Embed, MovesAMegabyteThroughAPipe) {
  Loop loop;
  test::Pipe pipe;
  std::size_t received = 0;
  constexpr std::size_t total = 1 << 20;
  const auto source = [&]() -> Task<> {
    File file = File::adopt(pipe.in.get(), "wb", false, {.buffering = 0});
    co_await file.write(std::string(total, 'x'));
    co_await file.close();
    pipe.in.reset();
  };
  const auto sink = [&]() -> Task<> {
    File file = File::adopt(pipe.out.get(), "rb", false);
    received = (co_await file.read()).size();
  };
  loop.spawn(source());
  loop.spawn(sink());
  Epoll(loop).run();
  EXPECT_EQ(received, total);
}

// F02, MADV_DONTFORK: the child has neither the queues nor the tasks.
TEST(Fork, LeavesTheChildWithoutTheLoop) {
  auto loop = std::make_unique<Loop>();
  const auto sleeper = []() -> Task<> { co_await sleep(1h); };
  loop->spawn(sleeper());
  loop->turn();
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    int result = 1;
    try {
      loop->turn();
    } catch (const UsageError&) {
      result = 0;
    }
    // The task stays with the parent: its frame is not ours to destroy.
    loop.release()->~Loop();
    ::_exit(result);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  const auto still_works = []() -> Task<int> {
    co_await test::nop();
    co_return 3;
  };
  EXPECT_EQ(loop->run(still_works()), 3);
}

}  // namespace
