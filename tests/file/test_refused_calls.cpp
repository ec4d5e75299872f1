#include "file/policies.hpp"
#include "support/seccomp.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace {

using namespace eddy;

// A filter of system calls, as in a container, that does not know a newer one.
class RefusedCalls : public test::EveryPolicy {
 protected:
  void run_refused(std::initializer_list<long> system_calls) {
    for (const int error : {EPERM, ENOSYS}) {
      std::filesystem::remove(path("new"));
      directory.write("file", "0123456789");
      test::in_a_child([&] {
        const auto body = [&]() -> Task<> { return use_files(); };
        Loop loop(test::options({.file_policy = GetParam()}));
        for (const long system_call : system_calls) test::refuse(system_call, error);
        loop.run(body());
        loop.close();
      });
    }
  }

  Task<> use_files() {
    struct stat expected;
    EXPECT_EQ(::fstatat(AT_FDCWD, path("file").c_str(), &expected, 0), 0);
    const FileStat stat = co_await fs::stat(path("file"));
    EXPECT_EQ(stat.size, 10u);
    EXPECT_EQ(stat.inode, expected.st_ino);
    EXPECT_EQ(stat.device, expected.st_dev);
    EXPECT_EQ(stat.mode, expected.st_mode);
    EXPECT_EQ(stat.modified.time_since_epoch(),
              std::chrono::seconds(expected.st_mtim.tv_sec) +
                  std::chrono::nanoseconds(expected.st_mtim.tv_nsec));
    EXPECT_FALSE(co_await fs::exists(path("none")));
    File file = co_await open(path("file"), "r+");
    EXPECT_EQ((co_await file.stat()).size, 10u);
    EXPECT_EQ(co_await file.read(3), "012");
    char three[3];
    EXPECT_EQ(co_await file.read_at(three, 7), 3u);
    EXPECT_EQ(std::string_view(three, sizeof three), "789");
    EXPECT_EQ(co_await file.read(), "3456789");
    co_await file.close();
    EXPECT_EQ((co_await as_result(open(path("none"), "r"))).error(),
              std::errc::no_such_file_or_directory);
    EXPECT_EQ(co_await read_text(path("file")), "0123456789");
    EXPECT_EQ(co_await fs::copyfile(path("file"), path("new")), 10u);
    EXPECT_EQ(directory.read("new"), "0123456789");
    co_await write_atomic(path("new"), "whole");
    EXPECT_EQ(directory.read("new"), "whole");
    co_await append_line(path("new"), " line");
    EXPECT_EQ(directory.read("new"), "whole\n line\n");
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, RefusedCalls, test::every_policy(), test::name_of_policy);

TEST_P(RefusedCalls, AreDoneAnotherWayWithoutOpenat2) { run_refused({SYS_openat2}); }
TEST_P(RefusedCalls, AreDoneAnotherWayWithoutStatx) { run_refused({SYS_statx}); }
TEST_P(RefusedCalls, AreDoneAnotherWayWithoutPreadv2) { run_refused({SYS_preadv2}); }
TEST_P(RefusedCalls, AreDoneAnotherWayWithoutSplice) { run_refused({SYS_splice}); }
TEST_P(RefusedCalls, AreDoneAnotherWayWithoutGetrandom) { run_refused({SYS_getrandom}); }
TEST_P(RefusedCalls, AreDoneAnotherWayWithoutAnyOfThem) {
  run_refused({SYS_openat2, SYS_statx, SYS_preadv2, SYS_splice, SYS_getrandom});
}

}  // namespace
