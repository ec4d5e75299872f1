#include "file/policies.hpp"
#include "file/size_limit.hpp"
#include "support/mounts.hpp"
#include "support/seccomp.hpp"
#include "support/submissions.hpp"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <atomic>
#include <climits>

namespace {

std::atomic<int> system_syncs = 0;     // of whole file systems
std::atomic<int> syncs_by_a_loop = 0;  // ... that held it

}  // namespace

extern "C" int syncfs(int fd) noexcept {
  ++system_syncs;
  if (::gettid() == ::getpid()) ++syncs_by_a_loop;
  return static_cast<int>(::syscall(SYS_syncfs, fd));
}

namespace {

using namespace eddy;
using test::wait_until_done;

class WriteAtomic : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, WriteAtomic, test::every_policy(), test::name_of_policy);

constexpr unsigned nobody = 65534;

struct stat stat_of(const std::string& path) {
  struct stat stat {};
  EXPECT_EQ(::lstat(path.c_str(), &stat), 0);
  return stat;
}

// In a container each life of a program may be process 1: what a crash left behind has the names
// that the next life would take.
TEST_P(WriteAtomic, IsNotInTheWayOfItsNextLife) {
  run([&]() -> Task<> {
    for (int crash = 1; crash <= 300; ++crash) {
      directory.write("config." + std::to_string(::getpid()) + "-" + std::to_string(crash) + ".tmp",
                      "left behind");
    }
    co_await write_atomic(path("config"), "new");
    EXPECT_EQ(directory.read("config"), "new");
  });
}

TEST_P(WriteAtomic, KeepsPermissionsAndOwner) {
  if (::getuid() != 0) GTEST_SKIP() << "only root may give a file away";
  directory.write("secret", "old");
  ::chmod(path("secret").c_str(), 0640);
  ASSERT_EQ(::chown(path("secret").c_str(), nobody, 1234), 0);
  run([&]() -> Task<> {
    co_await write_atomic(path("secret"), "new");
    co_await write_atomic(path("fresh"), "new");
  });
  EXPECT_EQ(directory.read("secret"), "new");
  const struct stat kept = stat_of(path("secret"));
  EXPECT_EQ(kept.st_uid, nobody);
  EXPECT_EQ(kept.st_gid, 1234u);
  EXPECT_EQ(kept.st_mode & 07777, 0640u);
  EXPECT_EQ(stat_of(path("fresh")).st_uid, 0u);
}

// Where writing into it would leave it such a program, as it does for root.
TEST_P(WriteAtomic, KeepsWhatMakesAProgramRunAsItsOwner) {
  if (::getuid() != 0) GTEST_SKIP() << "what others write loses it";
  for (const uid_t owner : {uid_t{0}, uid_t{nobody}}) {
    directory.write("program", "old");
    ASSERT_EQ(::chown(path("program").c_str(), owner, 1234), 0);
    ASSERT_EQ(::chmod(path("program").c_str(), 06751), 0);
    run([&]() -> Task<> { co_await write_atomic(path("program"), "new"); });
    EXPECT_EQ(stat_of(path("program")).st_uid, owner);
    EXPECT_EQ(stat_of(path("program")).st_mode & 07777, 06751u);
  }
}

// Somebody else's file in a directory of one's own: replaced all the same, and then one's own.
TEST_P(WriteAtomic, ReplacesWhatCannotBeGivenAway) {
  if (::getuid() != 0) GTEST_SKIP() << "takes two users";
  directory.write("file", "root's");
  ::chmod(path("file").c_str(), 0604);
  ASSERT_EQ(::chown(path("").c_str(), nobody, nobody), 0);
  test::in_a_child([&] {
    ASSERT_EQ(::setresgid(nobody, nobody, nobody), 0);
    ASSERT_EQ(::setresuid(nobody, nobody, nobody), 0);
    const auto body = [&]() -> Task<> { co_await write_atomic(path("file"), "new"); };
    test::run(body, {.file_policy = GetParam()});
  });
  EXPECT_EQ(directory.read("file"), "new");
  EXPECT_EQ(stat_of(path("file")).st_mode & 07777, 0604u);
}

