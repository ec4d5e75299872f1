// What is the same for every call of fs that has no frame, and what Python's os and pathlib have
// beyond the first few of them.
#include "file/policies.hpp"
#include "support/allocations.hpp"
#include "support/submissions.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::wait_until_done;

class FsCalls : public test::EveryPolicy {
 protected:
  static Task<std::error_code> code_of(Task<> call) {
    const auto outcome = co_await as_result(std::move(call));
    co_return outcome ? std::error_code() : outcome.error();
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, FsCalls, test::every_policy(), test::name_of_policy);

TEST_P(FsCalls, CanStandWhereATaskCan) {
  directory.write("file", "12345");
  run([&]() -> Task<> {
    Task<bool> task = fs::exists(path("file"));
    EXPECT_TRUE(co_await std::move(task));
    auto spawned = spawn(fs::size(path("file")));
    EXPECT_EQ(co_await spawned, 5u);
    const auto [there, size] = co_await gather(fs::is_dir(path("")), fs::size(path("file")));
    EXPECT_TRUE(there);
    EXPECT_EQ(size, 5u);
    EXPECT_FALSE(co_await timeout_at(std::nullopt, fs::exists(path("none"))));
    const auto outcome = co_await as_outcome(fs::stat(path("none")));
    EXPECT_TRUE(outcome.error().is_error(ENOENT));
    co_await task_group([&](TaskGroup& group) -> Task<> {
      group.spawn(fs::touch(path("new")));
      co_return;
    });
    const auto failing = [&]() -> Task<> {
      EDDY_DO(fs::remove(path("none")));
    };
    EXPECT_EQ(co_await code_of(failing()), std::errc::no_such_file_or_directory);
  });
  EXPECT_EQ(directory.read("new"), "");
}

TEST_P(FsCalls, OwnTheirPaths) {
  directory.write("file", "12345");
  run([&]() -> Task<> {
    std::string name = path("file");
    auto call = fs::size(name);
    name = path("none");
    EXPECT_EQ(co_await std::move(call), 5u);
  });
}

TEST_P(FsCalls, AreCancelledBeforeTheyBegin) {
  directory.write("file", "x");
  run([&]() -> Task<> {
    const auto refused = [&](Task<> call) -> Task<> {
      const auto body = [&]() -> Task<> {
        this_task().cancel();
        co_await std::move(call);
      };
      auto task = spawn(body);
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
    };
    co_await refused(fs::remove(path("file")));
    co_await refused(fs::chmod(path("file"), 0));
    co_await refused(fs::touch(path("new")));
    co_await refused(fs::mkdir(path("new")));
  });
  EXPECT_EQ(directory.read("file"), "x");
  EXPECT_FALSE(std::filesystem::exists(path("new")));
}

TEST_P(FsCalls, RefuseAPathWithAZeroByteAtOnce) {
  run([&]() -> Task<> {
    const std::string bad("a\0b", 3);
    EXPECT_THROW(static_cast<void>(fs::exists(bad)), UsageError);
    EXPECT_THROW(static_cast<void>(fs::rename(path("a"), bad)), UsageError);
    EXPECT_THROW(static_cast<void>(fs::symlink(bad, path("a"))), UsageError);
    co_return;
  });
}

TEST_P(FsCalls, NeedNoMemoryOnceWarm) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  directory.write("file", "12345");
  const std::string file = path("file"), none = path("none");
  run([&]() -> Task<> {
    std::size_t taken = 0;
    for (int round = 0; round < 3; ++round) {
      const std::size_t before = test::allocations();
      EXPECT_EQ(co_await fs::size(file), 5u);
      EXPECT_FALSE(co_await fs::exists(none));
      co_await fs::mkdir(none, {.permissions = 0700});
      co_await fs::mkdir(none, {.exist_ok = true});
      co_await fs::rmdir(none);
      taken = test::allocations() - before;
    }
    EXPECT_EQ(taken, 0u);
  });
}

