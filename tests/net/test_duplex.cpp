// Streams in memory: what holds of a socket pair holds of them, one body for both, and what is
// their own.
#include "ends.hpp"

#include "support/allocations.hpp"
#include "support/failing_memory.hpp"

#include <array>
#include <cerrno>
#include <new>
#include <string>
#include <vector>

namespace {

using namespace eddy;
using test::pattern;
using test::settle;
using test::wait_until_done;

struct SocketEnds : test::Ends {
  using End = Stream;
  // More than is ever on its way.
  static constexpr std::size_t much = 3'000'000;
};

struct MemoryEnds {
  using End = DuplexStream;
  static constexpr std::size_t much = 300'000;
  MemoryEnds() {
    auto [first, second] = duplex();
    a = std::move(first);
    b = std::move(second);
  }
  DuplexStream a, b;
};

template <class E>
class ByteStream : public testing::Test {};
using Kinds = testing::Types<SocketEnds, MemoryEnds>;
TYPED_TEST_SUITE(ByteStream, Kinds);

// How it ended: 0, or the errno.
template <class A>
Task<int> code_of(A awaitable) {
  const auto outcome = co_await as_outcome(std::move(awaitable));
  co_return outcome ? 0 : outcome.error().error_code().value();
}

TYPED_TEST(ByteStream, GivesWhatItsPeerWrote) {
  test::run([]() -> Task<> {
    TypeParam ends;
    co_await ends.a.write_all("first line\nsecond line\nabc|rest");
    EXPECT_EQ(co_await ends.b.readline(), "first line\n");
    std::array<char, 6> six{};
    co_await ends.b.read_exactly(six);
    EXPECT_EQ(std::string_view(six.data(), 6), "second");
    const std::size_t some = co_await ends.b.read_some(MutableBytes(six.data(), 3));
    EXPECT_EQ(std::string_view(six.data(), some), " li");
    EXPECT_EQ(co_await ends.b.read_until({"\n", "|"}), "ne\n");
    EXPECT_EQ(co_await ends.b.read_until("|"), "abc|");
    EXPECT_EQ(ends.b.buffered().text(), "rest");
    ends.b.consume(1);
    EXPECT_THROW(ends.b.consume(4), UsageError);
    co_await ends.b.write_all("answer");
    ends.a.shutdown_write();
    EXPECT_EQ(co_await ends.b.read_all(), "est");
    EXPECT_EQ(co_await ends.b.readline(), "") << "the end, again and again";
    EXPECT_EQ(co_await ends.b.read_some(six), 0u);
    EXPECT_EQ(co_await ends.b.fill(), 0u);
    co_await ends.a.read_exactly(six);
    EXPECT_EQ(std::string_view(six.data(), 6), "answer") << "the other way is open";
  });
}

TYPED_TEST(ByteStream, WaitsForBytesAndTakesThemAsTheyCome) {
  test::run([]() -> Task<> {
    TypeParam ends;
    auto line = spawn([&]() -> Task<std::string> { co_return co_await ends.b.readline(); });
    co_await settle();
    for (const char* piece : {"in ", "three ", "pieces\n"}) {
      EXPECT_FALSE(line.done());
      co_await ends.a.write_all(piece);
      co_await settle();
    }
    EXPECT_EQ(co_await line, "in three pieces\n");
    auto lines = ends.b.lines();
    co_await ends.a.write_all("one\ntwo");
    ends.a.shutdown_write();
    EXPECT_EQ(co_await lines.next(), "one\n");
    EXPECT_EQ(co_await lines.next(), "two");
    EXPECT_EQ(co_await lines.next(), std::nullopt);
  });
}

TYPED_TEST(ByteStream, HasTheWriterWaitForTheReader) {
  test::run([]() -> Task<> {
    TypeParam ends;
    const std::string text = pattern(TypeParam::much);
    auto writing = spawn([&]() -> Task<> {
      co_await ends.a.write_all(text);
      ends.a.shutdown_write();
    });
    co_await settle(20);
    EXPECT_FALSE(writing.done());
    const std::string got = co_await ends.b.read_all();
    EXPECT_TRUE(got == text);
    co_await writing;
  });
}

TYPED_TEST(ByteStream, WritesSomeOfWhatIsTooMuch) {
  test::run([]() -> Task<> {
    TypeParam ends;
    const std::string text = pattern(TypeParam::much);
    const std::size_t some = co_await ends.a.write(text);
    EXPECT_GT(some, 0u);
    EXPECT_LT(some, text.size());
    std::string got(some, '\0');
    co_await ends.b.read_exactly(MutableBytes(got.data(), got.size()));
    EXPECT_TRUE(text.starts_with(got));
    EXPECT_EQ(co_await ends.a.write(Bytes()), 0u);
    co_await ends.a.write_all(Bytes());
  });
}

TYPED_TEST(ByteStream, KeepsTheBytesOfATemporary) {
  test::run([]() -> Task<> {
    TypeParam ends;
    auto all = ends.a.write_all(std::string(100, 'x'));
    co_await std::move(all);
    auto some = ends.a.write(std::string(100, 'y'));
    EXPECT_EQ(co_await std::move(some), 100u);
    ends.a.shutdown_write();
    EXPECT_EQ(co_await ends.b.read_all(), std::string(100, 'x') + std::string(100, 'y'));
  });
}

TYPED_TEST(ByteStream, EndsBeforeWhatWasAskedFor) {
  test::run([]() -> Task<> {
    TypeParam ends;
    co_await ends.a.write_all("part");
    ends.a.shutdown_write();
    std::array<char, 10> ten{};
    try {
      co_await ends.b.read_exactly(ten);
      ADD_FAILURE() << "so many were not there";
    } catch (const EndOfFile& end) {
      EXPECT_EQ(end.partial(), "part");
    }
    co_await ends.b.write_all("piece");
    ends.b.shutdown_write();
    EXPECT_THROW(co_await ends.a.read_until("\n"), EndOfFile);
  });
}

TYPED_TEST(ByteStream, RefusesALineThatIsTooLong) {
  test::run([]() -> Task<> {
    TypeParam ends;
    co_await ends.a.write_all("a long line\nshort\n");
    EXPECT_THROW(co_await ends.b.readline(5), LimitExceeded);
    EXPECT_EQ(co_await ends.b.readline(), "short\n");
    co_await ends.a.write_all("another one|");
    EXPECT_THROW(co_await ends.b.read_until("|", 5), LimitExceeded);
    EXPECT_EQ(co_await ends.b.read_until("|"), "another one|") << "nothing was taken";
  });
}

TYPED_TEST(ByteStream, LosesNoByteToACancelWhateverItsMoment) {
  for (int turns = 0; turns < 6; ++turns) {
    for (const bool by_line : {false, true}) {
      test::run([&]() -> Task<> {
        TypeParam ends;
        std::string got;
        auto reading = spawn([&]() -> Task<> {
          if (by_line) {
            got += co_await ends.b.readline();
          } else {
            std::array<char, 20> buffer{};
            const std::size_t count = co_await ends.b.read_some(buffer);
            got.append(buffer.data(), count);
          }
        });
        for (int i = 0; i < turns; ++i) {
          if (i == 2) co_await ends.a.write_all("some bytes\n");
          co_await yield();
        }
        reading.cancel();
        co_await wait_until_done(reading);
        co_await ends.a.write_all("more\n");
        ends.a.shutdown_write();
        got += co_await ends.b.read_all();
        EXPECT_EQ(got, turns > 2 ? "some bytes\nmore\n" : "more\n") << turns << by_line;
      });
    }
  }
}

TYPED_TEST(ByteStream, GoesOnBehindAWriteThatWasCancelled) {
  test::run([]() -> Task<> {
    TypeParam ends;
    const std::string text = pattern(TypeParam::much);
    auto writing = spawn([&]() -> Task<> { co_await ends.a.write_all(text); });
    co_await settle();
    writing.cancel();
    co_await wait_until_done(writing);
    EXPECT_TRUE(writing.cancelled());
    auto reading = spawn(ends.b.read_all());
    co_await ends.a.write_all("|the end");
    ends.a.shutdown_write();
    const std::string got = co_await reading;
    EXPECT_TRUE(got.ends_with("|the end"));
    EXPECT_TRUE(text.starts_with(got.substr(0, got.size() - 8))) << "a part went, in order";
  });
}

TYPED_TEST(ByteStream, RefusesASecondReaderAndASecondWriter) {
  test::run([]() -> Task<> {
    TypeParam ends;
    const std::string text = pattern(TypeParam::much);
    auto reading = spawn([&]() -> Task<> { co_await ends.a.readline(); });
    auto writing = spawn([&]() -> Task<> { co_await ends.a.write_all(text); });
    co_await settle();
    std::array<char, 4> four{};
    EXPECT_THROW(co_await ends.a.read_some(four), UsageError);
    EXPECT_THROW(co_await ends.a.readline(), UsageError);
    EXPECT_THROW(co_await ends.a.fill(), UsageError);
    EXPECT_THROW(ends.a.consume(0), UsageError);
    EXPECT_THROW(co_await ends.a.write("x"), UsageError);
    EXPECT_THROW(co_await ends.a.write_all("x"), UsageError);
    EXPECT_FALSE(reading.done());
    EXPECT_FALSE(writing.done());
    reading.cancel();
    writing.cancel();
    co_await wait_until_done(reading);
    co_await wait_until_done(writing);
  });
}

TYPED_TEST(ByteStream, EndsItsOwnCallsWhenItIsClosedOrDropped) {
  for (const bool dropped : {false, true}) {
    test::run([&]() -> Task<> {
      TypeParam ends;
      const std::string text = pattern(TypeParam::much);
      std::array<char, 4> four{};
      auto reading = spawn(code_of(ends.a.read_some(four)));
      auto writing = spawn(code_of(ends.a.write_all(text)));
      co_await settle();
      if (dropped) {
        ends.a = typename TypeParam::End();
      } else {
        co_await ends.a.close();
        EXPECT_TRUE(reading.done() && writing.done());
        co_await ends.a.close();
      }
      EXPECT_EQ(co_await reading, ECANCELED);
      EXPECT_EQ(co_await writing, ECANCELED);
      EXPECT_TRUE(ends.a.closed());
      EXPECT_THROW(co_await ends.a.read_some(four), UsageError);
      EXPECT_THROW(co_await ends.a.write_all("x"), UsageError);
      EXPECT_THROW(ends.a.shutdown_write(), UsageError);
    });
  }
}

TYPED_TEST(ByteStream, OfAPeerThatIsClosedGivesWhatWasOnItsWayAndRefusesMore) {
  test::run([]() -> Task<> {
    TypeParam ends;
    co_await ends.a.write_all("last words");
    co_await ends.a.close();
    EXPECT_EQ(co_await code_of(ends.b.write_all("to nobody")), EPIPE);
    EXPECT_EQ(co_await code_of(ends.b.write("to nobody")), EPIPE);
    EXPECT_EQ(co_await ends.b.read_all(), "last words");
    EXPECT_EQ(co_await ends.b.read_all(), "");
    co_await ends.b.close();
  });
}

TYPED_TEST(ByteStream, OfAPeerThatClosesWithBytesUnreadIsReset) {
  test::run([]() -> Task<> {
    TypeParam ends;
    co_await ends.a.write_all("last words");
    co_await ends.b.write_all("unread");
    co_await ends.a.close();
    std::array<char, 10> ten{};
    co_await ends.b.read_exactly(ten);
    EXPECT_EQ(std::string_view(ten.data(), 10), "last words");
    EXPECT_EQ(co_await code_of(ends.b.read_some(ten)), ECONNRESET);
  });
}

TYPED_TEST(ByteStream, TellsThoseThatWaitThatThePeerIsGone) {
  test::run([]() -> Task<> {
    TypeParam ends;
    const std::string text = pattern(TypeParam::much);
    std::array<char, 4> four{};
    auto reading = spawn(ends.a.read_some(four));
    auto writing = spawn(code_of(ends.a.write_all(text)));
    co_await settle();
    ends.b = typename TypeParam::End();
    const int code = co_await writing;
    EXPECT_TRUE(code == EPIPE || code == ECONNRESET) << code;
    co_await wait_until_done(reading);
  });
}

TYPED_TEST(ByteStream, RefusesToWriteAfterTheEndThatItTold) {
  test::run([]() -> Task<> {
    TypeParam ends;
    ends.a.shutdown_write();
    ends.a.shutdown_write();
    EXPECT_EQ(co_await code_of(ends.a.write_all("x")), EPIPE);
    EXPECT_EQ(co_await ends.b.read_all(), "");
    co_await ends.b.write_all("back");
    ends.b.shutdown_write();
    EXPECT_EQ(co_await ends.a.read_all(), "back");
  });
}

TYPED_TEST(ByteStream, MovesWhileItIsUsed) {
  test::run([]() -> Task<> {
    TypeParam ends;
    auto line = spawn(ends.a.readline());
    co_await settle();
    auto moved = std::move(ends.a);
    EXPECT_TRUE(ends.a.closed());
    co_await ends.b.write_all("line\n");
    EXPECT_EQ(co_await line, "line\n");
    EXPECT_FALSE(moved.closed());
  });
}

TYPED_TEST(ByteStream, CarriesAReaderAndAWriter) {
  test::run([]() -> Task<> {
    TypeParam ends;
    Writer writer(ends.a);
    Reader reader(ends.b);
    std::string all;
    for (int i = 0; i < 1000; ++i) all += "line " + std::to_string(i) + "\n";
    writer.write(all);
    auto writing = spawn([&]() -> Task<> {
      co_await writer.close();
      ends.a.shutdown_write();
    });
    std::string got;
    auto lines = reader.lines();
    std::string line;
    while (true) {
      const bool more = co_await lines.next_into(line);
      if (!more) break;
      got += line;
    }
    EXPECT_EQ(got, all);
    co_await writing;
  });
}

// -- in memory alone --

TEST(Duplex, LetsAsManyBytesBeOnTheirWayAsItsLimitSays) {
  test::run([]() -> Task<> {
    auto [a, b] = duplex(10);
    EXPECT_EQ(co_await a.write("0123456789abc"), 10u);
    auto writing = spawn([&]() -> Task<> { co_await a.write_all("abcdefgh"); });
    co_await settle();
    EXPECT_FALSE(writing.done());
    std::array<char, 4> four{};
    std::string got;
    while (got.size() < 18) {
      const std::size_t count = co_await b.read_some(four);
      got.append(four.data(), count);
      co_await settle();
      EXPECT_EQ(writing.done(), got.size() >= 8) << "a byte that is read makes room for one";
    }
    EXPECT_EQ(got, "0123456789abcdefgh");
    co_await writing;
    EXPECT_THROW(duplex(0), UsageError);
    EXPECT_THROW(duplex(-1), UsageError);
  });
}

TEST(Duplex, CarriesByteByByteWhatIsLargerThanItsLimit) {
  for (const std::size_t limit : {1u, 2u, 3u, 7u, 64u}) {
    test::run([&]() -> Task<> {
      auto [a, b] = duplex(limit);
      const std::string text = pattern(1000);
      auto writing = spawn([](DuplexStream& to, const std::string& all) -> Task<> {
        co_await to.write_all(all);
        to.shutdown_write();
      }(a, text));
      const std::string piece = co_await b.read_until("100 ");
      EXPECT_EQ(piece, text.substr(0, piece.size())) << "also a piece longer than the limit";
      EXPECT_EQ(piece + co_await b.read_all(), text);
      co_await writing;
    });
  }
}

TEST(Duplex, NeedsNoTurnForWhatIsThere) {
  test::run([]() -> Task<> {
    auto [a, b] = duplex();
    const auto turns = Loop::current().stats().turns;
    co_await a.write_all("line\nmore");
    EXPECT_EQ(co_await b.readline(), "line\n");
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// C13
TEST(Duplex, ToldWhatWentKeepsARequestToStopPending) {
  test::run([]() -> Task<> {
    auto [a, b] = duplex(4);
    std::size_t went = 0;
    auto writing = spawn([&, to = &a]() -> Task<> {
      co_await to->write_all("1234");
      went = co_await to->write("5678");
      co_await yield();
      ADD_FAILURE() << "the request was lost";
    });
    co_await settle();
    std::array<char, 2> two{};
    EXPECT_EQ(co_await b.read_some(two), 2u);
    writing.cancel();
    co_await wait_until_done(writing);
    EXPECT_EQ(went, 2u);
    EXPECT_TRUE(writing.cancelled());
  });
}

TEST(Duplex, IsEndedByTheEndOfItsLoop) {
  auto [a, b] = duplex();
  JoinHandle<> reading;
  {
    Loop loop(test::options());
    reading = loop.spawn([](DuplexStream& from) -> Task<> {
      static_cast<void>(co_await from.read_all());
    }(a));
    loop.turn();
  }
  EXPECT_TRUE(reading.cancelled());
  EXPECT_FALSE(a.closed());
}

// K8
TEST(Duplex, WaitsOnOneLoop) {
  auto [a, b] = duplex();
  Loop other(test::options());
  auto theirs = other.spawn([](DuplexStream& from) -> Task<> {
    static_cast<void>(co_await from.readline());
  }(a));
  other.turn();
  theirs.cancel();
  while (other.turn()) {
  }
  test::run([&, from = &a]() -> Task<> {
    EXPECT_THROW(co_await from->readline(), UsageError);
    co_return;
  });
}

TEST(Duplex, WithoutMemoryLosesNothing) {
  const auto failed = test::fail_each_allocation([](test::FailingMemory& memory) {
    test::run([&]() -> Task<> {
      std::string got;
      memory.arm();
      try {
        auto [a, b] = duplex(100);
        memory.disarm();
        co_await a.write_all(pattern(100));
        memory.arm();
        const auto line = co_await as_outcome(b.read_until("9 "));
        memory.disarm();
        a.shutdown_write();
        if (line) got = *line;
        got += co_await b.read_all();
        EXPECT_EQ(got, pattern(100));
      } catch (const std::bad_alloc&) {
        memory.disarm();
      }
    });
  });
  EXPECT_GT(failed, 0u);
}

TEST(Duplex, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([]() -> Task<> {
    auto [a, b] = duplex(100);
    const std::string text = pattern(1000);
    const auto use = [&text](DuplexStream& to, DuplexStream& from) -> Task<> {
      auto writing = spawn(to.write_all(text));
      std::array<char, 500> half{};
      co_await from.read_exactly(half);
      std::size_t count = 0;
      while (count < 500) count += co_await from.read_some(half);
      co_await writing;
    };
    for (int i = 0; i < 3; ++i) co_await use(a, b);
    const auto before = test::allocations();
    co_await use(a, b);
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
