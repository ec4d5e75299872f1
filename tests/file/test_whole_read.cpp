// Files that are read whole: every size, every kind of file, and every way in which it ends.
#include "file/policies.hpp"
#include "support/failing_kernel.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::wait_until_done;

class WholeFiles : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, WholeFiles, test::every_policy(), test::name_of_policy);

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 997) % 26);
  return text;
}

TEST_P(WholeFiles, AreReadWhateverTheirSize) {
  run([&]() -> Task<> {
    for (const std::size_t size : {0u, 1u, 1000u, 16383u, 16384u, 16385u, 65535u, 65536u, 65537u,
                                   300'000u, 1'100'000u}) {
      const std::string text = pattern(size);
      directory.write("file", text);
      const std::string read = co_await read_text(path("file"));
      EXPECT_TRUE(read == text) << size;
      const auto bytes = co_await read_bytes(path("file"));
      EXPECT_TRUE(Bytes(bytes).text() == text) << size;
    }
  });
}

TEST_P(WholeFiles, AreReadWhereTheSizeSaysNothing) {
  run([&]() -> Task<> {
    const std::string limits = co_await read_text("/proc/self/limits");
    EXPECT_NE(limits.find("Max open files"), std::string::npos);
    EXPECT_EQ(co_await read_text("/dev/null"), "");
  });
}

TEST_P(WholeFiles, NameThePathWhenTheyCannotBeRead) {
  run([&]() -> Task<> {
    const auto message = [](std::string at) -> Task<std::string> {
      try {
        co_await read_bytes(at);
      } catch (const Error& error) {
        co_return error.what();
      }
      co_return "no error";
    };
    const std::string none = co_await message(path("none"));
    EXPECT_EQ(none, "open '" + path("none") + "': No such file or directory");
    const std::string root = co_await message(path(""));
    EXPECT_EQ(root, "open '" + path("") + "': Is a directory");
    EXPECT_THROW(static_cast<void>(read_text(std::string("a\0b", 3))), UsageError);
  });
}

TEST_P(WholeFiles, CanStandWhereATaskCan) {
  directory.write("file", "text");
  run([&]() -> Task<> {
    Task<std::string> task = read_text(path("file"));
    EXPECT_EQ(co_await std::move(task), "text");
    auto spawned = spawn(read_text(path("file")));
    EXPECT_EQ(co_await spawned, "text");
    const auto [one, two] = co_await gather(read_text(path("file")), read_text(path("file")));
    EXPECT_EQ(one + two, "texttext");
    const auto none = co_await as_result(timeout_at(std::nullopt, read_text(path("none"))));
    EXPECT_EQ(none.error(), std::errc::no_such_file_or_directory);
  });
}

TEST_P(WholeFiles, OfAFifoAreWhatAWriterWroteUntilItWent) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run([&]() -> Task<> {
    for (const std::size_t size : {0u, 5u, 20'000u}) {
      auto reading = spawn(read_text(path("fifo")));
      co_await test::settle(20);
      EXPECT_FALSE(reading.done()) << "nobody has opened its other end";
      File writer = co_await open(path("fifo"), "w");
      co_await writer.write(pattern(size));
      co_await writer.close();
      EXPECT_TRUE(co_await reading == pattern(size)) << size;
    }
  });
}

TEST_P(WholeFiles, LeaveNothingOpenWhenTheyAreCancelled) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  directory.write("file", pattern(50'000));
  run([&]() -> Task<> {
    for (const char* name : {"fifo", "file"}) {
      for (int turns = 0; turns < 12; ++turns) {
        auto reading = spawn(read_text(path(name)));
        co_await test::settle(turns);
        reading.cancel();
        co_await wait_until_done(reading);
      }
    }
  });
}

// More at a time than the ring has places for.
TEST_P(WholeFiles, AreReadManyAtATime) {
  for (std::size_t i = 0; i < 100; ++i) directory.write(std::to_string(i), pattern(i * 400));
  run([&]() -> Task<> {
    Storage::current().assume_call_cost(1ms);
    std::vector<JoinHandle<std::string>> reading;
    for (int i = 0; i < 100; ++i) reading.push_back(spawn(read_text(path(std::to_string(i)))));
    for (std::size_t i = 0; i < reading.size(); ++i) {
      const std::string text = co_await reading[i];
      EXPECT_TRUE(text == pattern(i * 400)) << i;
    }
  });
}

// After EINTR the number is free, and may be another's.
TEST(WholeRead, ClosesNoNumberTwice) {
  if (!test::can_refuse()) GTEST_SKIP() << "before 6.10";
  const test::Directory directory;
  directory.write("file", "text");
  Loop loop(test::options({.file_policy = FilePolicy::ring}),
            std::make_unique<test::FailingKernel>(IORING_OP_CLOSE, EINTR));
  const auto body = [&]() -> Task<> {
    const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(next);  // which the file gets now
    EXPECT_EQ(co_await read_text(directory.path("file")), "text");
    EXPECT_GE(::fcntl(next, F_GETFD), 0) << "it was closed once more";
    ::close(next);
  };
  loop.run(body());
  loop.close();
}

}  // namespace
