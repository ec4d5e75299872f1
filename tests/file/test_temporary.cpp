#include "file/deep_directories.hpp"
#include "file/policies.hpp"
#include "support/seccomp.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdarg>
#include <limits>
#include <utility>

namespace {

bool without_unnamed = false;  // as on a file system that does not know O_TMPFILE
int refused = 0;

}  // namespace

// What open(2) is called where files may be large.
extern "C" int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const bool has_mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
  const unsigned mode = has_mode ? va_arg(arguments, unsigned) : 0;
  va_end(arguments);
  if (without_unnamed && (flags & O_TMPFILE) == O_TMPFILE) {
    ++refused;
    errno = EOPNOTSUPP;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

namespace {

using namespace eddy;

class Temporary : public test::EveryPolicy {
 protected:
  Temporary() : room(path("")) {}

  std::size_t count() const {
    const std::filesystem::directory_iterator all(room);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
  mode_t permissions_of(std::string_view name) const {
    struct stat stat {};
    EXPECT_EQ(::stat(std::string(name).c_str(), &stat), 0) << name;
    return stat.st_mode & 07777;
  }
  bool there(std::string_view name) const { return std::filesystem::exists(name); }

  std::string room;  // for all that is made
};
INSTANTIATE_TEST_SUITE_P(Policy, Temporary, test::every_policy(), test::name_of_policy);

// -- without a name --

TEST_P(Temporary, FileHasNoName) {
  run([&]() -> Task<> {
    File file = co_await temporary_file({.directory = room});
    co_await file.write("one\ntwo\n");
    co_await file.seek(0);
    Lines lines = file.lines();
    EXPECT_EQ(co_await lines.next(), "one\n");
    EXPECT_EQ(co_await lines.next(), "two\n");
    struct stat stat {};
    EXPECT_EQ(::fstat(file.fileno(), &stat), 0);
    EXPECT_EQ(stat.st_mode & 07777, 0600u);
    EXPECT_EQ(stat.st_nlink, 0u);
    EXPECT_TRUE(::fcntl(file.fileno(), F_GETFD) & FD_CLOEXEC);
    EXPECT_EQ(count(), 0u);
    co_await file.close();
  });
}

TEST(TemporaryFile, HasNoNameAlsoWhereTheFileSystemMakesNoneWithout) {
  const test::Directory directory;
  const std::string room = directory.path("");
  without_unnamed = true;
  const auto body = [&]() -> Task<> {
    File file = co_await temporary_file({.directory = room});
    EXPECT_TRUE(std::filesystem::is_empty(room));
    co_await file.write("text");
    co_await file.seek(0);
    EXPECT_EQ(co_await file.read(), "text");
    co_await file.close();
  };
  test::run(body, {.file_policy = FilePolicy::inline_});
  without_unnamed = false;
  EXPECT_EQ(refused, 1);
}

TEST_P(Temporary, FileIsAppendedToWhereThatIsItsMode) {
  run([&]() -> Task<> {
    File file = co_await temporary_file({.directory = room, .mode = "a+"});
    co_await file.write("one");
    co_await file.seek(0);
    co_await file.write("two");
    co_await file.seek(0);
    EXPECT_EQ(co_await file.read(), "onetwo");
    co_await file.close();
    bool thrown = false;
    try {
      co_await temporary_file({.mode = "rw"});
    } catch (const UsageError&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
  });
}

TEST_P(Temporary, FailureNamesTheDirectory) {
  run([&]() -> Task<> {
    const std::string none = path("none");
    std::string told;
    try {
      co_await named_temporary_file({.directory = none});
    } catch (const Error& error) {
      told = error.what();
    }
    EXPECT_EQ(told, "make something temporary in '" + none + "': No such file or directory");
    EXPECT_THROW(co_await temporary_file({.directory = none}), Error);
    EXPECT_THROW(co_await mkdtemp({.directory = none}), Error);
    EXPECT_THROW(co_await mkdtemp({.directory = room, .prefix = "a/b"}), UsageError);
    EXPECT_THROW(co_await mkdtemp({.directory = room, .suffix = {"\0", 1}}), UsageError);
  });
}

// -- with a name --

TEST_P(Temporary, FileHasAName) {
  run([&]() -> Task<> {
    NamedTemporaryFile file =
        co_await named_temporary_file({.directory = room, .prefix = "a-", .suffix = ".txt"});
    const std::string name(file.path());
    EXPECT_EQ(file.name(), name);
    EXPECT_TRUE(name.starts_with(room + "a-")) << name;
    EXPECT_TRUE(name.ends_with(".txt")) << name;
    EXPECT_EQ(permissions_of(name), 0600u);
    co_await file.write("text");
    co_await file.flush();
    EXPECT_EQ(co_await read_text(name), "text");
    co_await file.close();
    EXPECT_FALSE(there(name));
    EXPECT_EQ(file.path(), name);
    co_await file.close();
  });
}

TEST_P(Temporary, FileIsGoneOnEveryWayOut) {
  run([&]() -> Task<> {
    std::string name;
    const auto begin = [&](NamedTemporaryFile& file) {
      name = file.path();
      EXPECT_TRUE(there(name));
    };
    co_await with(named_temporary_file({.directory = room}),
                  [&begin](NamedTemporaryFile& file) -> Task<> {
                    begin(file);
                    co_return;
                  });
    EXPECT_EQ(count(), 0u) << "the end of the body";

    auto throws = with(named_temporary_file({.directory = room}),
                       [&begin](NamedTemporaryFile& file) -> Task<> {
                         begin(file);
                         co_await yield();
                         throw std::runtime_error("in the body");
                       });
    EXPECT_THROW(co_await std::move(throws), std::runtime_error);
    EXPECT_EQ(count(), 0u) << "an exception";

    Event never;
    auto task = spawn(with(named_temporary_file({.directory = room}),
                           [&begin, &never](NamedTemporaryFile& file) -> Task<> {
                             begin(file);
                             co_await never.wait();
                           }));
    while (count() == 0 || name.empty()) co_await yield();
    co_await test::settle();
    task.cancel();
    co_await test::wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(count(), 0u) << "a cancel";

    {
      NamedTemporaryFile dropped = co_await named_temporary_file({.directory = room});
      NamedTemporaryFile moved = std::move(dropped);
      EXPECT_EQ(count(), 1u);
      moved = co_await named_temporary_file({.directory = room});
      EXPECT_EQ(count(), 1u) << "the other one is gone";
    }
    EXPECT_EQ(count(), 0u) << "the end of the handle";
  });
}

// Whenever the cancel comes: as it is made, while it is written, while it is closed.
TEST_P(Temporary, FileIsGoneWhenItIsCancelledAtAnyTurn) {
  run([&]() -> Task<> {
    for (int turns = 0; turns < 60; ++turns) {
      auto task = spawn([&]() -> Task<> {
        NamedTemporaryFile file = co_await named_temporary_file({.directory = room});
        co_await file.write("text");
        co_await file.close();
        File other = co_await temporary_file({.directory = room});
        TemporaryDirectory lent = co_await temporary_directory({.directory = room});
        co_await write_text(std::string(lent.name()) + "/file", "text");
        co_await lent.close();
      });
      co_await test::settle(turns);
      task.cancel();
      co_await test::wait_until_done(task);
      EXPECT_EQ(count(), 0u) << turns;
    }
  });
}

TEST_P(Temporary, FileMayStayUntilItsEndOrForEver) {
  run([&]() -> Task<> {
    std::string name;
    co_await with(named_temporary_file({.directory = room, .delete_on_close = false}),
                  [&](NamedTemporaryFile& file) -> Task<> {
                    name = file.path();
                    co_await file.write("text");
                    co_await file.close();
                    EXPECT_EQ(co_await read_text(name), "text") << "closed, and still there";
                  });
    EXPECT_FALSE(there(name));
    {
      NamedTemporaryFile kept = co_await named_temporary_file({.directory = room, .keep = true});
      name = kept.path();
      co_await kept.close();
    }
    EXPECT_TRUE(there(name));
  });
}

TEST_P(Temporary, FileThatOthersHaveTakenIsNoError) {
  run([&]() -> Task<> {
    NamedTemporaryFile file = co_await named_temporary_file({.directory = room});
    co_await fs::rename(file.path(), path("taken"));
    co_await file.close();
    EXPECT_EQ(count(), 1u);
  });
}

// ... and a child has only a copy of the handle.
TEST_P(Temporary, StaysWhereAForkedChildLetsGoOfItsHandle) {
  run([&]() -> Task<> {
    NamedTemporaryFile file = co_await named_temporary_file({.directory = room});
    TemporaryDirectory lent = co_await temporary_directory({.directory = room});
    test::in_a_child([&] {
      const NamedTemporaryFile first = std::move(file);
      const TemporaryDirectory second = std::move(lent);
    });
    EXPECT_TRUE(there(file.path()));
    EXPECT_TRUE(there(lent.name()));
  });
  EXPECT_EQ(count(), 0u);
}

// -- directories --

TEST_P(Temporary, DirectoryIsGoneWithAllThatIsInIt) {
  directory.write("outside", "kept");
  run([&]() -> Task<> {
    std::string name;
    co_await with(temporary_directory({.directory = room, .suffix = ".d"}),
                  [&](std::string& lent) -> Task<> {
                    name = lent;
                    EXPECT_EQ(permissions_of(name), 0700u);
                    EXPECT_TRUE(name.ends_with(".d"));
                    co_await fs::makedirs(lent + "/a/b");
                    co_await write_text(lent + "/a/b/file", "text");
                    co_await fs::symlink(path(""), lent + "/a/out");
                  });
    EXPECT_FALSE(there(name));

    TemporaryDirectory lent = co_await temporary_directory({.directory = room});
    std::filesystem::remove(lent.name());
    co_await lent.close();
    co_await lent.cleanup();
    {
      TemporaryDirectory dropped = co_await temporary_directory({.directory = room});
      name = dropped.name();
      co_await fs::makedirs(name + "/a/b/c");
      for (int i = 0; i < 300; ++i) co_await write_text(name + "/a/" + std::to_string(i), "text");
      co_await fs::symlink(path("outside"), name + "/a/b/link");
      co_await fs::symlink(path(""), name + "/out");
    }
    EXPECT_FALSE(there(name)) << "the end of the handle";
    EXPECT_EQ(count(), 1u);
  });
  EXPECT_EQ(directory.read("outside"), "kept");
}

TEST_P(Temporary, DirectoryIsGoneWhereItIsDeepAndItsHandleDies) {
  run([&]() -> Task<> {
    const TemporaryDirectory dropped = co_await temporary_directory({.directory = room});
    test::make_deep(std::string(dropped.name()), 1000, "d");
    test::make_deep(std::string(dropped.name()), 300, ".moved-2");
  });
  EXPECT_EQ(count(), 0u);
}

TEST_P(Temporary, NamesAreThoseOfPython) {
  run([&]() -> Task<> {
    const std::string made = co_await mkdtemp({.directory = room, .prefix = "x"});
    EXPECT_TRUE(std::filesystem::is_directory(made));
    EXPECT_EQ(permissions_of(made), 0700u);
    File file = co_await mkstemp({.directory = room, .suffix = ".y"});
    EXPECT_TRUE(file.name().ends_with(".y"));
    EXPECT_EQ(permissions_of(file.name()), 0600u);
    co_await file.close();
    EXPECT_EQ(count(), 2u);
  });
}

TEST(TemporaryRoom, IsWhereTheEnvironmentSays) {
  const test::Directory directory;
  test::in_a_child([&] {
    ::setenv("TMPDIR", directory.path("").c_str(), 1);
    EXPECT_EQ(gettempdir() + "/", directory.path(""));
    test::run([&]() -> Task<> {
      NamedTemporaryFile file = co_await named_temporary_file();
      EXPECT_TRUE(file.path().starts_with(directory.path("tmp")));
      co_await file.close();
    });
    for (const char* name : {"TMPDIR", "TEMP", "TMP"}) ::unsetenv(name);
    EXPECT_EQ(gettempdir(), "/tmp");
  });
}

// -- spooled --

TEST_P(Temporary, SpooledFileIsInMemoryUntilItIsTooLarge) {
  run([&]() -> Task<> {
    SpooledTemporaryFile file = spooled_temporary_file(10, {.directory = room});
    EXPECT_EQ(co_await file.write("0123456789"), 10u);
    EXPECT_TRUE(file.in_memory());
    EXPECT_EQ(co_await file.write(std::string("abc")), 3u);
    EXPECT_FALSE(file.in_memory());
    EXPECT_EQ(co_await file.tell(), 13u);
    co_await file.seek(-5, Whence::end);
    EXPECT_EQ(co_await file.read(), "89abc");
    co_await file.close();
    EXPECT_TRUE(file.closed());
    EXPECT_THROW(static_cast<void>(file.read()), UsageError);
    co_await file.close();
    EXPECT_EQ(count(), 0u);
  });
}

// The same program in memory, and rolled over after each step.
TEST_P(Temporary, SpooledFileIsTheSameInMemoryAndNot) {
  const std::vector<std::string> more{"\n", "last", "\n", "of all"};
  std::vector<std::string> first;
  for (int rolls_at = -1; rolls_at < 23; ++rolls_at) {
    std::vector<std::string> seen;
    run([&]() -> Task<> {
      SpooledTemporaryFile file = spooled_temporary_file(0, {.directory = room});
      int step = 0;
      const auto note = [&](std::string what) -> Task<> {
        seen.push_back(what + " at " + std::to_string(co_await file.tell()));
        if (step++ == rolls_at) co_await file.rollover();
      };
      co_await note(std::to_string(co_await file.write("one\ntwo\nthree")));
      co_await note(std::to_string(co_await file.seek(0)));
      co_await note(co_await file.readline());
      co_await note(co_await file.read(2));
      char buffer[4];
      const std::size_t got = co_await file.read_into(buffer);
      co_await note(std::string(buffer, got));
      co_await file.seek(0);
      const auto whole_lines = co_await file.readlines(3);
      for (const std::string& line : whole_lines) co_await note(line);
      co_await note(co_await file.peek(3));
      co_await note(std::to_string(co_await file.read_some(buffer)) + buffer[3]);
      co_await note(std::to_string(co_await file.seek(-4, Whence::end)));
      co_await file.read_exactly(buffer);
      co_await note(std::string(buffer, sizeof buffer));
      co_await file.seek(-3, Whence::end);
      try {
        co_await file.read_exactly(buffer);
        ADD_FAILURE() << "no end of file";
      } catch (const EndOfFile& end) {
        seen.emplace_back(end.partial());
      }
      co_await note("the end");
      co_await note(std::to_string(co_await file.seek(10)));
      co_await note(std::to_string(co_await file.seek(3, Whence::current)));
      co_await note(std::to_string(co_await file.write("X")));
      co_await note(std::to_string(co_await file.truncate(8)));
      co_await note(co_await file.read());
      co_await note(std::to_string(co_await file.write("behind a hole")));
      co_await note(std::to_string(co_await file.seek(0)));
      co_await note(co_await file.read());
      co_await file.writelines(more);
      co_await file.writelines(std::vector<std::string>(1, "!"));
      co_await note(std::to_string(co_await file.seek(-13, Whence::end)));
      const auto last_lines = co_await file.readlines();
      for (const std::string& line : last_lines) co_await note(line);
      EXPECT_EQ((co_await as_result(file.seek(-1))).error(), std::errc::invalid_argument);
      EXPECT_EQ(file.in_memory(), rolls_at < 0);
      co_await file.close();
    });
    if (rolls_at < 0) first = seen;
    EXPECT_EQ(seen, first) << "rolled over at step " << rolls_at;
  }
}

TEST_P(Temporary, SpooledFileHasADescriptorOnceSomebodyAsks) {
  run([&]() -> Task<> {
    SpooledTemporaryFile file = spooled_temporary_file(0, {.directory = room});
    co_await file.write("text");
    const int fd = co_await file.fileno();
    char got[8];
    EXPECT_EQ(::pread(fd, got, sizeof got, 0), 4) << "what was written is there";
    EXPECT_FALSE(file.in_memory());
    EXPECT_EQ(co_await file.fileno(), fd);
    co_await file.close();
  });
}

// There is no place for the file: all stays in memory.
TEST_P(Temporary, SpooledFileIsClosedByTwoAtOnce) {
  for (const bool in_a_file : {false, true}) {
    run([&]() -> Task<> {
      SpooledTemporaryFile file = spooled_temporary_file(0, {.directory = room});
      co_await file.write("text");
      if (in_a_file) co_await file.rollover();
      auto first = spawn(file.close());
      auto second = spawn(file.close());
      co_await first;
      co_await second;
      EXPECT_TRUE(file.closed());
    });
  }
}

TEST_P(Temporary, SpooledFileIsNoLargerThanAFileCanBe) {
  for (const bool in_a_file : {false, true}) {
    run([&]() -> Task<> {
      SpooledTemporaryFile file = spooled_temporary_file(0, {.directory = room});
      if (in_a_file) co_await file.rollover();
      EXPECT_EQ((co_await as_result(file.truncate(~std::uint64_t{0}))).error(),
                std::errc::invalid_argument);
      if (!in_a_file) {  // which tells it when it flushes
        co_await file.seek(std::numeric_limits<std::int64_t>::max());
        EXPECT_EQ((co_await as_result(file.write("xx"))).error(), std::errc::invalid_argument);
      }
      co_await file.close();
    });
  }
}

TEST_P(Temporary, SpooledFileThatCannotRollOverStaysWhatItIs) {
  run([&]() -> Task<> {
    const std::string none = path("none");
    SpooledTemporaryFile file = spooled_temporary_file(4, {.directory = none});
    co_await file.write("text");
    EXPECT_EQ((co_await as_result(file.write("more"))).error(),
              std::errc::no_such_file_or_directory);
    EXPECT_TRUE(file.in_memory());
    co_await file.seek(0);
    EXPECT_EQ(co_await file.read(), "text");
    co_await file.close();
  });
}

}  // namespace
