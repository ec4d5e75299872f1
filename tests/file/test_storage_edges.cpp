// What Storage counts and keeps between calls.
#include "file/policies.hpp"
#include "support/allocations.hpp"
#include "support/failing_memory.hpp"

#include <eddy/file/internal/file_call.hpp>

#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::wait_until_done;

TEST(StorageCounts, HowLongTheLoopWasHeldAnewAfterEachTurn) {
  test::run(
      []() -> Task<> {
        Storage& storage = Storage::current();
        auto& mount = storage.mount_of("/");
        storage.measure(mount, [] { return ::getppid(); });
        EXPECT_TRUE(storage.turn_is_over()) << "longer than slow_call";
        storage.count_quick();
        EXPECT_FALSE(storage.turn_is_over());
        co_return;
      },
      {.slow_call = 1ns});
}

// Each time that it is slow and rests, for years.
TEST(StorageCounts, AMountThatIsSlowAgainAndAgainOnce) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "a sanitizer's allocator";
  test::run(
      []() -> Task<> {
        Storage& storage = Storage::current();
        storage.load("1 0 8:1 / / rw - ext4 x rw\n", "/");
        auto& mount = storage.mount_of("/");
        const auto be_slow = [&] { storage.measure(mount, [] { return ::getppid(); }); };
        const std::size_t before = test::allocations();
        for (int i = 0; i < 200; ++i) {
          be_slow();
          EXPECT_FALSE(storage.inline_allowed(mount, FilePolicy::automatic));
          co_await sleep(50ms);  // its rest is over, and no table is read again
          EXPECT_TRUE(storage.inline_allowed(mount, FilePolicy::automatic));
        }
        EXPECT_EQ(test::allocations(), before);
      },
      {.slow_call = 1ns, .slow_rest = 40ms});
}

// A mount that is forgotten would be called inline, for as long as its server is dead.
TEST(StorageTable, KeepsWhatItKnewWhenThereIsNoMemoryForTheNewOne) {
  const std::size_t failed = test::fail_each_allocation([](test::FailingMemory& memory) {
    test::run([&]() -> Task<> {
      Storage& storage = Storage::current();
      storage.load("1 0 8:1 / / rw - ext4 x rw\n2 1 0:5 / /far rw - nfs server:/ rw\n", "/");
      const std::string more =
          "1 0 8:1 / / rw - ext4 x rw\n3 1 0:6 / /a/place/with/a/long/name rw - nfs server:/ rw\n"
          "2 1 0:5 / /far rw - nfs server:/ rw\n";
      memory.arm();
      try {
        storage.load(more, "/");
      } catch (const std::bad_alloc&) {
      }
      memory.disarm();
      EXPECT_TRUE(storage.mount_of("/far/file").remote);
      storage.load(more, "/");
      EXPECT_TRUE(storage.mount_of("/far/file").remote);
      EXPECT_TRUE(storage.mount_of("/a/place/with/a/long/name/file").remote);
      co_return;
    });
  });
  EXPECT_GT(failed, 0u);
}

// As a call on a server that is dead: it holds a worker until it is cancelled.
Task<> wait_for_ever(std::string fifo, Storage::Mount& mount) {
  const Text path(fifo);
  Request request;
  request.opcode = IORING_OP_OPENAT;
  request.fd = AT_FDCWD;
  request.address = address_of(path.c_str());
  request.op_flags = O_RDONLY;
  request.flags = IOSQE_ASYNC;
  const int fd = co_await perform(request, "open", mount, FilePolicy::ring, path,
                                  [] { return -1; });
  ::close(fd);
}

TEST(StorageWorkers, OfADeadServerAreNoneOfThoseThatLocalFilesNeed) {
  const test::Directory directory;
  ASSERT_EQ(::mkfifo(directory.path("fifo").c_str(), 0600), 0);
  for (const unsigned calls : {1u, 10u}) {
    test::run(
        [&]() -> Task<> {
          Storage& storage = Storage::current();
          storage.load("1 0 8:1 / / rw - ext4 x rw\n2 1 0:5 / /far rw - nfs server:/ rw\n", "/");
          auto& far = storage.mount_of("/far/file");
          EXPECT_TRUE(far.remote);
          std::vector<JoinHandle<>> waiting;
          for (unsigned i = 0; i < calls; ++i) {
            waiting.push_back(spawn(wait_for_ever(directory.path("fifo"), far)));
          }
          co_await test::settle();
          File file = co_await open(directory.path("local"), "w");
          co_await file.write("text");
          co_await file.sync();
          co_await file.close();
          for (auto& each : waiting) each.cancel();
          for (auto& each : waiting) co_await wait_until_done(each);
        },
        {.io_workers = 1});
  }
}

}  // namespace
