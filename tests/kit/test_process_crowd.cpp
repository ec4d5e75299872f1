// Process: very many children, one after another and at once, of which nothing may be left.
#include "support/allocations.hpp"
#include "support/directory.hpp"
#include "support/failing_kernel.hpp"
#include "support/run.hpp"

#include <sys/wait.h>

#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace eddy;

constexpr ProcessOptions piped{
    .input = Stdio::pipe(), .output = Stdio::pipe(), .errors = Stdio::pipe()};

int crowd(int wanted) { return test::can_count_allocations() ? wanted : wanted / 20; }

void expect_no_child() {
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

// A hundred at a time; every tenth waits for its input, is dropped and has nobody to wait for it.
Task<> start_and_reap(int count) {
  for (int done = 0; done < count;) {
    std::vector<Process> children;
    for (int i = 0; i < 100 && done < count; ++i, ++done) {
      const bool dropped = i % 10 == 0;
      Process child = dropped ? Process::exec({"cat"}, piped)
                              : Process::exec({"true"}, {.output = Stdio::pipe()});
      if (!dropped) children.push_back(std::move(child));
    }
    for (const Process& child : children) {
      const ExitStatus status = co_await child.wait();
      EXPECT_TRUE(status.success()) << status.text();
    }
  }
}

// And for the dropped ones, of which the loop hears in the next turn.
Task<> wait_for_all() {
  while (::waitid(P_ALL, 0, nullptr, WEXITED | WNOHANG | WNOWAIT) == 0) co_await yield();
  co_await test::settle();
}

TEST(ProcessCrowd, TenThousandLeaveNeitherZombiesNorDescriptors) {
  unsigned before = 0;
  test::run([&]() -> Task<> {
    co_await start_and_reap(1);  // the loop's own descriptors are there then
    co_await wait_for_all();
    before = test::open_descriptors();
    co_await start_and_reap(crowd(10'000));
    co_await wait_for_all();
    EXPECT_EQ(test::open_descriptors(), before);
    expect_no_child();
  });
}

TEST(ProcessCrowd, HundredsLeaveNothingWhereTheRingCannotWait) {
  constexpr std::uint8_t waitid = 50;
  Loop loop({}, std::make_unique<test::FailingKernel>(waitid, EINVAL));
  loop.run([]() -> Task<> {
    co_await start_and_reap(1);
    co_await wait_for_all();
    const auto before = test::open_descriptors();
    co_await start_and_reap(crowd(1'000));
    co_await wait_for_all();
    EXPECT_EQ(test::open_descriptors(), before);
    expect_no_child();
  }());
}

TEST(ProcessCrowd, EachIsTalkedToAtOnce) {
  test::run([]() -> Task<> {
    std::vector<Process> children;
    std::vector<JoinHandle<Communicated>> talks;
    for (int i = 0; i < 100; ++i) {
      children.push_back(Process::exec({"cat"}, piped));
      talks.push_back(spawn(children.back().communicate(std::string(100'000, 'a' + i % 26))));
    }
    for (int i = 0; i < 100; ++i) {
      const Communicated done = co_await talks[i];
      EXPECT_TRUE(done.output == std::string(100'000, 'a' + i % 26)) << i;
    }
  });
}

// A pipe that another thread's child has as well would not end
TEST(ProcessCrowd, LoopsOfSeveralThreadsDoNotMeet) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      run([]() -> Task<> {
        for (int round = 0; round < crowd(200); ++round) {
          const Process child = Process::exec({"cat"}, piped);
          const Communicated done = co_await child.communicate("bytes");
          EXPECT_EQ(done.output, "bytes");
        }
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect_no_child();
}

}  // namespace
