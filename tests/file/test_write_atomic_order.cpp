// What write_atomic() and append_line() ask the kernel for, in which order: nothing else tells
// whether what they did is there after the power was cut.
#include "file/policies.hpp"
#include "support/failing_kernel.hpp"
#include "support/submissions.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <utility>

namespace {

using namespace eddy;

// What the kernel is asked for, on the ring and by plain calls, while somebody looks.
std::vector<std::string> order;
ino_t last_directory = 0;
test::Submissions* requests = nullptr;

void note_sync(int fd) {
  struct stat stat {};
  EXPECT_EQ(::fstat(fd, &stat), 0);
  order.push_back(S_ISDIR(stat.st_mode) ? "sync the directory" : "sync");
  if (S_ISDIR(stat.st_mode)) last_directory = stat.st_ino;
}

// At least once a turn: a request's descriptor is open until it is done.
void note_requests() {
  requests->each([](const io_uring_sqe& request) {
    if (request.opcode == IORING_OP_FSYNC) note_sync(request.fd);
    if (request.opcode == IORING_OP_RENAMEAT) order.push_back("rename");
    if (request.opcode == IORING_OP_WRITE || request.opcode == IORING_OP_WRITEV) {
      order.push_back("write");
    }
  });
}

void note_plain(const char* call) {
  if (!requests) return;
  note_requests();
  order.push_back(call);
}

// Done before something is appended, and when it is renamed or appended.
std::function<void()> before_the_deed;
std::function<void()> after_the_deed;
int plain_syncs = 0;

}  // namespace

