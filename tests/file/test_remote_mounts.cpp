// What the ring is asked for where a file is on a remote mount.
#include "support/directory.hpp"
#include "support/run.hpp"
#include "support/submissions.hpp"

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

}  // namespace
