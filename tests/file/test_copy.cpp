#include "file/policies.hpp"
#include "net/ends.hpp"
#include "support/seccomp.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <utility>

namespace {

// Shares blocks as btrfs and xfs do, while somebody counts.
int* clones = nullptr;

// What copy_file_range(2) answers for a while, if that is an error; and how often it was asked.
std::atomic<int> range_error = 0;
std::atomic<int> ranges = 0;

}  // namespace

extern "C" ssize_t copy_file_range(int from, off64_t* from_place, int to, off64_t* to_place,
                                   size_t size, unsigned flags) {
  ++ranges;
  if (range_error == 0) {
    return ::syscall(SYS_copy_file_range, from, from_place, to, to_place, size, flags);
  }
  errno = range_error;
  return -1;
}

// By which thread files are looked at.
static std::atomic<pid_t> looking_thread = 0;
static std::atomic<int> looked_at_by_loop = 0;

extern "C" int fstatat64(int directory, const char* path, struct stat64* into, int flags) noexcept {
  if (looking_thread == ::gettid()) ++looked_at_by_loop;
  return static_cast<int>(::syscall(SYS_newfstatat, directory, path, into, flags));
}

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  const long argument = va_arg(arguments, long);
  va_end(arguments);
  if (clones && request == FICLONE) {
    ++*clones;
    const int from = static_cast<int>(argument);
    off_t place = 0;
    off_t to = 0;
    ssize_t copied = 0;
    do copied = ::copy_file_range(from, &place, fd, &to, 1 << 20, 0); while (copied > 0);
    return static_cast<int>(copied);
  }
  return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
}

