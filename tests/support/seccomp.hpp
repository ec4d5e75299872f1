// System calls that are refused, as by the profile of a container.
#pragma once

#include <gtest/gtest.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>

namespace test {

inline void filter(long system_call, std::uint32_t action) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(system_call), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog whole {std::size(program), program};
  ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole), 0) << "no filter: " << errno;
}

// From now on `system_call` (SYS_openat2 ...) fails with `error` in this thread, and in those that
// it starts: for good, so that it is for a child. May be called again for others. What a ring is
// asked to do no filter sees.
inline void refuse(long system_call, int error) {
  filter(system_call, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error));
  errno = 0;
  ASSERT_EQ(::syscall(system_call, -1, -1, -1, -1, -1, -1), -1);
  ASSERT_EQ(errno, error) << "the filter does nothing";
}

// The same, but that it is the end of the process: by SIGSYS.
inline void forbid(long system_call) { filter(system_call, SECCOMP_RET_KILL_PROCESS); }

// Runs `body` in a forked child, with its own loops, and passes what fails there on to this test.
// REQUIRES: this process has no other thread
template <class F>
void in_a_child(F&& body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(60);  // what hangs there must not hang this
    try {
      body();
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    } catch (...) {
      ADD_FAILURE() << "an exception that is none of std";
    }
    std::fflush(nullptr);
    ::_exit(testing::Test::HasFailure() ? EXIT_FAILURE : EXIT_SUCCESS);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_FALSE(WIFSIGNALED(status)) << "the child died by signal " << WTERMSIG(status);
  ASSERT_EQ(WEXITSTATUS(status), EXIT_SUCCESS) << "failed in the child";
}

}  // namespace test
