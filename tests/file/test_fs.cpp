#include "file/policies.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

namespace {

using namespace eddy;
using test::wait_until_done;

class Fs : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, Fs, test::every_policy(), test::name_of_policy);

TEST_P(Fs, TellsWhatIsThere) {
  directory.write("file", "12345");
  ASSERT_EQ(::symlink("file", path("link").c_str()), 0);
  run([&]() -> Task<> {
    const FileStat stat = co_await fs::stat(path("file"));
    EXPECT_EQ(stat.size, 5u);
    EXPECT_TRUE(stat.is_file());
    struct stat expected;
    EXPECT_EQ(::stat(path("file").c_str(), &expected), 0);
    EXPECT_EQ(stat.inode, expected.st_ino);
    EXPECT_EQ(stat.mode, expected.st_mode);
    EXPECT_EQ(stat.modified.time_since_epoch(),
              std::chrono::seconds(expected.st_mtim.tv_sec) +
                  std::chrono::nanoseconds(expected.st_mtim.tv_nsec));
    EXPECT_TRUE((co_await fs::lstat(path("link"))).is_symlink());
    EXPECT_TRUE((co_await fs::stat(path("link"))).is_file());
    EXPECT_EQ(co_await fs::readlink(path("link")), "file");
    EXPECT_EQ(co_await fs::size(path("file")), 5u);
    EXPECT_TRUE(co_await fs::exists(path("file")));
    EXPECT_FALSE(co_await fs::exists(path("none")));
    EXPECT_FALSE(co_await fs::exists(path("file/below")));
    EXPECT_TRUE(co_await fs::is_dir(path("")));
    EXPECT_FALSE(co_await fs::is_dir(path("file")));
    EXPECT_TRUE(co_await fs::is_file(path("file")));
    EXPECT_TRUE(co_await fs::access(path("file"), R_OK));
    EXPECT_FALSE(co_await fs::access(path("none"), R_OK));
  });
}

// F113
TEST_P(Fs, MakesMovesAndRemoves) {
  run([&]() -> Task<> {
    co_await fs::mkdir(path("dir"));
    EXPECT_EQ((co_await as_result(fs::mkdir(path("dir")))).error(), std::errc::file_exists);
    co_await fs::mkdir(path("dir"), {.exist_ok = true});
    co_await fs::makedirs(path("a/b/c"));
    EXPECT_TRUE(co_await fs::is_dir(path("a/b/c")));
    co_await fs::makedirs(path("a/b/c"), {.exist_ok = true});
    directory.write("dir/file", "x");
    EXPECT_EQ((co_await as_result(fs::mkdir(path("dir/file"), {.exist_ok = true}))).error(),
              std::errc::file_exists);
    co_await fs::rename(path("dir/file"), path("a/moved"));
    EXPECT_EQ(directory.read("a/moved"), "x");
    co_await fs::link(path("a/moved"), path("hard"));
    co_await fs::symlink("hard", path("soft"));
    co_await fs::chmod(path("hard"), 0600);
    EXPECT_EQ((co_await fs::stat(path("soft"))).mode & 07777u, 0600u);
    co_await fs::truncate(path("hard"), 10);
    EXPECT_EQ(co_await fs::size(path("hard")), 10u);
    auto names = co_await fs::listdir(path(""));
    std::ranges::sort(names);
    EXPECT_EQ(names, (std::vector<std::string>{"a", "dir", "hard", "soft"}));
    EXPECT_EQ((co_await as_result(fs::rmdir(path("a")))).error(), std::errc::directory_not_empty);
    co_await fs::rmdir(path("dir"));
    co_await fs::remove(path("soft"));
    EXPECT_EQ((co_await as_result(fs::remove(path("soft")))).error(),
              std::errc::no_such_file_or_directory);
  });
}

TEST_P(Fs, SetsTimes) {
  directory.write("file", "x");
  run([&]() -> Task<> {
    const FileTime then(std::chrono::milliseconds(-1500));
    const FileTime later(std::chrono::nanoseconds(1'700'000'000'123'456'789));
    co_await fs::utime(path("file"), later, then);
    const FileStat stat = co_await fs::stat(path("file"));
    EXPECT_EQ(stat.accessed, later);
    EXPECT_EQ(stat.modified, then);
  });
}