TEST_P(FsCalls, TellWhatKindOfFileThereIs) {
  directory.write("file", "x");
  ASSERT_EQ(::symlink("file", path("link").c_str()), 0);
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path("socket").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  run([&]() -> Task<> {
    EXPECT_TRUE(co_await fs::is_symlink(path("link")));
    EXPECT_FALSE(co_await fs::is_symlink(path("file")));
    EXPECT_TRUE(co_await fs::is_file(path("link")));
    EXPECT_TRUE(co_await fs::is_fifo(path("fifo")));
    EXPECT_FALSE(co_await fs::is_fifo(path("file")));
    EXPECT_TRUE(co_await fs::is_socket(path("socket")));
    EXPECT_FALSE(co_await fs::is_socket(path("fifo")));
    EXPECT_TRUE(co_await fs::is_char_device("/dev/null"));
    EXPECT_FALSE(co_await fs::is_char_device(path("none")));
    EXPECT_FALSE(co_await fs::is_block_device("/dev/null"));
    EXPECT_FALSE(co_await fs::is_socket(path("file/below")));
    EXPECT_TRUE((co_await fs::stat(path("fifo"))).is_fifo());
    EXPECT_TRUE((co_await fs::stat("/dev/null")).is_char_device());
  });
}

TEST_P(FsCalls, TellWhereAFileSystemIsMounted) {
  ASSERT_EQ(::symlink("/proc", path("link").c_str()), 0);
  run([&]() -> Task<> {
    EXPECT_TRUE(co_await fs::is_mount("/"));
    EXPECT_TRUE(co_await fs::is_mount("/proc"));
    EXPECT_FALSE(co_await fs::is_mount(path("link"))) << "a link is none";
    EXPECT_FALSE(co_await fs::is_mount(path("")));
    EXPECT_FALSE(co_await fs::is_mount(path("none")));
  });
}

TEST_P(FsCalls, TellTheTimesOfAFile) {
  directory.write("file", "x");
  run([&]() -> Task<> {
    const FileTime then(std::chrono::seconds(1'000)), later(std::chrono::seconds(2'000));
    co_await fs::utime(path("file"), then, later);
    EXPECT_EQ(co_await fs::accessed(path("file")), then);
    EXPECT_EQ(co_await fs::modified(path("file")), later);
    EXPECT_GT(co_await fs::changed(path("file")), later);
    EXPECT_EQ(co_await code_of([](std::string at) -> Task<> {
                co_await fs::modified(at);
              }(path("none"))),
              std::errc::no_such_file_or_directory);
  });
}

TEST_P(FsCalls, TellTheSizeOfAFileSystem) {
  struct statvfs expected;
  ASSERT_EQ(::statvfs(path("").c_str(), &expected), 0);
  run([&]() -> Task<> {
    const fs::FileSystem system = co_await fs::statvfs(path(""));
    EXPECT_EQ(system.blocks, expected.f_blocks);
    EXPECT_EQ(system.block_size, expected.f_bsize);
    EXPECT_EQ(system.fragment_size, expected.f_frsize);
    EXPECT_EQ(system.files, expected.f_files);
    EXPECT_EQ(system.name_max, expected.f_namemax);
    const fs::DiskUsage usage = co_await fs::disk_usage(path(""));
    EXPECT_EQ(usage.total, expected.f_blocks * expected.f_frsize);
    EXPECT_LE(usage.used, usage.total);
    EXPECT_LE(usage.free, usage.total);
    const auto missing = co_await as_result(fs::disk_usage(path("none")));
    EXPECT_EQ(missing.error(), std::errc::no_such_file_or_directory);
  });
}

