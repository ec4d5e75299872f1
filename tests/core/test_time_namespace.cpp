// A process whose clock is not the host's: in a container that CRIU restored, or under unshare -T.
#include "support/run.hpp"
#include "support/seccomp.hpp"

#include <fcntl.h>
#include <sched.h>

namespace {

using namespace eddy;

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

bool write_file(const char* path, const std::string& text) {
  const UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

constexpr int no_right = 77;

// Runs `body` where CLOCK_MONOTONIC is ahead of the host's by `seconds`. False: not allowed here.
template <class F>
bool ahead_of_the_host(int seconds, F&& body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string offset = "monotonic " + std::to_string(seconds) + " 0\n";
    const bool may = ::unshare(CLONE_NEWTIME) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWTIME) == 0;
    if (!may || !write_file("/proc/self/timens_offsets", offset)) ::_exit(no_right);
    test::in_a_child(body);  // the namespace is that of the children
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == no_right) return false;
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return true;
}

// 6.12 to 7.0 take an absolute deadline for the host's. What is late here would be so by a day.
void sleeps_as_long_as_it_should() {
  Loop loop;
  EXPECT_FALSE(loop.ring().has(feature_absolute_timer));
  const auto body = []() -> Task<> {
    const Instant start = std::chrono::steady_clock::now();
    for (int i = 0; i < 5; ++i) co_await sleep(5ms);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 25ms);
    Event never;
    EXPECT_FALSE(co_await as_result(timeout(5ms, never.wait())));
  };
  loop.run(body());
  EXPECT_LT(loop.stats().enters, 50u) << "it spins";
}

TEST(TimeNamespace, AheadOfTheHostALoopIsNotLate) {
  const bool allowed = ahead_of_the_host(86'400, sleeps_as_long_as_it_should);
  if (!allowed) GTEST_SKIP() << "no right to make a time namespace";
}

TEST(TimeNamespace, BehindTheHostALoopDoesNotSpin) {
  const bool allowed = ahead_of_the_host(-2, sleeps_as_long_as_it_should);
  if (!allowed) GTEST_SKIP() << "no right to make a time namespace";
}

}  // namespace
