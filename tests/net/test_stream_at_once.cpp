// What a stream has read ahead is given at once, without a frame.
#include "ends.hpp"

#include "support/without_memory.hpp"

namespace {

using namespace eddy;
using test::Ends;
using test::settle;
using test::without_memory;

TEST(StreamAtOnce, GivesWhatIsThereWithoutAFrame) {
  test::run([]() -> Task<> {
    Ends ends;
    co_await ends.a.write_all("one\ntwo\nthree\nkey=value;rest");
    co_await ends.b.fill();
    const auto readline = [&] { return ends.b.readline(); };
    EXPECT_EQ(co_await without_memory(readline), "one\n");
    auto lines = ends.b.lines();
    const auto next = [&] { return lines.next(); };
    EXPECT_EQ(co_await without_memory(next), "two\n");
    std::string line(20, ' ');
    const auto next_into = [&] { return lines.next_into(line); };
    EXPECT_TRUE(co_await without_memory(next_into));
    EXPECT_EQ(line, "three\n");
    const Delimiters either(";", "=");
    const auto read_until = [&] { return ends.b.read_until(either); };
    EXPECT_EQ(co_await without_memory(read_until), "key=");
    EXPECT_EQ(co_await without_memory(read_until), "value;");
    char part[4];
    const auto read_exactly = [&] { return ends.b.read_exactly(part); };
    co_await without_memory(read_exactly);
    EXPECT_EQ(Bytes(part, 4).text(), "rest");
    ends.a.shutdown_write();
    EXPECT_EQ(co_await ends.b.readline(), "");
    EXPECT_FALSE(co_await lines.next_into(line));
  });
}

TEST(StreamAtOnce, LeavesAPendingCancelToTheNextWait) {
  test::run([]() -> Task<> {
    Ends ends;
    co_await ends.a.write_all("one\ntwo");
    co_await ends.b.fill();
    const auto reading = [&]() -> Task<> {
      this_task().cancel();
      EXPECT_EQ(co_await ends.b.readline(), "one\n");
      auto outcome = co_await as_outcome(ends.b.readline());
      EXPECT_TRUE(!outcome && outcome.error().is_cancelled());
    };
    co_await spawn(reading());
    EXPECT_EQ(ends.b.buffered().text(), "two") << "a cancelled read takes nothing";
  });
}

// The line that is there belongs to who came first, whatever he waits for.
TEST(StreamAtOnce, RefusesASecondReaderThoughItNeedNotWait) {
  test::run([]() -> Task<> {
    Ends ends;
    co_await ends.a.write_all("one\n");
    co_await ends.b.fill();
    auto waiting = spawn(ends.b.fill());
    co_await settle();
    EXPECT_THROW(static_cast<void>(co_await ends.b.readline()), UsageError);
    EXPECT_THROW(static_cast<void>(co_await ends.b.read_until("\n")), UsageError);
    co_await ends.a.write_all("two\n");
    co_await waiting;
    EXPECT_EQ(co_await ends.b.readline(), "one\n");
    EXPECT_EQ(co_await ends.b.readline(), "two\n");
  });
}

TEST(StreamAtOnce, RefusesALineThatIsTooLongThoughItIsThere) {
  test::run([]() -> Task<> {
    Ends ends;
    co_await ends.a.write_all("12345678\nnext\n");
    co_await ends.b.fill();
    const auto piece = co_await as_result(ends.b.read_until("\n", 8));
    EXPECT_TRUE(!piece && piece.error() == std::errc::message_size);
    EXPECT_EQ(ends.b.buffered().text(), "12345678\nnext\n");
    const auto line = co_await as_result(ends.b.readline(8));
    EXPECT_TRUE(!line && line.error() == std::errc::message_size);
    EXPECT_EQ(co_await ends.b.readline(5), "next\n");
  });
}

TEST(StreamAtOnce, CountsAsAnOwnerBeforeItIsAwaited) {
  test::run([]() -> Task<> {
    auto ends = std::make_unique<Ends>();
    co_await ends->a.write_all("one\n");
    co_await ends->b.fill();
    auto call = ends->b.readline();
    Stream moved = std::move(ends->b);
    ends.reset();
    EXPECT_EQ(co_await call, "one\n");
  });
}

}  // namespace
