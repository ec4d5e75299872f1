// Process: starting a child, what it is given, and what goes through its pipes.
#include "support/directory.hpp"
#include "support/run.hpp"

#include <csignal>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
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

// In an expression that waits as well, which an initializer_list cannot be in
TEST(Process, TakesItsWordsAsTheyAreWritten) {
  test::run([]() -> Task<> {
    const std::string text = "text";
    const std::filesystem::path path = "a/path";
    EXPECT_EQ((co_await Process::exec({"echo", text, std::string_view("view"), path}, with_output)
                   .communicate())
                  .output,
              "text view a/path\n");
    const std::array<std::string_view, 2> views{"echo", "views"};
    EXPECT_EQ((co_await Process::exec(views, with_output).communicate()).output, "views\n");
    const std::vector<const char*> pointers{"echo", "pointers"};
    EXPECT_EQ((co_await Process::exec(pointers, with_output).communicate()).output, "pointers\n");
    EXPECT_TRUE((co_await Process::exec("true").wait()).success());
    EXPECT_THROW(Process::exec(std::vector<std::string>()), UsageError);
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

// It would have its pipes closed, and be killed, before the task begins
TEST(Process, ATemporaryIsKeptForTheTaskThatWaitsForIt) {
  test::run([]() -> Task<> {
    const ProcessOptions talks{
        .input = Stdio::pipe(), .output = Stdio::pipe(), .kill_on_drop = true};
    auto told = spawn(Process::exec({"echo", "output"}, talks).communicate());
    const std::string bytes = "bytes";
    auto fed = spawn(Process::exec({"cat"}, talks).communicate(bytes));
    auto kept = spawn(Process::exec({"cat"}, talks).communicate(std::string(100, 'x')));
    auto waited = spawn(Process::shell("exit 3", talks).wait());
    EXPECT_EQ((co_await told).output, "output\n");
    EXPECT_EQ((co_await fed).output, bytes);
    EXPECT_EQ((co_await kept).output, std::string(100, 'x'));
    EXPECT_EQ((co_await waited).code(), 3);
    auto endless = spawn(Process::exec({"sleep", "1000"}, talks).wait());
    co_await test::settle();
    endless.cancel();
    co_await test::wait_until_done(endless);  // and the child goes with it
    while (::waitid(P_ALL, 0, nullptr, WEXITED | WNOHANG | WNOWAIT) == 0) co_await yield();
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
    const Process child = Process::exec({"ls", "-l", "/proc/self/fd"}, all);
    const Communicated done = co_await child.communicate();
    std::size_t pipes = 0;
    for (std::size_t at = 0; (at = done.output.find("pipe:", at)) != done.output.npos; ++at) {
      ++pipes;
    }
    EXPECT_EQ(pipes, 3u) << done.output;
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
  const std::vector<std::string> whole{"A=0", "PATH=/usr/bin:/bin", "B=1", "A=1", "B"};
  test::run([&]() -> Task<> {
    const Process child = Process::exec(
        {"env"}, {.output = Stdio::pipe(), .environment = whole, .clear_environment = true});
    const Communicated done = co_await child.communicate();
    EXPECT_EQ(done.output, "PATH=/usr/bin:/bin\nA=1\n") << "the last of a name counts";
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
