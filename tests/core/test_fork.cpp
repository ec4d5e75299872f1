// Children of fork(): the loop, its tasks and what they wait for are the parent's. A child that
// goes on in the middle of a task is told so where it next waits, and may make a loop of its own.
#include "kernel.hpp"
#include "support/run.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <latch>
#include <thread>

namespace {

using namespace eddy;

int wait_for_child(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// Forks inside of a task, where the child goes on with `body`. Returns 0 if the child's run() threw
// the UsageError that is meant for it; the parent's goes on to its end.
template <class F>
int fork_in_a_task(F body, LoopOptions options = {}) {
  std::fflush(nullptr);
  pid_t child = -1;
  int result = -1;
  {
    Loop loop(options);
    const auto main = [&]() -> Task<int> {
      co_await yield();
      child = ::fork();
      if (child == 0) ::alarm(20);
      if (child == 0) co_await body();
      co_await test::nop();
      co_await sleep(1ms);
      co_return 7;
    };
    try {
      result = loop.run(main()) == 7 ? 0 : 1;
    } catch (const UsageError& error) {
      result = std::string(error.what()).find("fork") != std::string::npos ? 0 : 2;
    }
  }  // the loop dies in both
  if (child == 0) ::_exit(result);
  EXPECT_EQ(result, 0) << "the parent";
  return wait_for_child(child);
}

// Edges 7
TEST(Fork, AChildThatAwaitsInATaskIsToldAtItsNextWait) {
  EXPECT_EQ(fork_in_a_task([]() -> Task<> { co_return; }), 0);
  EXPECT_EQ(fork_in_a_task([]() -> Task<> { co_await sleep(1ms); }), 0);
  EXPECT_EQ(fork_in_a_task([]() -> Task<> { co_await sleep(0ms); }), 0);
  EXPECT_EQ(fork_in_a_task([]() -> Task<> { co_await test::nop(); }), 0);
  EXPECT_EQ(fork_in_a_task([]() -> Task<> { for (;;) co_await yield(); }), 0);
  EXPECT_EQ(fork_in_a_task([]() -> Task<> { co_await timeout(1s, test::nop()); }), 0);
  EXPECT_EQ(fork_in_a_task([]() -> Task<> { co_await spawn([]() -> Task<> { co_return; }); }), 0);
  EXPECT_EQ(fork_in_a_task([]() -> Task<> {
    Event event;
    co_await event.wait();
  }), 0);
}

TEST(Fork, AChildThatAwaitsIsToldWithoutTheNewestOfTheKernelToo) {
  for (const std::uint32_t without : {~0u, std::uint32_t{feature_registered_ring}}) {
    EXPECT_EQ(fork_in_a_task([]() -> Task<> { co_await sleep(1ms); }, {.without = without}), 0);
    EXPECT_EQ(fork_in_a_task([]() -> Task<> { co_await test::nop(); }, {.without = without}), 0);
  }
}

TEST(Fork, AChildMakesALoopOfItsOwnInTheMiddleOfATask) {
  EXPECT_EQ(fork_in_a_task([]() -> Task<> {
    const auto own = []() -> Task<int> {
      test::Pipe pipe;
      pipe.put("x");
      char byte = 0;
      co_await sleep(1ms);
      co_await test::read(pipe.out.get(), &byte, 1);
      auto task = spawn([]() -> Task<int> { co_return 5; });
      co_return byte == 'x' ? co_await task : 0;
    };
    Loop loop;
    const bool works = loop.run(own()) == 5 && eddy::run(own) == 5;
    if (!works) ::_exit(5);
    co_return;
  }), 0);
}

// What is said to the parent's loop is either refused or goes nowhere.
TEST(Fork, AChildReachesNothingOfTheParentsLoop) {
  Loop loop;
  test::Pipe pipe;
  char byte = 0;
  auto reader = loop.spawn([](int fd, char* into) -> Task<int> {
    co_return co_await test::read(fd, into, 1);
  }(pipe.out.get(), &byte));
  auto sleeper = loop.spawn([]() -> Task<> { co_await sleep(1h); }());
  DoneCallback callback = sleeper.on_done([](const TaskHandle&) {});
  const auto remote = run_from_thread(loop, []() -> Task<> { co_await sleep(1h); }());
  const auto ended = run_from_thread(loop, []() -> Task<> { co_return; }());
  loop.turn();
  loop.turn();
  const int signal = loop.fd();
  loop.turn();
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    int refused = 0;
    const auto refuses = [&](auto&& call) {
      try {
        call();
      } catch (const UsageError&) {
        ++refused;
      }
    };
    refuses([&] { loop.post([] {}); });
    refuses([&] { loop.turn(); });
    refuses([&] { loop.close(); });
    refuses([&] { static_cast<void>(loop.fd()); });
    refuses([&] { loop.spawn([]() -> Task<> { co_return; }()); });
    refuses([&] { loop.run([]() -> Task<> { co_return; }()); });
    refuses([&] { run_from_thread(loop, []() -> Task<> { co_return; }()); });
    refuses([&] { static_cast<void>(remote.cancel()); });
    refuses([&] { static_cast<void>(ended.cancel()); });
    callback.remove();
    reader.cancel();
    static_cast<void>(loop.deadline());
    static_cast<void>(loop.stats());
    std::destroy_at(&loop);
    ::_exit(refused == 9 ? 0 : refused);
  }
  EXPECT_EQ(wait_for_child(child), 0);
  pollfd ready{signal, POLLIN, 0};
  EXPECT_EQ(::poll(&ready, 1, 0), 0) << "the child woke the parent";
  EXPECT_FALSE(reader.done());
  pipe.put("x");
  while (!reader.done()) loop.turn(1s);
  EXPECT_EQ(reader.result(), 1);
  EXPECT_FALSE(sleeper.done());
}

// With a queue behind a ring that is full.
// What the tasks waited for outlives the loop that the child has left.
TEST(Fork, AChildMayTouchWhatTheTasksOfItsLostLoopWaitedFor) {
  std::fflush(nullptr);
  Event event;
  JoinHandle<> waits, sleeps;
  pid_t child = -1;
  try {
    Loop loop;
    const auto main = [&]() -> Task<> {
      waits = spawn([&]() -> Task<> { co_await event.wait(); });
      sleeps = spawn([]() -> Task<> { co_await sleep(1h); });
      co_await yield();
      child = ::fork();
      if (child == 0) throw std::runtime_error("the child goes");
    };
    loop.run(main());
    loop.close();
  } catch (const std::runtime_error&) {
    event.set();
    ::_exit(waits.cancelled() && !waits.cancel() && sleeps.cancelled() && !sleeps.cancel() ? 0 : 1);
  }
  EXPECT_EQ(wait_for_child(child), 0);
}

TEST(Fork, AChildOfAnEagerTaskMayHaveALoopOfItsOwn) {
  std::fflush(nullptr);
  Loop loop;
  const auto main = []() -> Task<> {
    pid_t child = -1;
    const auto forks = [&]() -> Task<> {
      child = ::fork();
      co_return;
    };
    spawn(forks, {.eager = true});
    if (child == 0) {
      int result = 1;
      try {
        Loop mine;
        result = mine.run([]() -> Task<int> { co_return 0; }());
      } catch (const UsageError&) {
      }
      ::_exit(result);
    }
    EXPECT_EQ(wait_for_child(child), 0);
    co_return;
  };
  loop.run(main());
}

TEST(Fork, AChildDropsALoopInAnyState) {
  auto loop = std::make_unique<Loop>(
      LoopOptions{.submission_entries = 1, .completion_entries = 2, .registered_files = 4});
  test::Pipe pipe;
  std::vector<char> bytes(100);
  std::vector<JoinHandle<int>> readers;
  const auto read_one = [&](char* into) -> Task<int> {
    co_return co_await test::read(pipe.out.get(), into, 1);
  };
  for (char& byte : bytes) readers.push_back(loop->spawn(read_one(&byte)));
  for (int i = 0; i < 5; ++i) loop->turn();
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    for (auto& reader : readers) reader.cancel();
    loop.reset();
    readers.clear();
    ::_exit(0);
  }
  EXPECT_EQ(wait_for_child(child), 0);
  pipe.put(std::string(100, 'x'));
  for (auto& reader : readers) {
    while (!reader.done()) loop->turn(1s);
    EXPECT_EQ(reader.result(), 1);
  }
}

TEST(Fork, AChildOfAnotherThreadReachesNothingEither) {
  std::latch ready(1);
  std::latch done(1);
  std::unique_ptr<Loop> loop;
  std::thread thread([&] {
    loop = std::make_unique<Loop>();
    loop->post([&] { ready.count_down(); });
    const auto for_ever = []() -> Task<> { co_await sleep(1h); };
    EXPECT_THROW(loop->run(for_ever()), UsageError) << "stopped";
    done.wait();
    loop.reset();
  });
  ready.wait();
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    int result = 1;
    try {
      loop->post([] {});
    } catch (const UsageError&) {
      result = 0;
    }
    loop.reset();
    ::_exit(result);
  }
  EXPECT_EQ(wait_for_child(child), 0);
  loop->post([&] { loop->stop(); });
  done.count_down();
  thread.join();
}

}  // namespace
