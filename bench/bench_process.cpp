// Children: started and waited for, with a heap of 1 GiB that was touched. posix_spawn shares that
// until exec; fork copies its page tables. Then 10,000 of them, a hundred at a time, of which
// neither a zombie nor a descriptor may be left.
#include "harness.hpp"

#include <eddy/core/spawn.hpp>
#include <eddy/kit/process.hpp>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <vector>

namespace {

constexpr const char* program = "/bin/true";

void check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "bench_process: %s\n", what);
  std::exit(EXIT_FAILURE);
}

eddy::Task<> start_and_wait(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const eddy::Process child = eddy::Process::exec({program});
    const eddy::ExitStatus status = co_await child.wait();
    check(status.success(), "a child failed");
  }
}

void reap(pid_t child) {
  int status = 0;
  check(::waitpid(child, &status, 0) == child && status == 0, "a child of the twin failed");
}

void spawn_by_hand(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    char* const argv[] = {const_cast<char*>(program), nullptr};
    pid_t child = 0;
    check(::posix_spawn(&child, program, nullptr, nullptr, argv, environ) == 0, "posix_spawn");
    reap(child);
  }
}

void fork_by_hand(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::execl(program, program, nullptr);
      ::_exit(127);
    }
    reap(child);
  }
}

std::ptrdiff_t descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

eddy::Task<> crowd(std::size_t count) {
  for (std::size_t done = 0; done < count;) {
    std::vector<eddy::Process> children;
    for (; children.size() < 100 && done < count; ++done) {
      children.push_back(eddy::Process::exec({program}, {.output = eddy::Stdio::pipe()}));
    }
    for (const eddy::Process& child : children) co_await child.wait();
  }
}

void crowd_leaves_nothing(eddy::Loop& loop) {
  loop.run(start_and_wait(1));
  const auto before = descriptors();
  loop.run(crowd(bench::smoke() ? 300 : 10'000));
  check(descriptors() == before, "descriptors are left");
  check(::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD, "children are left");
}

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  crowd_leaves_nothing(loop);
  const auto eddy = [](std::size_t count) { loop.run(start_and_wait(count)); };
  const auto add = [&](const char* name, const char* twin_name, bench::Side twin,
                       bench::Goal goal) {
    bench::add({.name = name,
                .eddy = eddy,
                .twin_name = twin_name,
                .twin = std::move(twin),
                .goal = goal,
                .clock = bench::Clock::wall});
  };
  static const std::vector<char> touched(bench::smoke() ? 1 << 20 : 1 << 30, 'x');
  add("start a child and wait, 1 GiB touched", "posix_spawn and waitpid by hand", spawn_by_hand,
      bench::times(1.5));
  add("the same", "fork, exec and waitpid by hand", fork_by_hand, bench::ahead());
}
