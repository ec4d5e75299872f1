// What write_atomic() asks the kernel for, in which order: nothing else tells whether the new file
// is there after the power was cut.
#include "file/policies.hpp"
#include "support/submissions.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

namespace {

using namespace eddy;

// The requests of a call, as their opcodes; of a plain rename(2), its request's.
std::vector<int> order;
test::Submissions* requests = nullptr;

void note_requests() {
  requests->each([](const io_uring_sqe& request) { order.push_back(request.opcode); });
}

// Done when it is renamed, and what a plain fsync(2) answers.
std::function<void()> after_rename;
int sync_error = 0;

}  // namespace

extern "C" int fsync(int fd) {
  if (sync_error == 0) return static_cast<int>(::syscall(SYS_fsync, fd));
  errno = sync_error;
  return -1;
}

extern "C" int rename(const char* from, const char* to) noexcept {
  if (requests) {
    note_requests();
    order.push_back(IORING_OP_RENAMEAT);
  }
  const auto done = ::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  if (after_rename) after_rename();
  return static_cast<int>(done);
}

namespace {

class WriteAtomicOrder : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, WriteAtomicOrder, test::every_policy(),
                         test::name_of_policy);

TEST_P(WriteAtomicOrder, SyncsTheFileBeforeItsNameAndTheDirectoryAfter) {
  for (const bool there : {false, true}) {
    order.clear();
    run(
        [&]() -> Task<> {
          test::Submissions view(Loop::current());
          requests = &view;
          co_await write_atomic(path("config"), there ? "second" : "first");
          note_requests();
          requests = nullptr;
        },
        {.submission_entries = 512});
    EXPECT_EQ(directory.read("config"), there ? "second" : "first");
    const auto renamed = std::ranges::find(order, IORING_OP_RENAMEAT);
    EXPECT_NE(renamed, order.end());
    EXPECT_EQ(std::count(order.begin(), renamed, IORING_OP_FSYNC), 1) << "the file's";
    EXPECT_EQ(std::count(renamed, order.end(), IORING_OP_FSYNC), 1) << "the directory's";
    // What is written after it was synced is not safe.
    const auto synced = std::ranges::find(order, IORING_OP_FSYNC);
    EXPECT_EQ(std::find(synced, order.end(), IORING_OP_WRITE), order.end());
  }
}

// Cancelled after the rename, it syncs the directory by a plain call.
TEST(WriteAtomicSync, OfTheDirectoryThatFailsIsSaidThoughTheNewFileIsThere) {
  const test::Directory directory;
  for (const int error : {0, EINVAL, EIO}) {
    directory.write("config", "old");
    test::run(
        [&]() -> Task<> {
          Expected<void> written;
          auto writing = spawn([&]() -> Task<> {
            written = co_await as_outcome(write_atomic(directory.path("config"), "new"));
          });
          after_rename = [&] {
            writing.cancel();
            sync_error = error;
          };
          co_await test::wait_until_done(writing);
          after_rename = nullptr;
          sync_error = 0;
          EXPECT_EQ(directory.read("config"), "new");
          EXPECT_EQ(written.has_value(), error != EIO) << "some file systems cannot do it";
          if (written) co_return;
          EXPECT_TRUE(written.error().is_error() && written.error().code() == EIO);
          try {
            written.error().raise();
          } catch (const Error& told) {
            const std::string what = told.what();
            EXPECT_NE(what.find("sync the directory after replacing"), what.npos) << what;
          }
        },
        {.file_policy = FilePolicy::inline_});
  }
}

}  // namespace
