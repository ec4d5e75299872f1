// Process: starting a child, what it is given, and what goes through its pipes.
#include "support/directory.hpp"
#include "support/run.hpp"

#include <csignal>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <type_traits>

namespace {

using namespace eddy;

constexpr ProcessOptions with_output{.output = Stdio::pipe()};

std::string output_of(std::string_view command, ProcessOptions options = {}) {
  options.output = Stdio::pipe();
  return test::run([&]() -> Task<std::string> {
    const Process child = Process::shell(command, options);
    const Communicated done = co_await child.communicate();
    EXPECT_TRUE(done.status.success()) << done.status.text();
    co_return done.output;
  });
}

TEST(Process, GivesTheOutputAndTheCodeOfItsChild) {
  test::run([]() -> Task<> {
    const Process child = Process::shell("echo out; echo err >&2; exit 3",
                                         {.output = Stdio::pipe(), .errors = Stdio::pipe()});
    EXPECT_GT(child.pid(), 0);
    const Communicated done = co_await child.communicate();
    EXPECT_EQ(done.output, "out\n");
    EXPECT_EQ(done.errors, "err\n");
    EXPECT_EQ(done.status, ExitStatus::of_exit(3));
    EXPECT_EQ(child.status(), done.status);
  });
}

TEST(Process, PassesArgumentsAsTheyAre) {
  test::run([]() -> Task<> {
    const std::vector<std::string> argv{"printf", "%s|", "a b", "", "$HOME", "'"};
    const Process child = Process::exec(argv, with_output);
    const Communicated done = co_await child.communicate();
    EXPECT_EQ(done.output, "a b||$HOME|'|");
  });
}

// X4: either side's pipe would fill up if the other were served first
TEST(Process, CommunicateFeedsAndReadsAtOnce) {
  test::run([]() -> Task<> {
    const Process child = Process::shell(
        "tee /dev/stderr",
        {.input = Stdio::pipe(), .output = Stdio::pipe(), .errors = Stdio::pipe()});
    const std::string input(1 << 20, 'x');
    const Communicated done = co_await child.communicate(input);
    EXPECT_EQ(done.output, input);
    EXPECT_EQ(done.errors, input);
  });
}

TEST(Process, CommunicateKeepsATemporary) {
  test::run([]() -> Task<> {
    const Process child =
        Process::exec({"cat"}, {.input = Stdio::pipe(), .output = Stdio::pipe()});
    auto talk = child.communicate(std::string(100, 'y'));
    const Communicated done = co_await std::move(talk);
    EXPECT_EQ(done.output, std::string(100, 'y'));
  });
}

// X4
TEST(Process, AChildThatDoesNotReadItsInputIsNoError) {
  test::run([]() -> Task<> {
    const Process child = Process::exec({"true"}, {.input = Stdio::pipe()});
    const std::string input(1 << 20, 'x');
    const Communicated done = co_await child.communicate(input);
    EXPECT_TRUE(done.status.success());
  });
}

TEST(Process, CommunicateHasALimit) {
  test::run([]() -> Task<> {
    const Process child = Process::shell("exec cat /dev/zero", with_output);
    EXPECT_THROW(co_await child.communicate({}, 100'000), LimitExceeded);
    EXPECT_FALSE(child.status()) << "the child is left as it is";
    EXPECT_TRUE(child.kill());
    EXPECT_EQ((co_await child.wait()).signal(), SIGKILL);
  });
}

TEST(Process, ItsPipesAreFiles) {
  test::run([]() -> Task<> {
    const Process child =
        Process::exec({"cat"}, {.input = Stdio::pipe(), .output = Stdio::pipe()});
    co_await child.input().write("one\n");
    EXPECT_EQ(co_await child.output().readline(), "one\n");
    co_await child.input().write("two\n");
    EXPECT_EQ(co_await child.output().readline(), "two\n");
    co_await child.input().close();
    EXPECT_EQ(co_await child.output().readline(), "");
    EXPECT_TRUE((co_await child.wait()).success());
    EXPECT_THROW(child.errors(), UsageError);
  });
}

TEST(Process, NoEndOfAPipeIsNonBlocking) {
  test::run([]() -> Task<> {
    // The flags in octal: O_NONBLOCK is 4000.
    const Process child = Process::shell("grep flags /proc/self/fdinfo/0 /proc/self/fdinfo/1",
                                         {.input = Stdio::pipe(), .output = Stdio::pipe()});
    EXPECT_EQ(::fcntl(child.input().fileno(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(::fcntl(child.output().fileno(), F_GETFL) & O_NONBLOCK, 0);
    const Communicated done = co_await child.communicate();
    EXPECT_EQ(done.output, "/proc/self/fdinfo/0:flags:\t00\n/proc/self/fdinfo/1:flags:\t01\n");
  });
}

TEST(Process, ErrorsCanGoToTheOutput) {
  EXPECT_EQ(output_of("echo a; echo b >&2", {.errors = Stdio::to_output()}), "a\nb\n");
}

TEST(Process, ANullStreamIsDevNull) {
  EXPECT_EQ(output_of("readlink /proc/self/fd/0", {.input = Stdio::null()}), "/dev/null\n");
}

TEST(Process, AStreamCanBeADescriptor) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reads(ends[0]);
  UniqueFd writes(ends[1]);
  test::run([&]() -> Task<> {
    const Process child =
        Process::exec({"echo", "there"}, {.output = Stdio::descriptor(writes.get())});
    EXPECT_TRUE((co_await child.wait()).success());
  });
  char text[16];
  EXPECT_EQ(::read(reads.get(), text, sizeof text), 6);
}

// Each would be overwritten before it is copied
TEST(Process, TargetsMayBeSources) {
  const UniqueFd a(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd b(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  const PassedDescriptor swapped[] = {{a.get(), b.get()}, {b.get(), a.get()}};
  const std::string command = "readlink /proc/self/fd/" + std::to_string(a.get()) +
                              " /proc/self/fd/" + std::to_string(b.get());
  EXPECT_EQ(output_of(command, {.descriptors = swapped}), "/dev/zero\n/dev/null\n");
}

TEST(Process, ADescriptorCanKeepItsNumber) {
  const UniqueFd a(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  const PassedDescriptor same[] = {{a.get(), a.get()}};
  const std::string command = "readlink /proc/self/fd/" + std::to_string(a.get());
  EXPECT_EQ(output_of(command, {.descriptors = same}), "/dev/zero\n");
}

// X4
TEST(Process, InheritsNoDescriptorThatItWasNotGiven) {
  test::run([]() -> Task<> {
    const ProcessOptions all{
        .input = Stdio::pipe(), .output = Stdio::pipe(), .errors = Stdio::pipe()};
    const Process other = Process::exec({"cat"}, all);
    const Process child = Process::shell("for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do "
                                         "readlink /proc/$$/fd/$i; done | grep -c '^pipe:'",
                                         all);
    const Communicated done = co_await child.communicate();
    EXPECT_EQ(done.output, "3\n");
    const Communicated last = co_await other.communicate();
    EXPECT_TRUE(last.status.success());
  });
}

TEST(Process, BeginsInTheDirectory) {
  EXPECT_EQ(output_of("pwd", {.cwd = "/usr"}), "/usr\n");
}

TEST(Process, AddsToTheEnvironment) {
  ::setenv("EDDY_KEPT", "kept", 1);
  ::setenv("EDDY_GONE", "gone", 1);
  ::setenv("EDDY_NEW", "old", 1);
  const std::vector<std::string> additions{"EDDY_NEW=new", "EDDY_GONE"};
  EXPECT_EQ(output_of("echo $EDDY_KEPT:$EDDY_GONE:$EDDY_NEW", {.environment = additions}),
            "kept::new\n");
  for (const char* name : {"EDDY_KEPT", "EDDY_GONE", "EDDY_NEW"}) ::unsetenv(name);
}

TEST(Process, TakesAWholeEnvironment) {
  const std::vector<std::string> whole{"A=1", "PATH=/usr/bin:/bin"};
  test::run([&]() -> Task<> {
    const Process child = Process::exec(
        {"env"}, {.output = Stdio::pipe(), .environment = whole, .clear_environment = true});
    const Communicated done = co_await child.communicate();
    EXPECT_EQ(done.output, "A=1\nPATH=/usr/bin:/bin\n");
  });
}

// SIGPIPE above all, which this library ignores in no thread of its own, but its host may
TEST(Process, HasNoSignalIgnoredAndNoneBlocked) {
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked, mask;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigaddset(&blocked, SIGRTMIN + 3);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &mask);
  const std::string none = "0000000000000000\n";
  EXPECT_EQ(output_of("exec grep -E 'Sig(Blk|Ign)' /proc/self/status"),
            "SigBlk:\t" + none + "SigIgn:\t" + none);
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  ::signal(SIGPIPE, before);
}

// X4: the same moment, the same place
TEST(Process, AProgramThatIsNotThereIsAnErrorWithItsName) {
  test::run([]() -> Task<> {
    const auto before = test::open_descriptors();
    try {
      static_cast<void>(Process::exec({"/no/such/program"}, with_output));
      ADD_FAILURE() << "started";
    } catch (const Error& error) {
      EXPECT_EQ(error.code().value(), ENOENT);
      EXPECT_STREQ(error.what(), "exec '/no/such/program': No such file or directory");
    }
    EXPECT_EQ(test::open_descriptors(), before);
    try {
      static_cast<void>(Process::exec({"/etc/passwd"}));
      ADD_FAILURE() << "started";
    } catch (const Error& error) {
      EXPECT_EQ(error.code().value(), EACCES);
    }
    co_return;
  });
}

TEST(Process, ADirectoryThatIsNotThereIsNamed) {
  test::run([]() -> Task<> {
    try {
      static_cast<void>(Process::exec({"true"}, {.cwd = "/no/such"}));
      ADD_FAILURE() << "started";
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "change to '/no/such': No such file or directory");
    }
    co_return;
  });
}

TEST(Process, RefusesWhatMakesNoSense) {
  test::run([]() -> Task<> {
    EXPECT_THROW(Process::exec({}), UsageError);
    EXPECT_THROW(Process::exec({""}), UsageError);
    EXPECT_THROW(Process::exec({std::string_view("tr\0ue", 5)}), UsageError);
    EXPECT_THROW(Process::exec({"true"}, {.output = Stdio::to_output()}), UsageError);
    const PassedDescriptor twice[] = {{0, 7}, {1, 7}};
    EXPECT_THROW(Process::exec({"true"}, {.descriptors = twice}), UsageError);
    const PassedDescriptor over_a_stream[] = {{0, 1}};
    EXPECT_THROW(Process::exec({"true"}, {.descriptors = over_a_stream}), UsageError);
    const PassedDescriptor closed[] = {{9999, 7}};
    EXPECT_THROW(Process::exec({"true"}, {.descriptors = closed}), Error);
    const PassedDescriptor too_high[] = {{0, 2147483647}};
    EXPECT_THROW(Process::exec({"true"}, {.descriptors = too_high}), Error);
    const Process deaf = Process::exec({"true"}, {.input = Stdio::null()});
    EXPECT_THROW(co_await deaf.communicate("bytes"), UsageError) << "they went nowhere";
    EXPECT_TRUE((co_await deaf.communicate()).status.success());
    EXPECT_THROW(Process().pid(), UsageError);
    EXPECT_THROW(static_cast<void>(Process().wait()), UsageError);
    co_return;
  });
}

}  // namespace
