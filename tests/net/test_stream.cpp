#include "despite_cancel.hpp"
#include "ends.hpp"

#include "support/allocations.hpp"
#include "support/directory.hpp"

#include <unistd.h>

namespace {

using namespace eddy;
using test::Ends;
using test::Log;
using test::wait_until_done;

TEST(Stream, CarriesBytesBothWays) {
  test::run([]() -> Task<> {
    Ends ends;
    char buffer[16];
    co_await ends.a.write_all("hello");
    const std::size_t got = co_await ends.b.read_some(buffer);
    EXPECT_EQ(Bytes(buffer, got).text(), "hello");
    EXPECT_EQ(co_await ends.b.write("back"), 4u);
    co_await ends.a.read_exactly(MutableBytes(buffer, 4));
    EXPECT_EQ(Bytes(buffer, 4).text(), "back");
    co_await ends.a.close();
    EXPECT_TRUE(ends.a.closed());
    EXPECT_EQ(co_await ends.b.read_some(buffer), 0u) << "the end";
    co_await ends.b.close();
    co_await ends.b.close();
  });
}

TEST(Stream, MovesMuchMoreThanTheKernelHolds) {
  test::run([]() -> Task<> {
    Ends ends;
    std::string much;
    for (int i = 0; much.size() < 5'000'000; ++i) much += std::to_string(i) + ' ';
    auto writer = spawn([&]() -> Task<> {
      co_await ends.a.write_all(much);
      ends.a.shutdown_write();
    });
    const std::string got = co_await ends.b.read_all();
    co_await writer;
    EXPECT_TRUE(got == much);
  });
}

TEST(Stream, HalfCloses) {
  test::run([]() -> Task<> {
    Ends ends;
    ends.a.shutdown_write();
    char buffer[4];
    EXPECT_EQ(co_await ends.b.read_some(buffer), 0u);
    co_await ends.b.write_all("late");
    co_await ends.a.read_exactly(buffer);
    EXPECT_EQ(Bytes(buffer, 4).text(), "late");
  });
}

TEST(Stream, SaysWhatThereWasWhenItEndsTooEarly) {
  test::run([]() -> Task<> {
    Ends ends;
    co_await ends.a.write_all("abc");
    co_await ends.a.close();
    char buffer[10];
    try {
      co_await ends.b.read_exactly(buffer);
      ADD_FAILURE() << "no exception";
    } catch (const EndOfFile& end) {
      EXPECT_EQ(end.partial(), "abc");
    }
  });
}

TEST(Stream, FailsWhereThePeerIsGone) {
  test::run([]() -> Task<> {
    Ends ends;
    co_await ends.b.close();
    const auto written = co_await as_result(ends.a.write_all("x"));
    EXPECT_TRUE(!written && written.error() == std::errc::broken_pipe) << "and no SIGPIPE";
  });
}

TEST(Stream, HasOneReaderAndOneWriter) {
  test::run([]() -> Task<> {
    Ends ends;
    char buffer[4], other[4];
    auto reader = spawn([&]() -> Task<> { co_await ends.a.read_some(buffer); });
    const std::string much(3'000'000, 'x');
    auto writer = spawn([&]() -> Task<> { co_await ends.a.write_all(much); });
    co_await test::settle();
    EXPECT_THROW(co_await ends.a.read_some(other), UsageError);
    EXPECT_THROW(co_await ends.a.write_all("y"), UsageError);
    reader.cancel();
    writer.cancel();
    co_await wait_until_done(reader);
    co_await wait_until_done(writer);
    EXPECT_TRUE(reader.cancelled() && writer.cancelled());
  });
}

// C1, C2, C3, C13: cancelled at every turn, and with the bytes on their way: none is lost
TEST(Stream, LosesNoByteWhenAReadIsCancelled) {
  for (int turns = 0; turns < 6; ++turns) {
    test::run([&]() -> Task<> {
      Ends ends;
      const auto read = [&]() -> Task<std::string> {
        char buffer[8];
        const std::size_t count = co_await ends.b.read_some(buffer);
        co_return std::string(buffer, count);
      };
      const auto send = [&]() -> Task<> { co_await ends.a.write_all("bytes"); };
      const std::string got = co_await test::read_despite_cancel(turns, read, send);
      EXPECT_EQ(got, "bytes") << turns;
    });
  }
}

TEST(Stream, EndsWhatIsInProgressWhenItIsClosed) {
  test::run([]() -> Task<> {
    Ends ends;
    char buffer[4];
    const std::string much(3'000'000, 'x');
    auto reader = spawn([&]() -> Task<> { co_await ends.a.read_some(buffer); });
    auto writer = spawn([&]() -> Task<> { co_await ends.a.write_all(much); });
    co_await test::settle();
    co_await ends.a.close();
    EXPECT_EQ((co_await as_result(reader)).error(), std::errc::operation_canceled);
    EXPECT_EQ((co_await as_result(writer)).error(), std::errc::operation_canceled);
    EXPECT_THROW(co_await ends.a.write_all("y"), UsageError);
    EXPECT_THROW(static_cast<void>(ends.a.read_some(buffer)), UsageError);
  });
}

// F02
TEST(Stream, EndsWithItsLoop) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    const auto echo = []() -> Task<> {
      Ends ends;
      char buffer[4];
      co_await ends.a.read_some(buffer);
    };
    spawn(echo());
    co_await test::settle();
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(Stream, TakesNoTurnForNothing) {
  test::run([]() -> Task<> {
    Ends ends;
    const auto turns = Loop::current().stats().turns;
    EXPECT_EQ(co_await ends.a.read_some(MutableBytes()), 0u);
    co_await ends.a.write_all("");
    EXPECT_EQ(co_await ends.a.write(""), 0u);
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

TEST(Stream, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  Ends ends;
  const auto rounds = [&]() -> Task<> {
    char buffer[64];
    for (int i = 0; i < 10; ++i) {
      co_await ends.a.write_all("ping");
      co_await ends.b.read_exactly(MutableBytes(buffer, 4));
      co_await ends.b.write_all("pong");
      co_await ends.a.read_some(buffer);
    }
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(rounds()); }), 0u);
}

}  // namespace
