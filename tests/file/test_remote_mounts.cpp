// What the ring is asked for where a file is on a remote mount.
#include "support/directory.hpp"
#include "support/failing_kernel.hpp"
#include "support/run.hpp"
#include "support/seccomp.hpp"
#include "support/submissions.hpp"

#include <fcntl.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <memory>

namespace {

using namespace eddy;
using namespace eddy::internal;

// Where there is a remote server, no request waits for its answer in the call that enters the ring.
TEST(RemoteMounts, HaveTheirFilesOpenedByAWorker) {
  const test::Directory directory;
  directory.write("file", "text");
  for (const bool remote : {true, false}) {
    test::run([&]() -> Task<> {
      Storage& storage = Storage::current();
      storage.load(std::string("1 0 8:1 / / rw - ") + (remote ? "nfs" : "ext4") + " x rw\n", "/");
      storage.assume_call_cost(2 * Storage::request_cost);
      test::Submissions submissions(Loop::current());
      unsigned opens = 0;
      const auto look = [&]() -> Task<> {
        for (;;) {
          submissions.each([&](const io_uring_sqe& request) {
            if (request.opcode != IORING_OP_OPENAT && request.opcode != IORING_OP_OPENAT2) return;
            ++opens;
            EXPECT_EQ((request.flags & IOSQE_ASYNC) != 0, remote);
          });
          co_await yield();
        }
      };
      // Behind the others in each turn.
      auto opening = spawn(open(directory.path("file")));
      auto reading = spawn(read_text(directory.path("file")));
      auto listing = spawn(fs::listdir(directory.path("")));
      auto looking = spawn(look());
      static_cast<void>(co_await opening);
      const std::string text = co_await reading;
      EXPECT_EQ(text, "text");
      EXPECT_EQ((co_await listing).size(), 1u);
      looking.cancel();
      co_await test::wait_until_done(looking);
      EXPECT_EQ(opens, remote ? 3u : 2u) << "a local directory is not opened by the ring";
    });
  }
}

// The kernel, with a count of the threads that were asked for.
class CountingKernel : public test::FailingKernel {
 public:
  explicit CountingKernel(int& most) : FailingKernel(no_opcode, 0), most_(most) {}
  void add_workers(int change) noexcept override {
    workers_ += change;
    most_ = std::max(most_, workers_);
    FailingKernel::add_workers(change);
  }

 private:
  static constexpr std::uint8_t no_opcode = 255;
  int workers_ = 0;
  int& most_;
};

TEST(RemoteMounts, CountWhicheverOfTwoNamesIsOnOne) {
  const test::Directory directory;
  std::filesystem::create_directories(directory.path("far"));
  directory.write("a", "text");
  for (const bool into : {true, false}) {
    int most = 0;
    Loop loop(test::options(), std::make_unique<CountingKernel>(most));
    const auto body = [&]() -> Task<> {
      Storage::current().load("1 0 8:1 / / rw - ext4 x rw\n2 1 0:50 / " + directory.path("far") +
                                  " rw - nfs x rw\n", "/");
      const std::string near = directory.path("a"), far = directory.path("far/a");
      if (into) co_await fs::rename(near, far);
      if (!into) co_await fs::rename(far, near);
    };
    loop.run(body());
    loop.close();
    EXPECT_EQ(most, 1) << into;
  }
}

TEST(RemoteMounts, HoldNoThreadThatOthersNeed) {
  const test::Directory directory;
  std::filesystem::create_directories(directory.path("far"));
  directory.write("far/file", "text");
  directory.write("file", "text");
  test::in_a_child([&] {
    ::signal(SIGIO, SIG_IGN);  // says that the lease is wanted back
    const UniqueFd held(::open(directory.path("far/file").c_str(), O_RDONLY | O_CLOEXEC));
    if (::fcntl(held.get(), F_SETLEASE, F_RDLCK) != 0) return;  // there are none here
    test::run([&]() -> Task<> {
      Storage::current().load("1 0 8:1 / / rw - ext4 x rw\n2 1 0:50 / " + directory.path("far") +
                                  " rw - nfs x rw\n", "/");
      std::vector<JoinHandle<>> cutting;
      for (int i = 0; i < 4; ++i) {
        cutting.push_back(spawn(fs::truncate(directory.path("far/file"), 2)));
      }
      co_await test::settle(50);
      co_await fs::truncate(directory.path("file"), 2);  // by a thread as well
      for (const auto& one : cutting) EXPECT_FALSE(one.done());
      ::fcntl(held.get(), F_SETLEASE, F_UNLCK);
      for (auto& one : cutting) co_await one;
    });
  });
}

// -- nothing is done by the thread that all tasks share --

// Only `far` is on a remote mount.
std::string far_of(const test::Directory& directory) {
  std::filesystem::create_directories(directory.path("far"));
  return directory.path("far");
}
void make_remote(const std::string& far) {
  Storage::current().load("1 0 8:1 / / rw - ext4 x rw\n2 1 0:50 / " + far + " rw - nfs x rw\n",
                          "/");
}

// In a child that dies when its first thread makes one of `calls`. Others, which have begun before,
// may.
template <class Body>
void run_without(std::initializer_list<long> calls, const test::Directory& directory, Body body) {
  const std::string far = far_of(directory);
  test::in_a_child([&] {
    test::run([&]() -> Task<> {
      make_remote(far);
      co_await fs::chmod(far, 0700);
      for (const long call : calls) test::forbid(call);
      co_await body(far);
    });
  });
}

TEST(RemoteMounts, AreAdvisedOfNothingByThisThread) {
  const test::Directory directory;
  far_of(directory);
  directory.write("far/file", "text");
  run_without({SYS_fadvise64}, directory, [](std::string far) -> Task<> {
    File file = co_await open(far + "/file");
    for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1} << 40}) {
      co_await file.advise(0, length, POSIX_FADV_WILLNEED);
      co_await file.advise(1, length, POSIX_FADV_DONTNEED);
      const auto refused = co_await as_result(file.advise(0, length, 77));
      EXPECT_EQ(refused.error(), std::errc::invalid_argument);
    }
    co_await file.close();
  });
}

