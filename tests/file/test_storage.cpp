#include "support/directory.hpp"
#include "support/run.hpp"

#include <fcntl.h>

#include <cstdlib>
#include <memory>

namespace {

using namespace eddy;
using namespace eddy::internal;

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

void call_slowly(Storage& storage, Storage::Mount& mount) {
  storage.measure(mount, [] {
    const Instant start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < start + 2ms) {
    }
    return 0;
  });
}

TEST(Storage, MovesASlowMountToTheRingForAWhile) {
  test::run(
      [&]() -> Task<> {
        Storage& storage = Storage::current();
        auto& mount = storage.mount_of("/some/file");
        EXPECT_TRUE(storage.inline_allowed(mount, FilePolicy::automatic));
        call_slowly(storage, mount);
        EXPECT_FALSE(storage.inline_allowed(mount, FilePolicy::automatic));
        EXPECT_FALSE(storage.inline_allowed(mount, FilePolicy::ring));
        EXPECT_TRUE(storage.inline_allowed(mount, FilePolicy::inline_));
        const Stats stats = Loop::current().stats();
        EXPECT_EQ(stats.inline_calls, 1u);
        EXPECT_EQ(stats.slow_calls, 1u);
        EXPECT_GE(stats.inline_longest, 2ms);
        co_await sleep(1s);
        EXPECT_TRUE(storage.inline_allowed(mount, FilePolicy::automatic)) << "it had its rest";
      },
      {.slow_call = 1ms, .slow_rest = 64s});
}

TEST(Storage, RestsAMountForLongerWhileItStaysSlow) {
  test::run(
      [&]() -> Task<> {
        Storage& storage = Storage::current();
        auto& mount = storage.mount_of("/some/file");
        const auto rest = [&]() -> Task<Duration> {
          const Instant start = Loop::current().now();
          while (!storage.inline_allowed(mount, FilePolicy::automatic)) co_await sleep(1s);
          co_return Loop::current().now() - start;
        };
        for (const Duration expected : {1s, 2s, 4s, 8s, 16s, 32s, 64s, 64s}) {
          call_slowly(storage, mount);
          EXPECT_EQ(co_await rest(), expected);
        }
        for (int i = 0; i < 64; ++i) storage.measure(mount, [] { return 0; });
        call_slowly(storage, mount);
        EXPECT_EQ(co_await rest(), 1s) << "it was quick for so long that this is a hiccup";
      },
      {.slow_call = 1ms, .slow_rest = 64s});
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

TEST(Storage, ReadsWhatIsCachedWithoutTheRing) {
  test::Directory directory;
  directory.write("a", "0123456789");
  test::run([&]() -> Task<> {
    char buffer[4];
    File file = co_await open(directory.path("a"));
    const auto before = Loop::current().stats();
    EXPECT_EQ(co_await file.read_at(buffer, 3), 4u);
    EXPECT_EQ(Bytes(buffer, 4).text(), "3456");
    EXPECT_EQ(co_await file.read(2), "01");
    const auto after = Loop::current().stats();
    EXPECT_EQ(after.submitted, before.submitted);
    EXPECT_GE(after.inline_calls, before.inline_calls + 2);
    co_await file.close();
  });
}

// The page cache may or may not give its pages up: what is read is the same.
TEST(Storage, ReadsWhatIsNotCached) {
  test::Directory directory;
  std::string text;
  for (int i = 0; i < 40'000; ++i) text += std::to_string(i) + ' ';
  test::run([&]() -> Task<> {
    File file = co_await open(directory.path("a"), "w+");
    co_await file.write(text);
    co_await file.sync();
    for (int round = 0; round < 3; ++round) {
      co_await file.advise(0, 0, POSIX_FADV_DONTNEED);
      co_await file.seek(round);
      EXPECT_EQ(co_await file.read(), text.substr(static_cast<std::size_t>(round)));
      co_await file.advise(8192, 4096, POSIX_FADV_DONTNEED);
      std::string part(20'000, '.');
      EXPECT_EQ(co_await file.read_at(MutableBytes(part.data(), part.size()), 1), 20'000u);
      EXPECT_EQ(part, text.substr(1, 20'000));
    }
    co_await file.close();
  });
}

TEST(Storage, GivesOthersATurnBetweenCachedReads) {
  test::Directory directory;
  directory.write("a", "0123456789");
  test::run([&]() -> Task<> {
    File file = co_await open(directory.path("a"));
    bool ran = false;
    auto other = spawn([&]() -> Task<> {
      ran = true;
      co_return;
    });
    char buffer[4];
    for (int reads = 0; !ran && reads < 1000; ++reads) co_await file.read_at(buffer, 0);
    EXPECT_TRUE(ran);
    co_await other;
    co_await file.close();
  });
}

TEST(Storage, ReadsWithoutACacheOnTheRing) {
  test::Directory directory;
  directory.write("a", std::string(4096, 'd'));
  test::run([&]() -> Task<> {
    auto file = co_await as_result(
        open(directory.path("a"), "rb", {.buffering = 0, .flags = O_DIRECT}));
    if (!file) co_return;  // a file system without it
    EXPECT_EQ(file->policy(), FilePolicy::ring);
    const std::unique_ptr<void, decltype(&std::free)> memory(std::aligned_alloc(4096, 4096),
                                                              &std::free);
    const MutableBytes into(static_cast<char*>(memory.get()), 4096);
    const auto before = Loop::current().stats();
    EXPECT_EQ(co_await file->read_at(into, 0), 4096u);
    EXPECT_EQ(into[4095], std::byte{'d'});
    EXPECT_GT(Loop::current().stats().submitted, before.submitted);
    co_await file->close();
  });
}

}  // namespace