// A directory that one may write and not read cannot be opened for its sync: a thread syncs all of
// the file system.
TEST_P(WriteAtomic, WorksInADirectoryThatNobodyMayRead) {
  if (::getuid() != 0) GTEST_SKIP() << "takes two users";
  ASSERT_EQ(::chown(path("").c_str(), nobody, nobody), 0);
  ASSERT_EQ(::chmod(path("").c_str(), 0333), 0);
  test::in_a_child([&] {
    ASSERT_EQ(::setresgid(nobody, nobody, nobody), 0);
    ASSERT_EQ(::setresuid(nobody, nobody, nobody), 0);
    const auto body = [&]() -> Task<> {
      for (const char* text : {"one", "two"}) co_await write_atomic(path("file"), text);
    };
    test::run(body, {.file_policy = GetParam()});
    EXPECT_EQ(system_syncs, 2);
    EXPECT_EQ(syncs_by_a_loop, 0);
  });
  EXPECT_EQ(directory.read("file"), "two");
}

TEST_P(WriteAtomic, HoldsNoLoopBySyncingAllWhereItIsCancelled) {
  if (::getuid() != 0) GTEST_SKIP() << "takes two users";
  ASSERT_EQ(::chown(path("").c_str(), nobody, nobody), 0);
  ASSERT_EQ(::chmod(path("").c_str(), 0333), 0);
  test::in_a_child([&] {
    ASSERT_EQ(::setresgid(nobody, nobody, nobody), 0);
    ASSERT_EQ(::setresuid(nobody, nobody, nobody), 0);
    const auto body = [&]() -> Task<> {
      test::Submissions requests(Loop::current());
      for (int time = 0; time < 60; ++time) {
        bool said = false;
        system_syncs = 0;
        const std::string text = std::to_string(time);
        auto writing = spawn([&]() -> Task<> {
          co_await write_atomic(path("file"), text);
          said = true;
          co_await yield();
        });
        while (!writing.done()) {  // cancelled while the ring renames, if it does
          requests.each([&](const io_uring_sqe& request) {
            if (request.opcode == IORING_OP_RENAMEAT) writing.cancel();
          });
          co_await yield();
        }
        if (said) { EXPECT_EQ(system_syncs, 1); }
        EXPECT_EQ(syncs_by_a_loop, 0);
      }
    };
    test::run(body, {.file_policy = GetParam()});
  });
}

std::string message_of(const Failure& failure) {
  try {
    failure.raise();
  } catch (const std::exception& error) {
    return error.what();
  }
}

TEST_P(WriteAtomic, MakesTheFileWithThePermissionsAskedFor) {
  run([&]() -> Task<> {
    for (const char* text : {"one", "two"}) {
      co_await write_atomic(path("file"), text, {.durable = false, .permissions = 0600});
    }
  });
  EXPECT_EQ(directory.read("file"), "two");
  EXPECT_EQ(stat_of(path("file")).st_mode & 07777, 0600u);
}

// As a container's /etc/resolv.conf is.
TEST_P(WriteAtomic, SaysThatWhatIsMountedCannotBeReplaced) {
  directory.write("file", "old");
  directory.write("elsewhere", "mounted");
  test::in_a_child([&] {
    if (!test::own_mounts()) GTEST_SKIP() << "may not mount";
    ASSERT_EQ(::mount(path("elsewhere").c_str(), path("file").c_str(), nullptr, MS_BIND, nullptr),
              0);
    const auto body = [&]() -> Task<> {
      auto done = co_await as_outcome(write_atomic(path("file"), "new"));
      EXPECT_FALSE(done);
      if (done) co_return;
      EXPECT_EQ(message_of(done.error()),
                "replace what is mounted (write_bytes() writes into it) '" + path("file") +
                    "': Device or resource busy");
      EXPECT_EQ((co_await fs::listdir(path(""))).size(), 2u) << "something is left beside it";
      co_await write_bytes(path("file"), "written");
    };
    test::run(body, {.file_policy = GetParam()});
  });
  EXPECT_EQ(directory.read("file"), "old");
}

