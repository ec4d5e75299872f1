// What write_atomic() asks the kernel for, in which order: nothing else tells whether the new file
// is there after the power was cut.
#include "io/policies.hpp"
#include "support/submissions.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace {

using namespace eddy;

// The requests of a call, as their opcodes; of a plain rename(2), its request's.
std::vector<int> order;
test::Submissions* requests = nullptr;

void note_requests() {
  requests->each([](const io_uring_sqe& request) { order.push_back(request.opcode); });
}

}  // namespace

extern "C" int rename(const char* from, const char* to) noexcept {
  if (requests) {
    note_requests();
    order.push_back(IORING_OP_RENAMEAT);
  }
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
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

}  // namespace