extern "C" int fsync(int fd) {
  if (requests) {
    note_requests();
    note_sync(fd);
  }
  ++plain_syncs;
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

extern "C" int rename(const char* from, const char* to) noexcept {
  note_plain("rename");
  const auto done = ::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  if (after_the_deed) after_the_deed();
  return static_cast<int>(done);
}

extern "C" ssize_t pwrite64(int fd, const void* from, size_t size, off64_t offset) {
  note_plain("write");
  return ::syscall(SYS_pwrite64, fd, from, size, offset);
}

extern "C" ssize_t writev(int fd, const iovec* parts, int count) {
  note_plain("write");
  if (before_the_deed) std::exchange(before_the_deed, nullptr)();
  const auto done = ::syscall(SYS_writev, fd, parts, count);
  if (after_the_deed) after_the_deed();
  return done;
}

namespace {

class SyncOrder : public test::EveryPolicy {
 protected:
  template <class Call>
  std::vector<std::string> order_of(Call call) {
    order.clear();
    const auto body = [&]() -> Task<> {
      test::Submissions view(Loop::current());
      requests = &view;
      auto task = spawn(call());
      while (!task.done()) {
        note_requests();
        co_await yield();
      }
      note_requests();
      requests = nullptr;
      co_await task;
    };
    run(body, {.submission_entries = 512});
    return order;
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, SyncOrder, test::every_policy(), test::name_of_policy);

using Order = std::vector<std::string>;

TEST_P(SyncOrder, OfWriteAtomicIsTheFileBeforeItsNameAndTheDirectoryAfter) {
  for (const char* text : {"first", "second"}) {
    EXPECT_EQ(order_of([&] { return write_atomic(path("config"), text); }),
              (Order{"write", "sync", "rename", "sync the directory"}));
    EXPECT_EQ(directory.read("config"), text);
  }
}

TEST_P(SyncOrder, OfWriteAtomicThatNeedNotBeDurableIsNone) {
  const WriteAtomicOptions options{.durable = false};
  EXPECT_EQ(order_of([&] { return write_atomic(path("config"), "text", options); }),
            (Order{"write", "rename"}));
  EXPECT_EQ(directory.read("config"), "text");
}

TEST_P(SyncOrder, OfTheFirstLineIsTheFileAndTheDirectoryItIsNewIn) {
  const AppendLineOptions options{.durable = true};
  EXPECT_EQ(order_of([&] { return append_line(path("log"), "first", options); }),
            (Order{"write", "sync", "sync the directory"}));
  EXPECT_EQ(order_of([&] { return append_line(path("log"), "second", options); }),
            (Order{"write", "sync"}));
  EXPECT_EQ(directory.read("log"), "first\nsecond\n");
}

// Whoever made it may have died before he synced the directory.
TEST_P(SyncOrder, OfALineInAFileThatIsEmptyIsThatOfTheFirst) {
  directory.write("log", "");
  EXPECT_EQ(order_of([&] { return append_line(path("log"), "first", {.durable = true}); }),
            (Order{"write", "sync", "sync the directory"}));
}

TEST_P(SyncOrder, OfTheFirstLineBehindALinkIsTheDirectoryThatTheFileIsIn) {
  std::filesystem::create_directory(path("d"));
  std::filesystem::create_symlink("d/log", path("link"));
  struct stat expected;
  ASSERT_EQ(::stat(path("d").c_str(), &expected), 0);
  EXPECT_EQ(order_of([&] { return append_line(path("link"), "first", {.durable = true}); }),
            (Order{"write", "sync", "sync the directory"}));
  EXPECT_EQ(last_directory, expected.st_ino);
}

TEST_P(SyncOrder, OfALineThatNeedNotBeDurableIsNone) {
  EXPECT_EQ(order_of([&] { return append_line(path("log"), "first"); }), (Order{"write"}));
}

// What is told when the last sync of `call` fails, which a cancel that came before neither stops
// nor makes a plain call.
template <class Call>
std::string told_after_a_failed_sync(int error, Call call) {
  std::string told;
  bool failing = false;
  plain_syncs = 0;
  Loop loop(test::options({.file_policy = FilePolicy::inline_}),
            std::make_unique<test::FailingKernel>(IORING_OP_FSYNC, error, failing));
  const auto body = [&]() -> Task<> {
    Expected<void> done;
    bool cancelled = false;
    auto calling = spawn([&]() -> Task<> {
      done = co_await as_outcome(call());
      cancelled = !(co_await as_outcome(yield()));
    });
    after_the_deed = [&] {
      calling.cancel();
      failing = error != 0;
    };
    co_await test::wait_until_done(calling);
    after_the_deed = nullptr;
    EXPECT_TRUE(cancelled) << "it stays pending";
    EXPECT_EQ(plain_syncs, 0);
    if (done) co_return;
    EXPECT_TRUE(done.error().is_error(error));
    try {
      done.error().raise();
    } catch (const Error& failed) {
      told = failed.what();
    }
  };
  loop.run(body());
  loop.close();
  return told;
}

TEST(FailedSync, OfTheDirectoryIsSaidThoughTheNewFileIsThere) {
  if (!test::can_refuse()) GTEST_SKIP() << "before 6.10";
  const test::Directory directory;
  const Text path(directory.path("config"));
  for (const int error : {0, EINVAL, EIO}) {
    directory.write("config", "old");
    const std::string told =
        told_after_a_failed_sync(error, [&] { return write_atomic(path, "new"); });
    EXPECT_EQ(directory.read("config"), "new");
    EXPECT_EQ(told.empty(), error != EIO) << "some file systems cannot do it";
    if (error != EIO) continue;
    EXPECT_NE(told.find("sync the directory after replacing"), told.npos) << told;
    EXPECT_NE(told.find(path.view()), told.npos) << told;
  }
}

TEST(FailedSync, OfALineIsSaidThoughTheLineIsThere) {
  if (!test::can_refuse()) GTEST_SKIP() << "before 6.10";
  const test::Directory directory;
  const Text path(directory.path("log"));
  directory.write("log", "a line\n");
  const std::string told = told_after_a_failed_sync(
      EIO, [&] { return append_line(path, "another", {.durable = true}); });
  EXPECT_EQ(directory.read("log"), "a line\nanother\n");
  EXPECT_NE(told.find("sync after appending a line to"), told.npos) << told;
  EXPECT_NE(told.find(path.view()), told.npos) << told;
}

// Another program is killed in the middle of its line, after this one has looked at the end.
TEST(TornLine, ThatCameInBetweenDoesNotSwallowTheNextOne) {
  const test::Directory directory;
  directory.write("log", "whole\n");
  before_the_deed = [&] { std::ofstream(directory.path("log"), std::ios::app) << "to"; };
  const auto body = [&]() -> Task<> { co_await append_line(directory.path("log"), "next"); };
  test::run(body, {.file_policy = FilePolicy::inline_});
  EXPECT_EQ(directory.read("log"), "whole\ntonext\nnext\n");
}

}  // namespace
