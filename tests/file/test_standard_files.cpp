#include "support/directory.hpp"
#include "support/failing_memory.hpp"
#include "support/run.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include <optional>

namespace {

using namespace eddy;

// Another thing behind a descriptor, until the end.
class Redirect {
 public:
  Redirect(int fd, int to) : fd_(fd), before_(::fcntl(fd, F_DUPFD_CLOEXEC, 10)) {
    EXPECT_EQ(::dup2(to, fd), fd);
  }
  Redirect(const Redirect&) = delete;
  Redirect& operator=(const Redirect&) = delete;
  ~Redirect() {
    EXPECT_EQ(::dup2(before_.get(), fd_), fd_);
  }

 private:
  int fd_;
  UniqueFd before_;
};

struct Ends {
  explicit Ends(bool terminal = false) {
    int ends[2];
    if (terminal) {
      EXPECT_EQ(::openpty(&ends[1], &ends[0], nullptr, nullptr, nullptr), 0);
    } else {
      EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    }
    ours.reset(ends[0]);
    other.reset(ends[1]);
  }
  void type(std::string_view text) const {
    EXPECT_EQ(::write(other.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  UniqueFd ours;   // a terminal, or where a pipe is read
  UniqueFd other;  // its keyboard, or where a pipe is written
};

// What comes out of `fd`: so much, at least. What is written to a terminal takes a while.
std::string seen_by(int fd, std::size_t count) {
  std::string seen;
  for (char buffer[256]; seen.size() < count;) {
    const auto got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    seen.append(buffer, static_cast<std::size_t>(got));
  }
  return seen;
}

bool nothing_comes_out_of(int fd) {
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, 0) == 0;
}

std::size_t threads() {
  std::size_t count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    count += task.is_directory();
  }
  return count;
}

Task<std::string> line_of_input() {
  File in = stdin_file();
  const std::string line = co_await in.readline();
  co_return line;
}

TEST(StandardFiles, AreWhatStandsThereAtTheCall) {
  test::Directory directory;
  directory.write("a", "from a file\n");
  const Ends pipe, terminal(true);
  pipe.type("from a pipe\n");
  terminal.type("from a terminal\n");
  test::run([&]() -> Task<> {
    const UniqueFd file(::open(directory.path("a").c_str(), O_RDONLY | O_CLOEXEC));
    const Redirect before(STDIN_FILENO, file.get());
    EXPECT_EQ(co_await line_of_input(), "from a file\n");
    {
      const Redirect to_pipe(STDIN_FILENO, pipe.ours.get());
      EXPECT_EQ(co_await line_of_input(), "from a pipe\n");
    }
    {
      const Redirect to_terminal(STDIN_FILENO, terminal.ours.get());
      File in = stdin_file();
      EXPECT_TRUE(in.isatty());
      EXPECT_EQ(co_await in.readline(), "from a terminal\n");
    }
    EXPECT_EQ(co_await line_of_input(), "") << "the file was read to its end before";
  });
}

TEST(StandardFiles, LoseNothingThatWasReadAheadOfTheInput) {
  test::Directory directory;
  directory.write("a", "one\ntwo\nthree\n");
  const Ends pipe, terminal(true);
  pipe.type("one\ntwo\nthree\n");
  terminal.type("one\ntwo\nthree\n");
  test::run([&]() -> Task<> {
    const UniqueFd file(::open(directory.path("a").c_str(), O_RDONLY | O_CLOEXEC));
    for (const int fd : {file.get(), pipe.ours.get(), terminal.ours.get()}) {
      const Redirect redirect(STDIN_FILENO, fd);
      EXPECT_EQ(co_await line_of_input(), "one\n");
      File in = stdin_file();
      EXPECT_EQ(co_await in.readline(), "two\n");
      co_await in.close();
      EXPECT_NE(::fcntl(STDIN_FILENO, F_GETFD), -1) << "it is never closed";
      EXPECT_EQ(co_await line_of_input(), "three\n");
    }
  });
}

TEST(StandardFiles, MixNothingOfAnotherInput) {
  const Ends first, second;
  first.type("one\ntwo\n");
  second.type("other\n");
  test::run([&]() -> Task<> {
    const Redirect to_first(STDIN_FILENO, first.ours.get());
    EXPECT_EQ(co_await line_of_input(), "one\n");
    const Redirect to_second(STDIN_FILENO, second.ours.get());
    EXPECT_EQ(co_await line_of_input(), "other\n");
  });
}

TEST(StandardFiles, MixNothingWhereTheyEndWhenAnotherInputStandsThere) {
  const Ends first, second;
  first.type("one\ntwo\n");
  second.type("other\n");
  test::run([&]() -> Task<> {
    const Redirect to_first(STDIN_FILENO, first.ours.get());
    std::optional<File> in(stdin_file());
    EXPECT_EQ(co_await in->readline(), "one\n");
    const Redirect to_second(STDIN_FILENO, second.ours.get());
    in.reset();
    EXPECT_EQ(co_await line_of_input(), "other\n");
  });
}

// ... and where somebody has read from that one meanwhile.
TEST(StandardFiles, MixNothingWhereTheyEndAfterAnotherInputHasItsFile) {
  const Ends first, second;
  first.type("one\ntwo\n");
  second.type("other\n");
  test::run([&]() -> Task<> {
    const Redirect to_first(STDIN_FILENO, first.ours.get());
    std::optional<File> in(stdin_file());
    EXPECT_EQ(co_await in->readline(), "one\n");
    const Redirect to_second(STDIN_FILENO, second.ours.get());
    const File other = stdin_file();
    in.reset();
    EXPECT_EQ(co_await line_of_input(), "other\n");
  });
}

TEST(StandardFiles, MoveNoOtherInput) {
  test::Directory directory;
  directory.write("first", "one\ntwo\n");
  directory.write("second", "0123456789\n");
  const UniqueFd first(::open(directory.path("first").c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd second(::open(directory.path("second").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(::lseek(second.get(), 8, SEEK_SET), 8);
  test::run([&]() -> Task<> {
    const Redirect to_first(STDIN_FILENO, first.get());
    std::optional<File> in(stdin_file());
    EXPECT_EQ(co_await in->readline(), "one\n");
    const Redirect to_second(STDIN_FILENO, second.get());
    const File other = stdin_file();
    in.reset();
    EXPECT_EQ(::lseek(second.get(), 0, SEEK_CUR), 8);
  });
}

TEST(StandardFiles, LoseNothingWithoutMemory) {
  const Ends input;
  input.type("one\ntwo\n");
  test::run([&]() -> Task<> {
    const Redirect redirect(STDIN_FILENO, input.ours.get());
    EXPECT_EQ(co_await line_of_input(), "one\n");
    const std::size_t failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
      File in;
      memory.arm();
      try {
        in = stdin_file();
      } catch (const std::bad_alloc&) {
      }
      memory.disarm();
    });
    EXPECT_GT(failed, 0u);
    EXPECT_EQ(co_await line_of_input(), "two\n");
  });
}

TEST(StandardFiles, WaitForATerminalWithNeitherTheLoopNorAThread) {
  const Ends terminal(true);
  test::run([&]() -> Task<> {
    const Redirect redirect(STDIN_FILENO, terminal.ours.get());
    const int flags = ::fcntl(STDIN_FILENO, F_GETFL);
    const std::size_t before = threads();
    auto reading = spawn(line_of_input());
    co_await test::settle();
    EXPECT_FALSE(reading.done());
    EXPECT_EQ(threads(), before);
    EXPECT_EQ(::fcntl(STDIN_FILENO, F_GETFL), flags) << "whoever shares it would notice";
    terminal.type("typed\n");
    EXPECT_EQ(co_await reading, "typed\n");
    auto given_up = spawn(line_of_input());
    co_await test::settle();
    given_up.cancel();
    co_await test::wait_until_done(given_up);
    EXPECT_TRUE(given_up.cancelled());
    terminal.type("next\n");
    EXPECT_EQ(co_await line_of_input(), "next\n");
  });
}

TEST(StandardFiles, WriteAtOnceToATerminalAPipeAndAFile) {
  test::Directory directory;
  const Ends pipe, terminal(true);
  directory.write("a", "");
  const UniqueFd file(::open(directory.path("a").c_str(), O_WRONLY | O_CLOEXEC));
  std::string failed;  // what the tests say goes to the same place
  test::run([&]() -> Task<> {
    for (const int fd : {pipe.other.get(), terminal.ours.get(), file.get()}) {
      const int flags = ::fcntl(fd, F_GETFL);
      {
        const Redirect out(STDOUT_FILENO, fd);
        const Redirect errors(STDERR_FILENO, fd);
        File hello = stdout_file();
        co_await hello.write("hello");
        File world = stderr_file();
        co_await world.write(" world");
        co_await world.close();
        if (::fcntl(STDERR_FILENO, F_GETFD) == -1) failed += "closed ";
      }
      if (::fcntl(fd, F_GETFL) != flags) failed += "flags ";
    }
  });
  EXPECT_EQ(failed, "");
  EXPECT_EQ(seen_by(pipe.ours.get(), 11), "hello world");
  EXPECT_EQ(seen_by(terminal.other.get(), 11), "hello world");
  EXPECT_EQ(directory.read("a"), "hello world");
}

TEST(StandardFiles, MayBeMissing) {
  test::run([&]() -> Task<> {
    const UniqueFd in(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10));
    ::close(STDIN_FILENO);
    File file = stdin_file();
    const auto got = co_await as_result(file.readline());
    ::dup2(in.get(), STDIN_FILENO);
    EXPECT_EQ(got.error(), std::errc::bad_file_descriptor);
  });
}

// As Python does: a terminal by lines, unless somebody wants it otherwise.
TEST(Terminals, AreWrittenByLines) {
  const Ends terminal(true);
  test::run([&]() -> Task<> {
    File file = File::adopt(terminal.ours.get(), "w", false);
    co_await file.write("half");
    EXPECT_TRUE(nothing_comes_out_of(terminal.other.get()));
    co_await file.write(" a line\n");
    EXPECT_EQ(seen_by(terminal.other.get(), 13), "half a line\r\n");
    co_await file.close();
    File bytes = File::adopt(terminal.ours.get(), "wb", false);
    co_await bytes.write("a line\n");
    EXPECT_TRUE(nothing_comes_out_of(terminal.other.get()));
    co_await bytes.close();
    EXPECT_EQ(seen_by(terminal.other.get(), 8), "a line\r\n");
  });
}

}  // namespace
