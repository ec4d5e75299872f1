// What a Reader has read ahead, and what a Writer has room for, takes no frame.
#include "net/ends.hpp"

#include "support/without_memory.hpp"

namespace {

using namespace eddy;
using test::Ends;
using test::settle;
using test::without_memory;

TEST(AtOnceBytes, OfAReaderAreGivenWithoutAFrame) {
  test::run([]() -> Task<> {
    Ends ends;
    co_await ends.a.write_all("one\ntwo\nkey=value and more");
    Reader reader(ends.b);
    co_await reader.fill();
    const auto readline = [&] { return reader.readline(); };
    EXPECT_EQ(co_await without_memory(readline), "one\n");
    auto lines = reader.lines();
    std::string line(20, ' ');
    const auto next_into = [&] { return lines.next_into(line); };
    EXPECT_TRUE(co_await without_memory(next_into));
    EXPECT_EQ(line, "two\n");
    const auto read_until = [&] { return reader.read_until("="); };
    EXPECT_EQ(co_await without_memory(read_until), "key=");
    char part[5];
    const auto read_exactly = [&] { return reader.read_exactly(part); };
    co_await without_memory(read_exactly);
    EXPECT_EQ(Bytes(part, 5).text(), "value");
    char much[100];
    const auto read_some = [&] { return reader.read_some(much); };
    EXPECT_EQ(co_await without_memory(read_some), 9u);
    EXPECT_EQ(Bytes(much, 9).text(), " and more");
  });
}

TEST(AtOnceBytes, AreRefusedWhileAnotherTaskReads) {
  test::run([]() -> Task<> {
    Ends ends;
    co_await ends.a.write_all("one\n");
    Reader reader(ends.b);
    co_await reader.fill();
    auto waiting = spawn(reader.fill());
    co_await settle();
    char part[2];
    EXPECT_THROW(static_cast<void>(co_await reader.readline()), UsageError);
    EXPECT_THROW(static_cast<void>(co_await reader.read_some(part)), UsageError);
    EXPECT_THROW(co_await reader.read_exactly(part), UsageError);
    co_await ends.a.write_all("two\n");
    co_await waiting;
    EXPECT_EQ(co_await reader.readline(), "one\n");
  });
}

TEST(AtOnceBytes, ThatHaveRoomInAWriterAreNotWaitedFor) {
  test::run([]() -> Task<> {
    Ends ends;
    Writer writer(ends.a, {.high = 10, .low = 5});
    writer.write("0123456789");
    const auto drain = [&] { return writer.drain(); };
    co_await without_memory(drain);
    writer.write("x");
    EXPECT_EQ(writer.buffered(), 11u);
    co_await writer.drain();
    EXPECT_LE(writer.buffered(), 5u);
    co_await writer.flush();
    const auto flush = [&] { return writer.flush(); };
    co_await without_memory(flush);
    const auto close = [&] { return writer.close(); };
    co_await without_memory(close);
  });
}

TEST(AtOnceBytes, OfAWriterThatHasFailedAreRefusedThoughThereIsRoom) {
  test::run([]() -> Task<> {
    Ends ends;
    co_await ends.b.close();
    Writer writer(ends.a);
    writer.write("nobody reads it");
    EXPECT_FALSE(co_await as_result(writer.flush()));
    EXPECT_FALSE(co_await as_result(writer.drain()));
    EXPECT_FALSE(co_await as_result(writer.close()));
  });
}

}  // namespace
