#include "file/policies.hpp"

#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace eddy;

class FilesWithoutMeans : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, FilesWithoutMeans, test::every_policy(), test::name_of_policy);

TEST_P(FilesWithoutMeans, SayThatTheDiskIsFullAndKeepTheRest) {
  run([&]() -> Task<> {
    File file = co_await open("/dev/full", "w");
    co_await file.write("some bytes");
    EXPECT_EQ((co_await as_result(file.flush())).error(), std::errc::no_space_on_device);
    EXPECT_EQ((co_await as_result(file.close())).error(), std::errc::no_space_on_device);
    EXPECT_TRUE(file.closed()) << "the descriptor is gone all the same";
  });
}

TEST_P(FilesWithoutMeans, SayThatASmallFileSystemIsFull) {
  const std::string mount = path("tmpfs");
  ASSERT_EQ(::mkdir(mount.c_str(), 0777), 0);
  if (::mount("none", mount.c_str(), "tmpfs", 0, "size=64k") != 0) GTEST_SKIP() << "may not mount";
  run([&]() -> Task<> {
    const std::string block(1 << 20, 'x');
    EXPECT_EQ((co_await as_result(write_bytes(mount + "/big", block))).error(),
              std::errc::no_space_on_device);
    EXPECT_EQ((co_await as_result(write_atomic(mount + "/atomic", block))).error(),
              std::errc::no_space_on_device);
    EXPECT_EQ((co_await fs::listdir(mount)).size(), 1u) << "nothing is left beside it";
    co_await fs::remove(mount + "/big");
    co_await write_text(mount + "/small", "fits again");
  });
  ::umount(mount.c_str());
}

TEST_P(FilesWithoutMeans, SayThatNoDescriptorIsLeft) {
  directory.write("a", "x");
  run([&]() -> Task<> {
    static_cast<void>(co_await read_text(path("a")));
    rlimit old{};
    ::getrlimit(RLIMIT_NOFILE, &old);
    const int next = ::dup(0);
    ::close(next);
    const rlimit few{static_cast<rlim_t>(next), old.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
    const auto reading = co_await as_result(open(path("a")));
    const auto creating = co_await as_result(open(path("b"), "w"));
    ::setrlimit(RLIMIT_NOFILE, &old);
    EXPECT_TRUE(!reading && reading.error() == std::errc::too_many_files_open);
    EXPECT_TRUE(!creating && creating.error() == std::errc::too_many_files_open);
    EXPECT_EQ(co_await read_text(path("a")), "x") << "the loop goes on";
  });
}

TEST_P(FilesWithoutMeans, SayThatTheyMayNotBeOpened) {
  directory.write("a", "x");
  ::chmod(path("a").c_str(), 0);
  run([&]() -> Task<> {
    const int user = ::setfsuid(65534);  // root may everything
    const auto reading = co_await as_result(open(path("a")));
    const auto creating = co_await as_result(open(path("b"), "w"));
    const auto removing = co_await as_result(fs::remove(path("a")));
    ::setfsuid(static_cast<uid_t>(user));
    EXPECT_TRUE(!reading && reading.error() == std::errc::permission_denied);
    EXPECT_TRUE(!creating && creating.error() == std::errc::permission_denied);
    EXPECT_TRUE(!removing && removing.error() == std::errc::permission_denied);
  });
}

}  // namespace
