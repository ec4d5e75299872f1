#include "net/ends.hpp"

#include "support/allocations.hpp"
#include "support/directory.hpp"

#include <fcntl.h>

namespace {

using namespace eddy;
using test::Ends;
using test::settle;
using test::wait_until_done;

TEST(Reader, ReadsAFileInPieces) {
  test::Directory directory;
  const std::string text = "first\nsecond\nk=v;" + test::pattern(40'000);
  directory.write("f", text);
  for (const std::size_t capacity : {std::size_t{1}, std::size_t{7}, std::size_t{16 * 1024}}) {
    test::run([&]() -> Task<> {
      File file = co_await open(directory.path("f"), "rb");
      Reader reader(file, capacity);
      EXPECT_EQ(co_await reader.readline(), "first\n");
      auto lines = reader.lines();
      const auto second = co_await lines.next();
      EXPECT_EQ(second, "second\n");
      const Delimiters either(";", "=");
      EXPECT_EQ(co_await reader.read_until(either), "k=");
      EXPECT_EQ(co_await reader.read_until(either), "v;");
      std::string part(100, '\0');
      co_await reader.read_exactly(part);
      EXPECT_EQ(part, text.substr(17, 100));
      const std::size_t some = co_await reader.read_some(part);
      EXPECT_EQ(part.substr(0, some), text.substr(117, some));
      EXPECT_TRUE(co_await reader.read_all() == text.substr(117 + some));
      EXPECT_EQ(co_await reader.read_some(part), 0u);
      EXPECT_EQ(co_await reader.readline(), "");
      co_await file.close();
    });
  }
}

TEST(Reader, ReadsAPipe) {
  test::run([]() -> Task<> {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    File file = File::adopt(ends[0], "rb");
    File out = File::adopt(ends[1], "wb");
    Reader reader(file);
    auto waiting = spawn([&]() -> Task<std::string> { return reader.readline(); });
    co_await settle();
    EXPECT_THROW(co_await reader.readline(), UsageError);
    EXPECT_THROW(reader.consume(0), UsageError);
    EXPECT_EQ(::write(ends[1], "hel", 3), 3);
    co_await settle();
    EXPECT_EQ(::write(ends[1], "lo\nrest", 7), 7);
    EXPECT_EQ(co_await waiting, "hello\n");
    EXPECT_EQ(reader.buffered().text(), "rest");
    reader.consume(1);
    co_await out.close();
    std::string partial;
    try {
      co_await reader.read_until("\n");
    } catch (const EndOfFile& end) {
      partial = end.partial();
    }
    EXPECT_EQ(partial, "est");
    co_await file.close();
  });
}

// C1, C13
TEST(Reader, LosesNothingWhenItIsCancelled) {
  for (int turns = 0; turns < 7; ++turns) {
    test::run([&]() -> Task<> {
      Ends ends;
      Reader reader(ends.b);
      std::string got;
      auto task = spawn([&]() -> Task<> { got = co_await reader.readline(); });
      for (int i = 0; i < turns; ++i) {
        if (i == 2) co_await ends.a.write_all("a li");
        co_await yield();
      }
      task.cancel();
      co_await wait_until_done(task);
      if (turns <= 2) co_await ends.a.write_all("a li");
      co_await ends.a.write_all("ne\n");
      if (got.empty()) got = co_await reader.readline();
      EXPECT_EQ(got, "a line\n") << turns;
    });
  }
}

TEST(Reader, ReadsAnotherReader) {
  test::run([]() -> Task<> {
    Ends ends;
    Reader inner(ends.b, 5);
    Reader outer(inner, 3);
    co_await ends.a.write_all("one\ntwo\nthree\n12345");
    co_await ends.a.close();
    EXPECT_EQ(co_await outer.readline(), "one\n");
    EXPECT_EQ(co_await outer.readline(), "two\n");
    const auto long_line = co_await as_result(outer.read_until("\n", 3));
    EXPECT_TRUE(!long_line && long_line.error() == std::errc::message_size);
    EXPECT_EQ(co_await outer.readline(), "three\n");
    EXPECT_EQ(co_await outer.read_all(), "12345");
  });
}

TEST(Reader, EndsWithTheStream) {
  test::run([]() -> Task<> {
    Ends ends;
    Reader reader(ends.b);
    auto task = spawn([&]() -> Task<> { co_await reader.readline(); });
    co_await settle();
    co_await ends.b.close();
    EXPECT_EQ((co_await as_result(task)).error(), std::errc::operation_canceled);
    EXPECT_THROW(co_await reader.readline(), UsageError);
  });
}

TEST(Reader, AllocatesNothingToFillAndConsume) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  Ends ends;
  Reader reader(ends.b);
  const auto rounds = [&]() -> Task<> {
    for (int i = 0; i < 10; ++i) {
      co_await ends.a.write_all("ping");
      co_await reader.fill();
      reader.consume(4);
    }
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(rounds()); }), 0u);
}

}  // namespace