namespace {

using namespace eddy;
using test::pattern;

class Copy : public test::EveryPolicy {
 protected:
  struct stat stat_of(const std::string& name) const {
    struct stat stat {};
    EXPECT_EQ(::lstat(path(name).c_str(), &stat), 0) << name;
    return stat;
  }
  template <class T>
  static Task<std::string> message_of(Task<T> task) {
    try {
      co_await std::move(task);
    } catch (const Error& error) {
      co_return error.what();
    }
    co_return "no error";
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, Copy, test::every_policy(), test::name_of_policy);

TEST_P(Copy, SharesTheBlocksWhereTheFileSystemCan) {
  directory.write("from", pattern(1'000'000));
  int count = 0;
  clones = &count;
  run([&]() -> Task<> {
    EXPECT_EQ(co_await fs::copyfile(path("from"), path("to")), 1'000'000u);
  });
  clones = nullptr;
  EXPECT_EQ(directory.read("to"), pattern(1'000'000));
  EXPECT_EQ(count, 1);
}

// As far as this loop knows, which asks no file system.
TEST_P(Copy, WithinOneRemoteFileSystemIsTheServers) {
  const std::string text = pattern(600'000);
  directory.write("from", text);
  for (const int error : {0, EXDEV, EOPNOTSUPP}) {
    ranges = 0;
    range_error = error;
    run([&]() -> Task<> {
      internal::Storage::current().load(
          "1 0 8:1 / / rw - ext4 x rw\n2 1 0:5 / " + path("") + " rw - nfs x rw\n", "/");
      EXPECT_EQ(co_await fs::copyfile(path("from"), path("to")), text.size());
    });
    range_error = 0;
    EXPECT_GT(ranges, 0);
    EXPECT_TRUE(directory.read("to") == text) << error;
    std::filesystem::remove(path("to"));
  }
}

// A dead server holds whoever asks it: that is not the loop, though the target is here.
TEST_P(Copy, OfPermissionsOfARemoteFileIsNotTheLoops) {
  std::filesystem::create_directory(path("remote"));
  directory.write("remote/from", "text");
  directory.write("to", "text");
  run([&]() -> Task<> {
    internal::Storage::current().load(
        "1 0 8:1 / / rw - ext4 x rw\n2 1 0:5 / " + path("remote") + " rw - nfs x rw\n", "/");
    looked_at_by_loop = 0;
    looking_thread = ::gettid();
    co_await fs::copystat(path("remote/from"), path("to"));
    co_await fs::copymode(path("remote/from"), path("to"));
    looking_thread = 0;
    if (GetParam() != FilePolicy::inline_) { EXPECT_EQ(looked_at_by_loop, 0); }
  });
}

// Pieces of data between holes, a hole at the end, and nothing but a hole.
TEST_P(Copy, OfAFileWithHolesHasThem) {
  const std::string piece = pattern(100'000);
  constexpr std::size_t size = 2 << 20;
  std::string whole(size, '\0');
  {
    std::ofstream file(path("from"), std::ios::binary);
    for (const std::size_t place : {200'000, 700'000, 1'500'000}) {
      file.seekp(static_cast<std::streamoff>(place));
      file << piece;
      whole.replace(place, piece.size(), piece);
    }
  }
  ASSERT_EQ(::truncate(path("from").c_str(), size), 0);
  directory.write("hole", "");
  ASSERT_EQ(::truncate(path("hole").c_str(), size), 0);
  run([&]() -> Task<> {
    EXPECT_EQ(co_await fs::copyfile(path("from"), path("to")), size);
    EXPECT_EQ(co_await fs::copyfile(path("hole"), path("empty")), size);
  });
  EXPECT_TRUE(directory.read("to") == whole);
  EXPECT_TRUE(directory.read("empty") == std::string(size, '\0'));
  EXPECT_LE(stat_of("to").st_blocks, stat_of("from").st_blocks + 64);
  EXPECT_EQ(stat_of("empty").st_blocks, 0);
}

TEST_P(Copy, OverALongerFileLeavesNothingOfIt) {
  directory.write("from", pattern(1000));
  directory.write("to", std::string(5'000'000, 'x'));
  run([&]() -> Task<> { co_await fs::copyfile(path("from"), path("to")); });
  EXPECT_EQ(directory.read("to"), pattern(1000));
}

TEST_P(Copy, TellsHowFarItIs) {
  directory.write("from", pattern(3'000'000));
  directory.write("nothing", "");
  run([&]() -> Task<> {
    std::uint64_t last = 0;
    int calls = 0;
    auto note = [&](std::uint64_t done, std::uint64_t size) {
      EXPECT_GE(done, last);
      EXPECT_EQ(size, 3'000'000u);
      last = done;
      ++calls;
    };
    co_await fs::copyfile(path("from"), path("to"), note);
    EXPECT_EQ(last, 3'000'000u);
    EXPECT_GE(calls, 2);
    auto nothing = [&](std::uint64_t done, std::uint64_t size) { last = done + size; };
    co_await fs::copyfile(path("nothing"), path("to"), nothing);
    EXPECT_EQ(last, 0u);
  });
}

TEST_P(Copy, EndsWithWhatItsListenerThrows) {
  directory.write("from", std::string(9'000'000, 'x'));
  run([&]() -> Task<> {
    auto refuse = [](std::uint64_t, std::uint64_t) { throw std::runtime_error("enough"); };
    bool thrown = false;
    try {
      co_await fs::copyfile(path("from"), path("to"), refuse);
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
  });
  EXPECT_LT(std::filesystem::file_size(path("to")), 9'000'000u);
}

TEST_P(Copy, HasThePermissionsTheTimesAndTheAttributes) {
  directory.write("from", "text");
  ASSERT_EQ(::chmod(path("from").c_str(), 0604), 0);
  const timespec times[] = {{1'000'000'000, 1}, {1'100'000'000, 999'999'999}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path("from").c_str(), times, 0), 0);
  const bool attributes = ::setxattr(path("from").c_str(), "user.eddy", "value", 5, 0) == 0;
  run([&]() -> Task<> {
    EXPECT_EQ(co_await fs::copy(path("from"), path("to")), path("to"));
    co_await fs::copyfile(path("from"), path("bytes"));
  });
  const struct stat stat = stat_of("to");
  EXPECT_EQ(directory.read("to"), "text");
  EXPECT_EQ(stat.st_mode & 07777, 0604u);
  EXPECT_EQ(stat.st_atim.tv_sec, times[0].tv_sec);
  EXPECT_EQ(stat.st_mtim.tv_sec, times[1].tv_sec);
  EXPECT_EQ(stat.st_mtim.tv_nsec, times[1].tv_nsec);
  EXPECT_NE(stat_of("bytes").st_mtim.tv_sec, times[1].tv_sec);
  if (!attributes) GTEST_SKIP() << "no attributes on this file system";
  char value[8] = {};
  EXPECT_EQ(::getxattr(path("to").c_str(), "user.eddy", value, sizeof value), 5);
  EXPECT_STREQ(value, "value");
}

TEST_P(Copy, GoesIntoADirectory) {
  directory.write("from", "text");
  std::filesystem::create_directory(path("there"));
  run([&]() -> Task<> {
    EXPECT_EQ(co_await fs::copy(path("from"), path("there")), path("there/from"));
    EXPECT_EQ(co_await message_of(fs::copy(path("there"), path("new"))),
              "copy '" + path("there") + "': Is a directory");
  });
  EXPECT_EQ(directory.read("there/from"), "text");
}

TEST_P(Copy, OfALinkIsWhatItLeadsToOrTheLinkAsOneLikes) {
  directory.write("file", "text");
  ASSERT_EQ(::symlink("file", path("link").c_str()), 0);
  run([&]() -> Task<> {
    co_await fs::copyfile(path("link"), path("followed"));
    EXPECT_EQ(co_await fs::copyfile(path("link"), path("same"), {.follow_symlinks = false}), 0u);
    co_await fs::copy(path("link"), path("with times"), {.follow_symlinks = false});
    EXPECT_EQ(
        (co_await as_result(fs::copyfile(path("link"), path("file"), {.follow_symlinks = false})))
            .error(),
        std::errc::file_exists);
    co_await fs::copyfile(path("file"), path("plain"), {.follow_symlinks = false});
  });
  EXPECT_TRUE(S_ISREG(stat_of("followed").st_mode));
  EXPECT_EQ(std::filesystem::read_symlink(path("same")), "file");
  EXPECT_EQ(std::filesystem::read_symlink(path("with times")), "file");
  EXPECT_EQ(stat_of("with times").st_mtim.tv_nsec, stat_of("link").st_mtim.tv_nsec);
  EXPECT_EQ(directory.read("plain"), "text");
}

TEST_P(Copy, IsRefusedWhereBothAreOneFile) {
  directory.write("file", "text");
  ASSERT_EQ(::link(path("file").c_str(), path("name").c_str()), 0);
  ASSERT_EQ(::symlink("file", path("link").c_str()), 0);
  run([&]() -> Task<> {
    for (const char* name : {"file", "name", "link"}) {
      const std::string told = co_await message_of(fs::copy(path("file"), path(name)));
      EXPECT_EQ(told, "copy a file to itself '" + path(name) + "': Invalid argument");
    }
  });
  EXPECT_EQ(directory.read("file"), "text");
}

TEST_P(Copy, OfThePermissionsLeavesTheTimes) {
  directory.write("from", "a");
  directory.write("to", "b");
  ASSERT_EQ(::chmod(path("from").c_str(), 0421), 0);
  const timespec times[] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path("from").c_str(), times, 0), 0);
  run([&]() -> Task<> {
    co_await fs::copymode(path("from"), path("to"));
    EXPECT_EQ(stat_of("to").st_mode & 07777, 0421u);
    EXPECT_NE(stat_of("to").st_mtim.tv_sec, 1'000'000'000);
    co_await fs::copystat(path("from"), path("to"));
    EXPECT_EQ(stat_of("to").st_mtim.tv_sec, 1'000'000'000);
    EXPECT_EQ(directory.read("to"), "b");
    EXPECT_EQ(co_await message_of(fs::copystat(path("from"), path("none"))),
              "copy permissions and times to '" + path("none") + "': No such file or directory");
  });
}

constexpr unsigned nobody = 65534;

TEST_P(Copy, MakesNoProgramThatRunsAsAnotherOwner) {
  if (::getuid() != 0) GTEST_SKIP() << "takes two users";
  directory.write("program", "code");
  ASSERT_EQ(::chown(path("program").c_str(), nobody, nobody), 0);
  ASSERT_EQ(::chmod(path("program").c_str(), 06755), 0);
  run([&]() -> Task<> {
    co_await fs::copy(path("program"), path("root's"));
    EXPECT_EQ(stat_of("root's").st_mode & 07777, 0755u);
    EXPECT_EQ(::chown(path("root's").c_str(), nobody, nobody), 0);
    co_await fs::copymode(path("program"), path("root's"));
    EXPECT_EQ(stat_of("root's").st_mode & 07777, 06755u);
  });
}

// -- sendfile --

TEST_P(Copy, OfAPartGoesWhereTheOtherFileStands) {
  directory.write("from", pattern(1'000'000));
  const std::string text = pattern(1'000'000);
  run([&]() -> Task<> {
    File in = co_await open(path("from"), "r");
    co_await in.seek(5);
    File out = co_await open(path("to"), "w+");
    co_await out.write("before");
    EXPECT_EQ(co_await fs::sendfile(out, in, 1000, 700'000), 700'000u);
    EXPECT_EQ(co_await out.tell(), 700'006u);
    co_await out.write("after");
    EXPECT_EQ(co_await fs::sendfile(out, in, 999'990, 1000), 10u) << "it ends there";
    EXPECT_EQ(co_await fs::sendfile(out, in, 2'000'000, 1000), 0u);
    EXPECT_EQ(co_await fs::sendfile(out, in, 0, 0), 0u);
    EXPECT_EQ(co_await in.tell(), 5u);
    co_await out.close();
    co_await in.close();
  });
  EXPECT_TRUE(directory.read("to") ==
              "before" + text.substr(1000, 700'000) + "after" + text.substr(999'990));
}

TEST_P(Copy, OfAPartGoesToTheEndOfAFileThatIsAppendedTo) {
  directory.write("from", "0123456789");
  directory.write("to", "there ");
  run([&]() -> Task<> {
    File in = co_await open(path("from"), "r+");
    co_await in.write("written");
    File out = co_await open(path("to"), "a");
    EXPECT_EQ(co_await fs::sendfile(out, in, 4, 100), 6u) << "also what waits in the buffer";
    EXPECT_EQ(co_await out.tell(), 12u);
    co_await out.close();
    co_await in.close();
  });
  EXPECT_EQ(directory.read("to"), "there ten789");
}

TEST_P(Copy, OfAPartGoesIntoAPipe) {
  directory.write("from", "0123456789");
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  run([&]() -> Task<> {
    File in = co_await open(path("from"), "r");
    File out = File::adopt(writer.get(), "w", false);
    EXPECT_EQ(co_await fs::sendfile(out, in, 3, 4), 4u);
    co_await out.close();
  });
  char got[8];
  EXPECT_EQ(::read(reader.get(), got, sizeof got), 4);
  EXPECT_EQ(std::string_view(got, 4), "3456");
}

// The thread that writes would wait for the reader, and could not be told to stop.
TEST_P(Copy, OfAPartIntoAPipeThatNobodyReadsCanBeCancelled) {
  directory.write("from", std::string(1'000'000, 'x'));
  for (const int flags : {0, O_NONBLOCK}) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | flags), 0);
    const UniqueFd reader(ends[0]);
    const UniqueFd writer(ends[1]);
    run([&]() -> Task<> {
      File in = co_await open(path("from"), "r");
      File out = File::adopt(writer.get(), "w", false);
      auto sending = spawn(fs::sendfile(out, in, 0, 1'000'000));
      co_await test::settle(50);
      EXPECT_FALSE(sending.done());
      sending.cancel();
      co_await test::wait_until_done(sending);
      EXPECT_TRUE(sending.cancelled());
      co_await out.close();
    });
  }
}

TEST_P(Copy, OfAPartKeepsItsSourceOpen) {
  constexpr std::size_t size = 16 << 20;
  directory.write("from", std::string(size, 'a'));
  directory.write("other", std::string(size, 'b'));
  run([&]() -> Task<> {
    File out = co_await open(path("to"), "w");
    auto in = std::make_unique<File>(co_await open(path("from"), "r"));
    auto sending = spawn(fs::sendfile(out, *in, 0, size));
    co_await test::settle(2);
    in.reset();
    File other = co_await open(path("other"), "r+");
    EXPECT_EQ(co_await sending, size);
    co_await out.close();
  });
  EXPECT_TRUE(directory.read("to") == std::string(size, 'a'));
}

TEST_P(Copy, OfAPartSaysThatItsSourceWasClosedBeforeItBegan) {
  directory.write("from", "text");
  run([&]() -> Task<> {
    File out = co_await open(path("to"), "w");
    File in = co_await open(path("from"), "r");
    auto sending = fs::sendfile(out, in, 0, 4);
    co_await in.close();
    EXPECT_THROW(co_await std::move(sending), UsageError);
    co_await out.close();
  });
}

TEST_P(Copy, OfAPartOfAFileToItsOwnEndWaitsForNothing) {
  for (const bool uncached : {false, true}) {
    directory.write("file", "text");
    run([&]() -> Task<> {
      File file = co_await open(path("file"), "a+b", {.uncached = uncached});
      EXPECT_EQ(co_await fs::sendfile(file, file, 0, 4), 4u);
      co_await file.close();
    });
    EXPECT_EQ(directory.read("file"), "texttext");
  }
}

// What is in the device would show where nothing is written.
TEST_P(Copy, OfHolesToADeviceWritesThem) {
  directory.write("from", "");
  std::filesystem::resize_file(path("from"), 1 << 20);
  run([&]() -> Task<> {
    EXPECT_EQ(co_await fs::copyfile(path("from"), "/dev/null"), std::uint64_t{1} << 20);
  });
}

TEST_P(Copy, OfAPartIsRefusedWhereItCannotBe) {
  directory.write("from", "text");
  run([&]() -> Task<> {
    File in = co_await open(path("from"), "r");
    File out = co_await open(path("to"), "w");
    EXPECT_EQ((co_await as_result(fs::sendfile(out, in, std::uint64_t{1} << 63, 1))).error(),
              std::errc::invalid_argument);
    EXPECT_THROW(co_await fs::sendfile(in, in, 0, 1), Error) << "opened to read";
    EXPECT_THROW(co_await fs::sendfile(out, out, 0, 1), Error) << "opened to write";
    co_await in.close();
    EXPECT_THROW(co_await fs::sendfile(out, in, 0, 1), UsageError);
    co_await out.close();
  });
}

}  // namespace
