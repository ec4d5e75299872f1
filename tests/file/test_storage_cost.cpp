// Where what is cached is read and opened: decided by what a system call is said to cost, and by
// who shares the one that enters the ring.
#include "support/directory.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using namespace eddy::internal;

constexpr Duration cheap = Storage::request_cost, dear = 2 * Storage::request_cost;

class CallCost : public testing::Test {
 protected:
  CallCost() { directory.write("file", std::string(1000, 'x')); }

  Task<> read_some(File& file, int times) {
    std::array<char, 100> buffer;
    for (int i = 0; i < times; ++i) co_await file.read_at(buffer, 0);
  }
  static Task<> be_busy() {
    for (;;) co_await yield();
  }
  // `readers` at a time, `times` each: how many requests that was. One more task is ready behind
  // them in each turn if `busy`.
  Task<std::uint64_t> requests(Duration cost, int readers, int times, bool busy = false) {
    Storage::current().assume_call_cost(cost);
    File file = co_await open(directory.path("file"));
    const std::uint64_t before = Loop::current().stats().submitted;
    std::vector<JoinHandle<>> tasks;
    for (int i = 0; i < readers; ++i) tasks.push_back(spawn(read_some(file, times)));
    JoinHandle<> other = busy ? spawn(be_busy()) : tasks.front();
    for (auto& task : tasks) co_await task;
    const std::uint64_t after = Loop::current().stats().submitted;
    other.cancel();
    co_await test::wait_until_done(other);
    co_await file.close();
    co_return after - before;
  }
  template <class F>
  void run(F&& body, FilePolicy policy = FilePolicy::automatic) {
    test::run(body, {.file_policy = policy});
  }

  test::Directory directory;
};

TEST_F(CallCost, IsMeasuredOnceAndNotOnVirtualTime) {
  run([]() -> Task<> {
    EXPECT_EQ(Storage::current().call_cost(), Duration::zero());
    co_return;
  });
  Loop loop;
  const auto cost = [&]() -> Task<Duration> { co_return Storage::current().call_cost(); };
  const Duration measured = loop.run(cost);
  EXPECT_GT(measured, Duration::zero());
  Loop second;
  EXPECT_EQ(second.run(cost), measured) << "it is the process's";
}

TEST_F(CallCost, KeepsReadsInlineWhereItIsLow) {
  run([&]() -> Task<> {
    EXPECT_EQ(co_await requests(cheap, 1, 10), 0u);
    EXPECT_EQ(co_await requests(cheap, 8, 10), 0u);
  });
}

TEST_F(CallCost, KeepsALoneReaderInlineEvenWhereItIsHigh) {
  run([&]() -> Task<> { EXPECT_EQ(co_await requests(dear, 1, 10), 0u); });
}

TEST_F(CallCost, SendsManyReadersToTheRingWhereItIsHigh) {
  run([&]() -> Task<> {
    const auto before = Loop::current().stats();
    EXPECT_EQ(co_await requests(dear, 8, 10), 80u);
    EXPECT_LE(Loop::current().stats().enters - before.enters, 20u) << "they share the enters";
  });
}

TEST_F(CallCost, ChangesNothingUnderAPurePolicy) {
  run([&]() -> Task<> { EXPECT_EQ(co_await requests(dear, 8, 10), 0u); }, FilePolicy::inline_);
  const auto on_the_ring = [&]() -> Task<> { EXPECT_EQ(co_await requests(cheap, 1, 10), 10u); };
  run(on_the_ring, FilePolicy::ring);
}

// Others are ready in each turn, but bring no requests: it tries, and then less and less often.
TEST_F(CallCost, IsPaidWhereTheOthersBringNoRequests) {
  run([&]() -> Task<> {
    const std::uint64_t sent = co_await requests(dear, 1, 400, true);
    EXPECT_GE(sent, 1u);
    EXPECT_LE(sent, 12u);
    EXPECT_GE(co_await requests(dear, 8, 100), 700u) << "and it sees when that changes";
  });
}

TEST_F(CallCost, IsPaidByWholeFilesAndOpensAsRarely) {
  run([&]() -> Task<> {
    const std::string path = directory.path("file");
    for (const bool whole : {false, true}) {
      Storage::current().assume_call_cost(dear);
      Semaphore first(0), second(0);
      const auto work = [&]() -> Task<> {
        for (int i = 0; i < 400; ++i) {
          co_await first.acquire();
          if (whole) {
            co_await read_text(path);
          } else {
            File file = co_await open(path);
          }
        }
      };
      const auto bring_nothing = [&]() -> Task<> {
        for (;;) co_await second.acquire();
      };
      const std::uint64_t before = Loop::current().stats().submitted;
      auto working = spawn(work);
      auto other = spawn(bring_nothing);
      while (!working.done()) {  // it first, and the other one behind it
        first.release();
        second.release();
        co_await yield();
      }
      other.cancel();
      co_await test::wait_until_done(other);
      EXPECT_LE(Loop::current().stats().submitted - before, whole ? 60u : 40u) << whole;
    }
  });
}

TEST_F(CallCost, SendsWholeFilesToTheRingStepByStep) {
  run([&]() -> Task<> {
    Storage::current().assume_call_cost(dear);
    const auto before = Loop::current().stats();
    std::vector<JoinHandle<std::string>> tasks;
    for (int i = 0; i < 8; ++i) tasks.push_back(spawn(read_text(directory.path("file"))));
    for (auto& task : tasks) {
      const std::string text = co_await task;
      EXPECT_EQ(text.size(), 1000u);
    }
    const auto after = Loop::current().stats();
    EXPECT_EQ(after.submitted - before.submitted, 8u * 4) << "open, read, nothing more, close";
    EXPECT_LE(after.enters - before.enters, 8u);
    const std::string alone = co_await read_text(directory.path("file"));
    EXPECT_EQ(alone.size(), 1000u);
    EXPECT_EQ(Loop::current().stats().submitted, after.submitted) << "inline";
  });
}

TEST_F(CallCost, DoesNotMatterOnARemoteMount) {
  run([&]() -> Task<> {
    Storage& storage = Storage::current();
    storage.load("1 0 8:1 / / rw - ext4 x rw\n2 1 0:5 / /mnt rw - nfs x rw\n", "/");
    storage.assume_call_cost(cheap);
    auto& remote = storage.mount_of("/mnt/file");
    EXPECT_FALSE(storage.inline_better(remote, FilePolicy::automatic));
    EXPECT_TRUE(storage.inline_better(remote, FilePolicy::inline_));
    co_return;
  });
}

}  // namespace
