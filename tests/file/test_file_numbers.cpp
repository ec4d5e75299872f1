#include "net/ends.hpp"
#include "file/policies.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <limits>

namespace {

using namespace eddy;

class FileNumbers : public test::EveryPolicy {
 protected:
  static constexpr std::uint64_t too_large[] = {
      std::uint64_t{1} << 63, ~std::uint64_t{0} - 1,
      ~std::uint64_t{0}};  // the last one is "where the descriptor stands" for the kernel
};
INSTANTIATE_TEST_SUITE_P(Policy, FileNumbers, test::every_policy(), test::name_of_policy);

// A dev_t, so that it compares with stat(2) and comes apart with major(3) and minor(3).
TEST_P(FileNumbers, TellTheDeviceAsStatDoes) {
  directory.write("file", "x");
  run([&]() -> Task<> {
    for (const std::string& name : {path("file"), std::string("/proc/self"), std::string("/dev")}) {
      struct stat expected;
      EXPECT_EQ(::stat(name.c_str(), &expected), 0);
      EXPECT_EQ((co_await fs::stat(name)).device, expected.st_dev) << name;
    }
  });
}

TEST_P(FileNumbers, RefuseAnOffsetThatNoFileHas) {
  directory.write("file", "0123456789");
  for (const bool registered : {false, true}) {
    for (const int flags : {0, O_APPEND}) {
      run([&]() -> Task<> {
        File file = co_await open(path("file"), OpenFlags{O_RDWR | flags},
                                  {.buffering = 64, .registered = registered});
        EXPECT_EQ(co_await file.read(2), flags ? "" : "01");
        for (const std::uint64_t offset : too_large) {
          char into[4] = {};
          for (const std::size_t size : {std::size_t{4}, std::size_t{0}}) {
            const MutableBytes room(into, size);
            EXPECT_EQ((co_await as_result(file.read_at(room, offset))).error(),
                      std::errc::invalid_argument);
            EXPECT_EQ((co_await as_result(file.write_at(room, offset))).error(),
                      std::errc::invalid_argument);
          }
          EXPECT_EQ((co_await as_result(file.truncate(offset))).error(),
                    std::errc::invalid_argument);
          EXPECT_EQ((co_await as_result(file.allocate(offset, 1))).error(),
                    std::errc::invalid_argument);
          EXPECT_EQ((co_await as_result(file.allocate(0, offset))).error(),
                    std::errc::invalid_argument);
          EXPECT_EQ((co_await as_result(fs::truncate(path("file"), offset))).error(),
                    std::errc::invalid_argument);
          EXPECT_EQ((co_await as_result(file.advise(offset, 1, POSIX_FADV_NORMAL))).error(),
                    std::errc::invalid_argument);
          EXPECT_EQ((co_await as_result(file.advise(0, offset, POSIX_FADV_NORMAL))).error(),
                    std::errc::invalid_argument);
        }
        co_await file.close();
      }, {.registered_files = 8});
      EXPECT_EQ(directory.read("file"), "0123456789");
    }
  }
}

// Where bytes wait in the buffer these take another way.
TEST_P(FileNumbers, RefuseAnOffsetThatNoFileHasAfterAWrite) {
  run([&]() -> Task<> {
    File file = co_await open(path("file"), "w+");
    co_await file.write("unwritten");
    for (const std::uint64_t offset : too_large) {
      char into[4] = {};
      try {
        co_await file.read_at(into, offset);
        ADD_FAILURE() << "no error";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), std::errc::invalid_argument);
        EXPECT_NE(std::string(error.what()).find("2^63"), std::string::npos) << error.what();
      }
      EXPECT_EQ((co_await as_result(file.write_at("zzzz", offset))).error(),
                std::errc::invalid_argument);
    }
    co_await file.close();
    EXPECT_EQ(directory.read("file"), "unwritten");
  });
}

// An adopted descriptor has the kernel's position, which an offset of -1 would mean.
TEST_P(FileNumbers, RefuseAnOffsetThatNoFileHasForAnAdoptedDescriptor) {
  directory.write("file", "0123456789");
  run([&]() -> Task<> {
    File file = File::adopt(::open(path("file").c_str(), O_RDWR | O_CLOEXEC), "r+");
    for (const std::uint64_t offset : too_large) {
      char into[4] = {};
      EXPECT_EQ((co_await as_result(file.read_at(into, offset))).error(),
                std::errc::invalid_argument);
      EXPECT_EQ((co_await as_result(file.write_at("zzzz", offset))).error(),
                std::errc::invalid_argument);
    }
    EXPECT_EQ(co_await file.read(2), "01");
    constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
    EXPECT_EQ((co_await as_result(file.seek(lowest, Whence::current))).error(),
              std::errc::invalid_argument);
    EXPECT_EQ(co_await file.tell(), 2u);
    co_await file.close();
    EXPECT_EQ(directory.read("file"), "0123456789");
  });
}

TEST_P(FileNumbers, SendNothingOfAFileFromAnOffsetThatItHasNot) {
  directory.write("file", "0123456789");
  run([&]() -> Task<> {
    test::Ends ends;
    File file = co_await open(path("file"), "r");
    for (const std::uint64_t offset : too_large) {
      EXPECT_EQ((co_await as_result(ends.a.send_file(file, offset))).error(),
                std::errc::invalid_argument);
    }
    co_await file.close();
    co_await ends.a.close();
    EXPECT_EQ(co_await ends.b.read_all(), "");
  });
}

TEST_P(FileNumbers, KeepAPositionAtTheEndOfAllNumbers) {
  run([&]() -> Task<> {
    constexpr auto last = std::numeric_limits<std::int64_t>::max();
    File file = co_await open(path("file"), "w+");
    EXPECT_EQ(co_await file.seek(last), static_cast<std::uint64_t>(last));
    EXPECT_EQ((co_await as_result(file.seek(1, Whence::current))).error(),
              std::errc::invalid_argument);
    EXPECT_EQ((co_await as_result(file.seek(-1))).error(), std::errc::invalid_argument);
    co_await file.write("xy");
    EXPECT_EQ(co_await file.tell(), static_cast<std::uint64_t>(last) + 2);
    EXPECT_FALSE((co_await as_result(file.flush())).has_value());
    EXPECT_FALSE((co_await as_result(file.close())).has_value());
    EXPECT_TRUE(file.closed());
  });
}

}  // namespace
