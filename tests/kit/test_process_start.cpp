// Process: what a start needs, and what happens where that is not there.
#include "support/directory.hpp"
#include "support/failing_memory.hpp"
#include "support/few_descriptors.hpp"
#include "support/run.hpp"
#include "support/seccomp.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <string>
#include <vector>

namespace {

using namespace eddy;

constexpr ProcessOptions piped{
    .input = Stdio::pipe(), .output = Stdio::pipe(), .errors = Stdio::pipe()};

void expect_no_child() {
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

void expect_refused(std::initializer_list<std::string_view> argv, int code,
                    const ProcessOptions& options, const std::string& text) {
  try {
    static_cast<void>(Process::exec(argv, options));
    ADD_FAILURE() << "started: " << text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code().value(), code);
    EXPECT_EQ(error.what(), text);
  }
}

// X4: whatever exec says, the caller hears it, and nothing is left
TEST(ProcessStart, WhatExecSaysIsToldWithTheProgram) {
  test::Directory directory;
  const std::string script = directory.path("script");
  const int fd = ::open(script.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
  EXPECT_EQ(::write(fd, "no format\n", 10), 10);
  test::run([&]() -> Task<> {
    const auto before = test::open_descriptors();
    const std::string long_argument(1 << 20, 'x');
    expect_refused({"true", long_argument}, E2BIG, piped, "exec 'true': Argument list too long");
    expect_refused({"/etc/passwd/x"}, ENOTDIR, piped, "exec '/etc/passwd/x': Not a directory");
    expect_refused({"/etc"}, EACCES, piped, "exec '/etc': Permission denied");
    expect_refused({"no-such-program"}, ENOENT, piped,
                   "exec 'no-such-program': No such file or directory");
    expect_refused({script}, ETXTBSY, piped, "exec '" + script + "': Text file busy");
    ::close(fd);
    expect_refused({script}, ENOEXEC, piped, "exec '" + script + "': Exec format error");
    EXPECT_EQ(test::open_descriptors() + 1, before);
    expect_no_child();
    co_return;
  });
}

// X4: this process's, from whomever: he forgot O_CLOEXEC, or has it for children of his own
TEST(ProcessStart, AChildHasNothingThatItWasNotGivenEvenWithoutCloexec) {
  const UniqueFd low(::open("/dev/zero", O_RDONLY));
  const UniqueFd high(::fcntl(low.get(), F_DUPFD, 100));
  test::run([&]() -> Task<> {
    const PassedDescriptor given[] = {{low.get(), 50}};
    ProcessOptions options{.output = Stdio::pipe(), .descriptors = given};
    constexpr std::string_view count = "ls -l /proc/$$/fd | grep -c /dev/zero";
    const Communicated one = co_await Process::shell(count, options).communicate();
    EXPECT_EQ(one.output, "1\n") << "50, and neither of the others";
    options.descriptors = {};
    const Communicated none = co_await Process::shell(count, options).communicate();
    EXPECT_EQ(none.output, "0\n");
  });
}

// Whatever of the three streams this process has closed
TEST(ProcessStart, WorksWithoutStreamsOfItsOwn) {
  for (int closed = 0; closed < 8; ++closed) {
    test::in_a_child([closed] {
      const UniqueFd errors(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100));
      for (int i = 0; i < 3; ++i) if (closed & 1 << i) ::close(i);
      std::string output, told;
      run([&]() -> Task<> {
        const Process child = Process::shell("cat; readlink /proc/self/fd/2 >&2", piped);
        const Communicated done = co_await child.communicate("bytes");
        output = done.output;
        told = done.errors;
        const Process quiet = Process::shell("test -e /proc/$$/fd/0 -a -e /proc/$$/fd/1");
        const ExitStatus status = co_await quiet.wait();
        if (!status.success()) output += " and " + status.text();
      });
      ::dup2(errors.get(), STDOUT_FILENO);
      ::dup2(errors.get(), STDERR_FILENO);
      EXPECT_EQ(output, "bytes");
      EXPECT_TRUE(told.starts_with("pipe:")) << told;
    });
  }
}

TEST(ProcessStart, WithoutMemoryThereIsNoChild) {
  const std::vector<std::string> environment{"EDDY_A=1"};
  const std::size_t failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
    const auto before = test::open_descriptors();
    bool started = false;
    {
      Loop loop;
      loop.run([&]() -> Task<> {
        ProcessOptions options = piped;
        options.environment = environment;
        options.kill_on_drop = true;
        memory.arm();
        try {
          const Process child = Process::exec({"cat"}, options);
          memory.disarm();
          started = true;
        } catch (const std::bad_alloc&) {
          memory.disarm();
        }
        co_return;
      });
    }
    EXPECT_EQ(started, !memory.failed());
    expect_no_child();
    EXPECT_EQ(test::open_descriptors(), before);
  });
  EXPECT_GT(failed, 5u);
}

TEST(ProcessStart, WithoutDescriptorsThereIsNoChild) {
  test::run([]() -> Task<> {
    const Process first = Process::exec({"true"}, piped);
    co_await first.wait();
    const std::size_t needed = test::fail_each_descriptor([](test::LastDescriptors& few) {
      const auto before = test::open_descriptors();
      int code = 0;
      few.arm();
      try {
        const Process child = Process::exec({"cat"}, piped);
        child.kill();
        ::waitpid(child.pid(), nullptr, 0);  // the loop does not run here
      } catch (const Error& error) {
        code = error.code().value();
      }
      few.disarm();
      if (code == 0) return false;
      EXPECT_EQ(code, EMFILE);
      EXPECT_EQ(test::open_descriptors(), before);
      expect_no_child();
      return true;
    });
    EXPECT_EQ(needed, 6u);
  });
}

// Edges 15: as somebody whom the limit binds
TEST(ProcessStart, WithoutASeatForAProcessIsAnErrorOfThatCall) {
  if (::getuid() != 0) GTEST_SKIP() << "needs to become another user";
  test::in_a_child([] {
    run([]() -> Task<> {
      const rlimit none{0, 0};
      if (::setrlimit(RLIMIT_NPROC, &none) != 0 || ::setuid(65534) != 0) co_return;
      const auto before = test::open_descriptors();
      expect_refused({"true"}, EAGAIN, piped, "exec 'true': Resource temporarily unavailable");
      EXPECT_EQ(test::open_descriptors(), before);
      expect_no_child();
    });
  });
}

}  // namespace
