// Times of files that are further away than FileTime reaches, as far as the file system keeps them.
#include "file/policies.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

namespace {

using namespace eddy;

class FileTimes : public test::EveryPolicy {
 protected:
  // What the file system made of it.
  timespec set(const timespec& time) {
    directory.write("file", "");
    const timespec both[] = {time, time};
    EXPECT_EQ(::utimensat(AT_FDCWD, path("file").c_str(), both, 0), 0);
    return kept();
  }
  timespec kept() {
    struct stat stat {};
    EXPECT_EQ(::stat(path("file").c_str(), &stat), 0);
    return stat.st_mtim;
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, FileTimes, test::every_policy(), test::name_of_policy);

FileTime at(std::int64_t nanoseconds) { return FileTime(std::chrono::nanoseconds(nanoseconds)); }

// The last second that FileTime holds, and the first, are held in part.
TEST_P(FileTimes, ThatNoFileTimeHoldsAreTheLastOrTheFirst) {
  constexpr std::int64_t last = 9'223'372'036;
  struct Case {
    timespec time;
    FileTime read;
  };
  const Case cases[] = {
      {{0, 0}, at(0)},
      {{-1, 999'999'999}, at(-1)},
      {{-1, 0}, at(-1'000'000'000)},
      {{last, 854'775'807}, FileTime::max()},
      {{last, 854'775'808}, FileTime::max()},
      {{last + 1, 0}, FileTime::max()},
      {{std::int64_t{1} << 40, 5}, FileTime::max()},
      {{-last - 1, 145'224'192}, FileTime::min()},
      {{-last - 1, 145'224'193}, at(-std::numeric_limits<std::int64_t>::max())},
      {{-last - 1, 145'224'191}, FileTime::min()},
      {{-last - 2, 0}, FileTime::min()},
      {{-(std::int64_t{1} << 40), 5}, FileTime::min()},
  };
  for (const Case& each : cases) {
    const timespec kept = set(each.time);
    if (kept.tv_sec != each.time.tv_sec || kept.tv_nsec != each.time.tv_nsec) continue;
    run([&]() -> Task<> {
      const FileStat stat = co_await fs::stat(path("file"));
      EXPECT_EQ(stat.modified, each.read) << each.time.tv_sec << '.' << each.time.tv_nsec;
      EXPECT_EQ(stat.accessed, each.read);
    });
  }
}

TEST_P(FileTimes, AreSetFromTheFirstToTheLast) {
  const FileTime times[] = {at(0),           at(-1), at(-1'000'000'000), at(-1'500'000'000),
                            FileTime::min(), FileTime::max()};
  for (const FileTime time : times) {
    directory.write("file", "");
    run([&]() -> Task<> {
      co_await fs::utime(path("file"), time, time);
      const timespec stamp = kept();
      EXPECT_GE(stamp.tv_nsec, 0);
      EXPECT_LT(stamp.tv_nsec, 1'000'000'000);
      const FileStat stat = co_await fs::stat(path("file"));
      // Others than tmpfs and xfs keep none before 1901, or after 2446.
      const bool clamped = time == FileTime::min() && stat.modified != time;
      EXPECT_EQ(stat.modified, clamped ? at(-2'147'483'648'000'000'000) : time);
    });
  }
}

}  // namespace
