// O_NONBLOCK, with which files are opened so that nobody is waited for, is nobody else's to see.
#include "file/policies.hpp"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace eddy;
using namespace eddy::internal;

class OpenFlagsOf : public test::EveryPolicy {
 protected:
  static bool refuses_to_wait(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }
};
INSTANTIATE_TEST_SUITE_P(Policy, OpenFlagsOf, test::every_policy(), test::name_of_policy);

TEST_P(OpenFlagsOf, ADescriptorThatIsGivenAwayAreThoseThatWereAskedFor) {
  directory.write("file", "0123456789");
  run([&]() -> Task<> {
    for (const char* mode : {"r", "r+", "a", "w"}) {
      File file = co_await open(path("file"), mode);
      EXPECT_FALSE(refuses_to_wait(file.fileno())) << mode;
      co_await file.close();
      File again = co_await open(path("file"), mode);
      const UniqueFd given = co_await again.detach();
      EXPECT_FALSE(refuses_to_wait(given.get())) << mode;
      File asked = co_await open(path("file"), mode, {.flags = O_NONBLOCK});
      EXPECT_TRUE(refuses_to_wait(asked.fileno())) << mode;
      co_await asked.close();
    }
  });
}

TEST_P(OpenFlagsOf, AFileAreOffBeforeTheRingReadsIt) {
  directory.write("file", std::string(200'000, 'x'));
  run([&]() -> Task<> {
    File file = co_await open(path("file"));
    FileState& state = FileAccess::of(file);
    const int fd = state.fd;
    EXPECT_EQ((co_await file.read(10)).size(), 10u);
    static_cast<void>(state.request(IORING_OP_READ, nullptr, 0, 0));
    EXPECT_FALSE(refuses_to_wait(fd));
    EXPECT_EQ((co_await file.read()).size(), 199'990u);
    co_await file.close();
  });
}

TEST_P(OpenFlagsOf, AStreamAreOffAtOnce) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  const UniqueFd other(::open(path("fifo").c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  run([&]() -> Task<> {
    File file = co_await open(path("fifo"));
    EXPECT_FALSE(refuses_to_wait(FileAccess::of(file).fd));
    co_await file.close();
  });
}

// Files that are opened and dropped: nothing waits.
TEST_P(OpenFlagsOf, FilesThatAreOpenedInALoopStarveNobody) {
  directory.write("file", "x");
  run([&]() -> Task<> {
    bool ran = false;
    auto other = spawn([&]() -> Task<> {
      ran = true;
      co_return;
    });
    for (int opened = 0; !ran && opened < 1000; ++opened) {
      File file = co_await open(path("file"));
    }
    EXPECT_TRUE(ran);
    co_await other;
  });
}

TEST_P(OpenFlagsOf, FilesThatCannotBeOpenedInALoopStarveNobody) {
  directory.write("file", "x");
  for (const bool there : {false, true}) {
    run([&]() -> Task<> {
      const auto one = [&]() -> Task<> {
        auto file = co_await as_outcome(open(path(there ? "file" : "none"), "r",
                                             {.flags = there ? O_NONBLOCK : 0}));
        EXPECT_EQ(file.has_value(), there);
      };
      co_await one();  // from now on the cache knows
      bool ran = false;
      auto other = spawn([&]() -> Task<> {
        ran = true;
        co_return;
      });
      for (int opened = 0; !ran && opened < 1000; ++opened) co_await one();
      EXPECT_TRUE(ran);
      co_await other;
    });
  }
}

TEST_P(OpenFlagsOf, NoFileAreKeptWhenTheOpenIsCancelledInAnyTurn) {
  directory.write("file", "x");
  run([&]() -> Task<> {
    for (int turns = 0; turns < 20; ++turns) {
      auto opening = spawn([&]() -> Task<> {
        for (int i = 0; i < 40; ++i) {
          File file = co_await open(path("file"));
        }
      });
      co_await test::settle(turns);
      opening.cancel();
      co_await test::wait_until_done(opening);
    }
  });
}

}  // namespace