// The temporary file's name would tell nobody anything.
TEST_P(WriteAtomic, NamesTheFileThatWasToBeReplaced) {
  directory.write("file", "old");
  run([&]() -> Task<> {
    const test::SizeLimit limit(100);
    auto done = co_await as_outcome(write_atomic(path("file"), std::string(200, 'n')));
    EXPECT_FALSE(done);
    if (done) co_return;
    EXPECT_EQ(message_of(done.error()), "write '" + path("file") + "': File too large");
    EXPECT_EQ(directory.read("file"), "old");
    EXPECT_EQ((co_await fs::listdir(path(""))).size(), 1u) << "something is left beside it";
  });
}

TEST_P(WriteAtomic, ReplacesALinkAndNotWhatItLeadsTo) {
  directory.write("target", "old");
  ASSERT_EQ(::symlink("target", path("link").c_str()), 0);
  run([&]() -> Task<> {
    co_await write_atomic(path("link"), "new");
    EXPECT_EQ(directory.read("target"), "old");
    EXPECT_EQ(directory.read("link"), "new");
    EXPECT_FALSE((co_await fs::lstat(path("link"))).is_symlink());
  });
}

// The path of the temporary file would be longer than a path can be.
TEST_P(WriteAtomic, WorksAtTheEndOfTheLongestPath) {
  std::string deep = path("");
  while (deep.size() + 200 < PATH_MAX - 4) deep += std::string(198, 'd') + "/";
  deep += std::string(PATH_MAX - 4 - deep.size(), 'd') + "/";
  std::filesystem::create_directories(deep);
  run([&]() -> Task<> {
    const std::string name = deep + "ab";
    EXPECT_EQ(name.size(), std::size_t{PATH_MAX - 1});
    for (const char* text : {"one", "two"}) co_await write_atomic(name, text);
    EXPECT_EQ(co_await read_text(name), "two");
  });
}

// Cancelled at any turn: the old file, or the new one and the request left for the next wait. What
// is said is what is there.
TEST_P(WriteAtomic, SaysWhatItDidWhenItIsCancelled) {
  run([&]() -> Task<> {
    int replaced = 0;
    for (int turns = 0; turns < 200 && replaced < 3; ++turns) {
      directory.write("file", "old");
      bool done = false;
      auto task = spawn([&]() -> Task<> {
        co_await write_atomic(path("file"), "new");
        done = true;
        co_await yield();
        co_await yield();
        co_await yield();
      });
      co_await test::settle(turns);
      replaced += done;
      task.cancel();
      co_await wait_until_done(task);
      EXPECT_EQ(directory.read("file"), done ? "new" : "old") << turns;
      EXPECT_EQ((co_await fs::listdir(path(""))).size(), 1u) << "something is left beside it";
    }
  });
}

// The request is there when the name has just been taken: it waits, and the directory is synced.
TEST_P(WriteAtomic, IsDoneOnceTheNameIsTaken) {
  run([&]() -> Task<> {
    for (int round = 0; round < 20; ++round) {
      directory.write("file", "old");
      bool done = false;
      Event never;
      auto task = spawn([&]() -> Task<> {
        co_await write_atomic(path("file"), "new");
        done = true;
        co_await never.wait();
      });
      while (!task.done() && directory.read("file") == "old") co_await yield();
      task.cancel();
      co_await wait_until_done(task);
      EXPECT_TRUE(done);
      EXPECT_TRUE(task.cancelled());
    }
  });
}

}  // namespace