TEST_P(FsCalls, TouchAndRemoveWhatMayBeThere) {
  run([&]() -> Task<> {
    co_await fs::touch(path("file"), {.permissions = 0600});
    EXPECT_EQ((co_await fs::stat(path("file"))).mode & 07777u, 0600u);
    co_await fs::utime(path("file"), FileTime(), FileTime());
    co_await fs::touch(path("file"));
    EXPECT_GT(co_await fs::modified(path("file")), FileTime());
    EXPECT_EQ(co_await code_of(fs::touch(path("file"), {.exist_ok = false})),
              std::errc::file_exists);
    EXPECT_EQ(co_await code_of(fs::touch(path("none/file"))),
              std::errc::no_such_file_or_directory);
    co_await fs::unlink(path("file"));
    co_await fs::unlink(path("file"), {.missing_ok = true});
    EXPECT_EQ(co_await code_of(fs::unlink(path("file"))), std::errc::no_such_file_or_directory);
    EXPECT_EQ(co_await code_of(fs::unlink(path("none/file"), {.missing_ok = true})),
              std::error_code());
  });
}

TEST_P(FsCalls, TouchNoFifoLongerThanThat) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run([&]() -> Task<> {
    co_await fs::touch(path("fifo"));
    EXPECT_EQ(co_await code_of(fs::touch(path("fifo"), {.exist_ok = false})),
              std::errc::file_exists);
  });
}

TEST_P(FsCalls, ChangeTheOwner) {
  directory.write("file", "x");
  ASSERT_EQ(::symlink("nowhere", path("link").c_str()), 0);
  run([&]() -> Task<> {
    const FileStat before = co_await fs::stat(path("file"));
    co_await fs::chown(path("file"), fs::unchanged, fs::unchanged);
    co_await fs::chown(path("file"), before.user, before.group);
    EXPECT_EQ((co_await fs::stat(path("file"))).user, before.user);
    co_await fs::lchown(path("link"), fs::unchanged, before.group);
    EXPECT_EQ(co_await code_of(fs::chown(path("link"), before.user, before.group)),
              std::errc::no_such_file_or_directory);
    if (::getuid() != 0) co_return;
    co_await fs::chown(path("file"), 12, 34);
    EXPECT_EQ((co_await fs::stat(path("file"))).user, 12u);
    EXPECT_EQ((co_await fs::stat(path("file"))).group, 34u);
  });
}

TEST_P(FsCalls, TellWhetherTwoNamesAreOneFile) {
  directory.write("file", "x");
  directory.write("other", "x");
  ASSERT_EQ(::link(path("file").c_str(), path("hard").c_str()), 0);
  ASSERT_EQ(::symlink("file", path("soft").c_str()), 0);
  run([&]() -> Task<> {
    EXPECT_TRUE(co_await fs::samefile(path("hard"), path("soft")));
    EXPECT_FALSE(co_await fs::samefile(path("file"), path("other")));
    try {
      co_await fs::samefile(path("file"), path("none"));
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()),
                "stat '" + path("none") + "': No such file or directory");
    }
    File file = co_await open(path("file")), hard = co_await open(path("hard"));
    File other = co_await open(path("other"));
    EXPECT_TRUE(fs::sameopenfile(file.fileno(), hard.fileno()));
    EXPECT_FALSE(fs::sameopenfile(file.fileno(), other.fileno()));
    EXPECT_THROW(fs::sameopenfile(file.fileno(), -1), Error);
    co_await file.close();
    co_await hard.close();
    co_await other.close();
  });
}

TEST_P(FsCalls, RenameWithTheDirectoriesAround) {
  std::filesystem::create_directories(path("a/b"));
  std::filesystem::create_directories(path("a/kept"));
  directory.write("a/b/file", "x");
  run([&]() -> Task<> {
    co_await fs::renames(path("a/b/file"), path("new/deep/file"));
    EXPECT_EQ(directory.read("new/deep/file"), "x");
    EXPECT_FALSE(co_await fs::exists(path("a/b")));
    EXPECT_TRUE(co_await fs::exists(path("a/kept")));
    EXPECT_EQ(co_await code_of(fs::renames(path("none"), path("made/file"))),
              std::errc::no_such_file_or_directory);
    EXPECT_TRUE(co_await fs::is_dir(path("made"))) << "as os.renames() does";
  });
}