TEST_P(Fs, ListsALargeDirectoryAndGivesOthersATurn) {
  for (int i = 0; i < 1100; ++i) {
    ::close(::open(path(std::to_string(i)).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
  }
  run([&]() -> Task<> {
    int turns = 0;
    auto other = spawn([&]() -> Task<> {
      for (;;) {
        ++turns;
        co_await yield();
      }
    });
    EXPECT_EQ((co_await fs::listdir(directory.path(""))).size(), 1100u);
    EXPECT_GE(turns, 1);
    auto listing = spawn([&]() -> Task<> { co_await fs::listdir(directory.path("")); });
    co_await yield();
    listing.cancel();
    co_await wait_until_done(listing);
    EXPECT_TRUE(listing.cancelled());
    other.cancel();
    co_await wait_until_done(other);
  });
}

TEST_P(Fs, CopiesWhatCannotBeSpliced) {
  run([&]() -> Task<> {
    const std::string text = co_await read_text("/proc/self/limits");
    EXPECT_EQ(co_await fs::copyfile("/proc/self/limits", path("copy")), text.size());
    EXPECT_EQ(directory.read("copy"), text);
    EXPECT_EQ((co_await as_result(fs::copyfile("/dev/null", path("copy")))).error(),
              std::errc::invalid_argument);
  });
}

TEST_P(Fs, NamesOperationAndPathInItsErrors) {
  run([&]() -> Task<> {
    try {
      co_await fs::rename(path("none"), path("other"));
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()),
                "rename '" + path("none") + "': No such file or directory");
    }
    EXPECT_THROW(co_await fs::listdir(path("none")), Error);
    EXPECT_THROW(co_await fs::stat(path("none")), Error);
  });
}

TEST_P(Fs, DoesNothingWhenACancelIsPending) {
  directory.write("file", "x");
  run([&]() -> Task<> {
    auto task = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await fs::remove(path("file"));
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_TRUE(co_await fs::exists(path("file")));
  });
}

// A loop over inline calls that never waits can be cancelled, and starves nobody.
TEST_P(Fs, GivesOthersATurnInALoopThatNeverWaits) {
  run([&]() -> Task<> {
    auto busy = spawn([&]() -> Task<> {
      for (;;) co_await fs::exists(path("file"));
    });
    int turns = 0;
    for (; turns < 10; ++turns) co_await yield();
    busy.cancel();
    co_await wait_until_done(busy);
    EXPECT_TRUE(busy.cancelled());
  });
}

TEST_P(Fs, CopiesBytesAndPermissions) {
  std::string big(3'000'001, '\0');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 31 >> 3);
  directory.write("big", big);
  directory.write("empty", "");
  ::chmod(path("big").c_str(), 0646);
  run([&]() -> Task<> {
    EXPECT_EQ(co_await fs::copyfile(path("big"), path("copy")), big.size());
    EXPECT_EQ(directory.read("copy"), big);
    EXPECT_EQ((co_await fs::stat(path("copy"))).mode & 07777u, 0646u);
    EXPECT_EQ(co_await fs::copyfile(path("empty"), path("copy")), 0u);
    EXPECT_EQ(directory.read("copy"), "");
    EXPECT_EQ((co_await as_result(fs::copyfile(path("big"), path("big")))).error(),
              std::errc::invalid_argument);
    EXPECT_EQ(directory.read("big"), big) << "not destroyed by copying it to itself";
    EXPECT_EQ((co_await as_result(fs::copyfile(path("none"), path("x")))).error(),
              std::errc::no_such_file_or_directory);
    auto task = spawn([&]() -> Task<> { co_await fs::copyfile(path("big"), path("half")); });
    co_await test::settle(4);
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.done());
  });
}

TEST_P(Fs, WritesWholeFiles) {
  run([&]() -> Task<> {
    co_await write_text(path("a"), "one\n");
    co_await append_text(path("a"), "two\n");
    EXPECT_EQ(co_await read_text(path("a")), "one\ntwo\n");
    const std::string binary("\0\xff\r\n\x1a", 5);
    co_await write_bytes(path("b"), binary);
    EXPECT_EQ(directory.read("b"), binary);
    const auto back = co_await read_bytes(path("b"));
    EXPECT_EQ(Bytes(back).text(), binary);
    EXPECT_GT((co_await read_text("/proc/self/status")).size(), 100u)
        << "a size of zero means nothing";
  });
}

TEST_P(Fs, ReplacesAFileAtOnceOrNotAtAll) {
  directory.write("config", "old");
  ::chmod(path("config").c_str(), 0606);  // more than the umask leaves
  run([&]() -> Task<> {
    co_await write_atomic(path("config"), "new contents");
    EXPECT_EQ(directory.read("config"), "new contents");
    EXPECT_EQ((co_await fs::stat(path("config"))).mode & 07777u, 0606u);
    for (int turns = 0; turns < 12; ++turns) {
      auto task = spawn([&]() -> Task<> { co_await write_atomic(path("config"), "other"); });
      co_await test::settle(turns);
      task.cancel();
      co_await wait_until_done(task);
      const std::string now = directory.read("config");
      EXPECT_TRUE(now == "new contents" || now == "other");
      EXPECT_EQ((co_await fs::listdir(path(""))).size(), 1u) << "something is left beside it";
      directory.write("config", "new contents");
    }
    EXPECT_EQ((co_await as_result(write_atomic(path("none/config"), "x"))).error(),
              std::errc::no_such_file_or_directory);
  });
}

}  // namespace
