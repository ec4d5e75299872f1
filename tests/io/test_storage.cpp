#include "support/directory.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;

TEST(Storage, TellsRemoteMountsFromLocalOnesByTheTable) {
  test::run([&]() -> Task<> {
    Storage& storage = Storage::current();
    storage.load(
        "22 1 8:1 / / rw - ext4 /dev/root rw\n"
        "23 22 0:5 / /mnt/share rw - nfs4 server:/x rw\n"
        "24 22 0:6 / /mnt/share/local rw shared:1 - tmpfs none rw\n"
        "26 22 0:8 / /net rw - autofs -hosts rw\n"
        "27 22 0:9 / /sys/fs/fuse/connections rw - fusectl none rw\n"
        "25 22 0:7 / /mnt/with\\040blank rw - fuse.sshfs host rw\n",
        "/mnt/share/sub");
    const auto remote = [&](std::string_view path) { return storage.mount_of(path).remote; };
    EXPECT_FALSE(remote("/etc/passwd"));
    EXPECT_TRUE(remote("/mnt/share/file"));
    EXPECT_TRUE(remote("/mnt/share"));
    EXPECT_FALSE(remote("/mnt/shared/file"));
    EXPECT_FALSE(remote("/mnt/share/local/file"));
    EXPECT_TRUE(remote("/mnt/with blank/file"));
    EXPECT_TRUE(remote("relative")) << "the working directory is on it";
    EXPECT_TRUE(remote("/net/host/file")) << "may be mounted when it is touched";
    EXPECT_FALSE(remote("/sys/fs/fuse/connections/1"));
    auto& mount = storage.mount_of("/mnt/share/file");
    EXPECT_FALSE(storage.inline_allowed(mount, FilePolicy::automatic));
    EXPECT_TRUE(storage.inline_allowed(mount, FilePolicy::inline_));
    co_return;
  });
}

TEST(Storage, FollowsWhatIsMountedAndUnmountedMeanwhile) {
  test::run([&]() -> Task<> {
    Storage& storage = Storage::current();
    storage.load("1 0 8:1 / / rw - ext4 x rw\n", "/home");
    auto& root = storage.mount_of("/home/share/file");
    EXPECT_EQ(root.path, "/");
    storage.load("1 0 8:1 / / rw - ext4 x rw\n2 1 0:5 / /home/share rw - nfs x rw\n", "/home");
    auto& share = storage.mount_of("share/file");
    EXPECT_EQ(share.path, "/home/share");
    EXPECT_EQ(&storage.mount_of("sharefile"), &root);
    EXPECT_EQ(&storage.mount_of("/file"), &root) << "it is where it was";
    storage.load("1 0 8:1 / / rw - ext4 x rw\n2 1 0:5 / /home/share rw - ext4 x rw\n", "/home");
    EXPECT_FALSE(share.remote) << "something else is mounted there now";
    storage.load("1 0 8:1 / / rw - nfs x rw\n", "/");
    EXPECT_EQ(&storage.mount_of("home/share/file"), &root) << "unmounted";
    EXPECT_TRUE(root.remote);
    co_await sleep(Storage::table_age);
    EXPECT_NE(storage.mount_of("/proc/self").path, "") << "the real table is read again";
    EXPECT_FALSE(share.present);
  });
}

TEST(Storage, MovesASlowMountToTheRingForAWhile) {
  test::run(
      [&]() -> Task<> {
        Storage& storage = Storage::current();
        auto& mount = storage.mount_of("/some/file");
        EXPECT_TRUE(storage.inline_allowed(mount, FilePolicy::automatic));
        storage.measure(mount, [] {
          const Instant start = std::chrono::steady_clock::now();
          while (std::chrono::steady_clock::now() < start + 2ms) {
          }
          return 0;
        });
        EXPECT_FALSE(storage.inline_allowed(mount, FilePolicy::automatic));
        EXPECT_FALSE(storage.inline_allowed(mount, FilePolicy::ring));
        const Stats stats = Loop::current().stats();
        EXPECT_EQ(stats.inline_calls, 1u);
        EXPECT_EQ(stats.slow_calls, 1u);
        EXPECT_GE(stats.inline_longest, 2ms);
        co_await sleep(1s);
        EXPECT_TRUE(storage.inline_allowed(mount, FilePolicy::automatic)) << "it had its rest";
      },
      {.slow_call = 1ms});
}

TEST(Storage, CountsInlineCallsOnlyWhereThereAreSome) {
  test::Directory directory;
  for (const FilePolicy policy : {FilePolicy::ring, FilePolicy::inline_}) {
    test::run(
        [&]() -> Task<> {
          co_await fs::mkdir(directory.path("d"), {.exist_ok = true});
          EXPECT_EQ(Loop::current().stats().inline_calls > 0, policy == FilePolicy::inline_);
        },
        {.file_policy = policy});
  }
}

}  // namespace