TEST_P(FsCalls, RemoveEmptyDirectoriesUpwards) {
  std::filesystem::create_directories(path("top/a/b/c"));
  directory.write("top/file", "x");
  run([&]() -> Task<> {
    co_await fs::removedirs(path("top/a/b/c/"));
    EXPECT_FALSE(co_await fs::exists(path("top/a")));
    EXPECT_TRUE(co_await fs::exists(path("top/file")));
    EXPECT_EQ(co_await code_of(fs::removedirs(path("top"))), std::errc::directory_not_empty);
    EXPECT_EQ(co_await code_of(fs::removedirs(path("none"))),
              std::errc::no_such_file_or_directory);
  });
}

TEST_P(FsCalls, FollowEveryLinkOfAPath) {
  std::filesystem::create_directories(path("real/sub"));
  directory.write("real/sub/file", "x");
  ASSERT_EQ(::symlink("real", path("link").c_str()), 0);
  ASSERT_EQ(::symlink("../sub/file", path("real/sub/again").c_str()), 0);
  ASSERT_EQ(::symlink(path("link/sub").c_str(), path("absolute").c_str()), 0);
  ASSERT_EQ(::symlink("circle", path("circle").c_str()), 0);
  run([&]() -> Task<> {
    const std::string root = std::filesystem::canonical(path("")).string();
    EXPECT_EQ(co_await fs::realpath(path("link/sub/../sub/./again")), root + "/real/sub/file");
    EXPECT_EQ(co_await fs::realpath(path("absolute//again"), true), root + "/real/sub/file");
    EXPECT_EQ(co_await fs::realpath(path("link/none/../sub")), root + "/real/sub");
    EXPECT_EQ(co_await fs::realpath(path("link/none/x")), root + "/real/none/x");
    EXPECT_EQ(co_await fs::realpath(path("circle/x")), root + "/circle/x");
    EXPECT_EQ(co_await fs::realpath("/"), "/");
    EXPECT_EQ(co_await fs::realpath("/.."), "/");
    EXPECT_EQ(co_await fs::realpath("."), std::filesystem::current_path().string());
    const auto none = co_await as_result(fs::realpath(path("none"), true));
    EXPECT_EQ(none.error(), std::errc::no_such_file_or_directory);
    const auto circle = co_await as_result(fs::realpath(path("circle"), true));
    EXPECT_EQ(circle.error(), std::errc::too_many_symbolic_link_levels);
  });
}

TEST(FsPaths, AreMadeAbsoluteWithoutALookAtAnyFile) {
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(fs::getcwd(), here);
  EXPECT_EQ(fs::abspath("a/./b/../c//d/"), here + "/a/c/d");
  EXPECT_EQ(fs::abspath(""), here);
  EXPECT_EQ(fs::abspath("/../x/.."), "/");
  EXPECT_EQ(fs::abspath("/a/b"), "/a/b");
}

// -- where they run --

// `directory` is on a remote file system, as far as the table tells.
void make_remote(const std::string& directory) {
  Storage::current().load(
      "1 0 8:1 / / rw - ext4 x rw\n2 1 0:5 / " + directory + " rw - nfs x rw\n", "/");
}

TEST(FsPlaces, AreAThreadForWhatTheRingDoesNotKnow) {
  test::Directory directory;
  directory.write("file", "x");
  test::run([&]() -> Task<> {
    make_remote(directory.path(""));
    const auto before = Loop::current().stats();
    co_await fs::chmod(directory.path("file"), 0600);
    EXPECT_TRUE(co_await fs::access(directory.path("file"), R_OK));
    EXPECT_FALSE(co_await fs::access(directory.path("none"), R_OK));
    co_await fs::symlink("file", directory.path("link"));
    EXPECT_EQ(co_await fs::readlink(directory.path("link")), "file");
    EXPECT_GT((co_await fs::statvfs(directory.path(""))).block_size, 0u);
    const auto after = Loop::current().stats();
    EXPECT_EQ(after.inline_calls, before.inline_calls);
    EXPECT_GE(after.posts, before.posts + 4);
  });
}