TEST(RemoteMounts, TellTheEndOfWhatSomebodyElseOpenedToAnotherThread) {
  const test::Directory directory;
  far_of(directory);
  directory.write("far/file", "0123456789");
  test::in_a_child([&] {
    test::run([&]() -> Task<> {
      make_remote(directory.path("far"));
      const UniqueFd fd(::open(directory.path("far/file").c_str(), O_RDONLY | O_CLOEXEC));
      File file = File::adopt(fd.get(), "r", false);
      co_await fs::chmod(directory.path("far"), 0700);
      test::refuse(SYS_lseek, EIO);
      EXPECT_EQ(co_await file.seek(-3, Whence::end), 7u);
      EXPECT_EQ(co_await file.read(), "789");
      co_await file.close();
    });
  });
}

TEST(RemoteMounts, AreKnownByTheDescriptorToo) {
  const test::Directory directory;
  const std::string far = far_of(directory);
  directory.write("far/file", "text");
  directory.write("near", "text");
  std::filesystem::create_symlink("far/file", directory.path("link"));
  const auto open_plainly = [&](const char* name) {
    return UniqueFd(::open(directory.path(name).c_str(), O_RDONLY | O_CLOEXEC));
  };
  test::run([&]() -> Task<> {
    make_remote(far);
    Storage& storage = Storage::current();
    EXPECT_TRUE(storage.mount_of_descriptor(open_plainly("far/file").get()).remote);
    EXPECT_TRUE(storage.mount_of_descriptor(open_plainly("link").get()).remote);
    EXPECT_FALSE(storage.mount_of_descriptor(open_plainly("near").get()).remote);
    EXPECT_FALSE(storage.mount_of_descriptor(-1).remote);
    co_return;
  });
}

constexpr std::initializer_list<long> removals{SYS_unlink, SYS_unlinkat, SYS_rmdir};

TEST(RemoteMounts, HaveNothingRemovedByThisThread) {
  const test::Directory directory;
  std::filesystem::create_directories(directory.path("far/tree/a/b"));
  for (const char* name :
       {"far/kept", "far/file", "far/tree/x", "far/tree/a/y", "far/tree/a/b/z"}) {
    directory.write(name, "text");
  }
  std::filesystem::create_directories(directory.path("far/empty/below"));
  run_without(removals, directory, [](std::string far) -> Task<> {
    co_await fs::unlink(far + "/file");
    co_await fs::rmtree(far + "/tree");
    co_await fs::removedirs(far + "/empty/below");
    const auto left = co_await fs::listdir(far);
    EXPECT_EQ(left, std::vector<std::string>{"kept"});
  });
}

TEST(RemoteMounts, HaveWhatIsTemporaryRemovedByOthers) {
  const test::Directory directory;
  run_without(removals, directory, [](std::string far) -> Task<> {
    NamedTemporaryFile file = co_await named_temporary_file({.directory = far});
    EXPECT_TRUE(co_await fs::exists(file.path()));
    co_await file.close();
    TemporaryDirectory room = co_await temporary_directory({.directory = far});
    const std::string in_it = co_await room.enter() + "/file";
    co_await write_text(in_it, "text");
    co_await room.close();
    SpooledTemporaryFile spooled = spooled_temporary_file(1, {.directory = far});
    co_await spooled.write("text");
    co_await spooled.close();
    EXPECT_EQ((co_await fs::listdir(far)).size(), 0u);
  });
}

// Cancelled at each turn: whatever was there then is removed.
TEST(RemoteMounts, HaveTheFileOfAWriteAtomicThatFailedRemovedByOthers) {
  const test::Directory directory;
  run_without(removals, directory, [](std::string far) -> Task<> {
    co_await write_text(far + "/file", "old");
    unsigned cancelled = 0;
    for (int turns = 0; turns < 40; ++turns) {
      auto writing = spawn(write_atomic(far + "/file", "new"));
      co_await test::settle(turns);
      writing.cancel();
      co_await test::wait_until_done(writing);
      cancelled += writing.cancelled();
      EXPECT_EQ((co_await fs::listdir(far)).size(), 1u) << "cancelled after turn " << turns;
    }
    EXPECT_GT(cancelled, 0u);
    auto nowhere = write_atomic(far + "/none/file", "new", {.durable = false});
    EXPECT_EQ((co_await as_result(std::move(nowhere))).error(),
              std::errc::no_such_file_or_directory);
  });
}

}  // namespace
