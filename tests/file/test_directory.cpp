#include "file/policies.hpp"
#include "support/submissions.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <optional>

namespace {

using namespace eddy;

class Directories : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, Directories, test::every_policy(), test::name_of_policy);

TEST_P(Directories, AreOpenedForCallsThatTakeOne) {
  directory.write("a", "text");
  run([&]() -> Task<> {
    Directory place = co_await open_directory(path(""));
    EXPECT_EQ(place.name(), path(""));
    EXPECT_TRUE((co_await place.stat()).is_dir());
    const UniqueFd file(::openat(place.fileno(), "a", O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(file);
    EXPECT_NE(::fcntl(place.fileno(), F_GETFD) & FD_CLOEXEC, 0);
    co_await place.close();
    co_await place.close();
    EXPECT_TRUE(place.closed());
    EXPECT_THROW(static_cast<void>(place.fileno()), UsageError);
    EXPECT_THROW(co_await place.sync(), UsageError);
    EXPECT_TRUE(Directory().closed());
  });
}

TEST_P(Directories, RefuseWhatIsNone) {
  directory.write("a", "text");
  run([&]() -> Task<> {
    EXPECT_EQ((co_await as_result(open_directory(path("a")))).error(), std::errc::not_a_directory);
    EXPECT_EQ((co_await as_result(open_directory(path("none")))).error(),
              std::errc::no_such_file_or_directory);
    EXPECT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);  // for whose other end nobody waits
    EXPECT_EQ((co_await as_result(open_directory(path("fifo")))).error(),
              std::errc::not_a_directory);
    EXPECT_THROW(co_await open_directory(std::string_view("a\0b", 3)), UsageError);
  });
}

TEST_P(Directories, AreSyncedByTheKernel) {
  run([&]() -> Task<> {
    Directory place = co_await open_directory(path(""));
    test::Submissions submissions(Loop::current());
    co_await place.sync();
    int synced = 0;
    submissions.each([&](const io_uring_sqe& request) {
      synced += request.opcode == IORING_OP_FSYNC && request.fd == place.fileno();
    });
    EXPECT_EQ(synced, 1);
    co_await place.close();
  });
}

TEST_P(Directories, MoveAndEndWithTheirCalls) {
  run([&]() -> Task<> {
    Directory opened = co_await open_directory(path(""));
    std::optional<Directory> first(std::move(opened));
    auto syncing = spawn(first->sync());
    Directory second = std::move(*first);
    first.reset();
    co_await syncing;
    EXPECT_FALSE(second.closed());
    // Dropped, it is closed: run() looks.
  });
}

}  // namespace