TEST(FsPlaces, TellOfWhatAThreadDidThoughItWasCancelled) {
  test::Directory directory;
  directory.write("file", "x");
  test::run(
      [&]() -> Task<> {
        for (int turns = 0; turns < 6; ++turns) {
          const unsigned mode = 0600u + static_cast<unsigned>(turns);
          bool said = false;
          auto task = spawn([&]() -> Task<> {
            co_await fs::chmod(directory.path("file"), mode);
            said = true;
          });
          co_await test::settle(turns);
          task.cancel();
          co_await wait_until_done(task);
          const FileStat after = co_await fs::stat(directory.path("file"));
          EXPECT_EQ((after.mode & 07777u) == mode, said);
        }
      },
      {.file_policy = FilePolicy::ring});
}

TEST_P(FsCalls, AreAwaitedOnce) {
  directory.write("file", "text");
  run([&]() -> Task<> {
    auto touching = fs::touch(path("new"), {.exist_ok = false});
    co_await touching;
    EXPECT_THROW(co_await touching, UsageError);
    auto asking = fs::access(path("file"), R_OK);
    EXPECT_TRUE(co_await asking);
    EXPECT_THROW(co_await asking, UsageError);
  });
}

TEST_P(FsCalls, MakeDirectoriesWhoseNameEndsWithASlash) {
  const mode_t before = ::umask(0);
  run([&]() -> Task<> {
    co_await fs::makedirs(path("a/b/"));
    co_await fs::makedirs(path("c/d//"), {.permissions = 0700, .exist_ok = true});
    co_await fs::makedirs(path("c/d/"), {.exist_ok = true});
    EXPECT_EQ((co_await as_result(fs::makedirs(path("c/d/")))).error(), std::errc::file_exists);
    EXPECT_EQ((co_await fs::stat(path("c/d"))).mode & 07777, 0700u);
    EXPECT_TRUE(co_await fs::is_dir(path("a/b")));
    const auto before = Loop::current().stats().submitted;
    co_await fs::makedirs(path("c/d/e"));
    const auto made = Loop::current().stats().submitted - before;
    if (GetParam() == FilePolicy::ring) { EXPECT_EQ(made, 1u); }
  });
  ::umask(before);
}

TEST_P(FsCalls, SayThatTheyHaveRenamedThoughTheyAreCancelledAfterwards) {
  for (int time = 0; time < 20; ++time) {
    std::filesystem::create_directories(path("a/b"));
    directory.write("a/b/file", "text");
    run([&]() -> Task<> {
      bool said = false;
      test::Submissions requests(Loop::current());
      auto renaming = spawn([&]() -> Task<> {
        co_await fs::renames(path("a/b/file"), path("file"));
        said = true;
        co_await yield();
      });
      while (!renaming.done()) {  // cancelled while it removes "b", or before
        requests.each([&](const io_uring_sqe& request) {
          if (request.opcode == IORING_OP_UNLINKAT) renaming.cancel();
        });
        co_await yield();
      }
      EXPECT_EQ(said, std::filesystem::exists(path("file")));
    });
    std::filesystem::remove(path("file"));
  }
}

TEST_P(FsCalls, LeadNowhereThroughALinkInACircleAndByANameThatIsTooLong) {
  std::filesystem::create_symlink("circle", path("circle"));
  run([&]() -> Task<> {
    EXPECT_FALSE(co_await fs::exists(path("circle")));
    EXPECT_FALSE(co_await fs::is_file(path("circle")));
    EXPECT_TRUE(co_await fs::is_symlink(path("circle")));
    EXPECT_FALSE(co_await fs::exists(path(std::string(300, 'n'))));
  });
}

}  // namespace
