#include "ends.hpp"

#include "support/allocations.hpp"

namespace {

using namespace eddy;
using test::Ends;
using test::settle;
using test::wait_until_done;

TEST(StreamReading, FindsADelimiterWhereverTheTextIsSplit) {
  const std::string text = "one\r\ntwo\nthree--end";
  for (std::size_t split = 0; split <= text.size(); ++split) {
    test::run([&]() -> Task<> {
      Ends ends;
      auto writer = spawn([&]() -> Task<> {
        co_await ends.a.write_all(Bytes(text.data(), split));
        co_await settle(3);
        co_await ends.a.write_all(Bytes(text.data() + split, text.size() - split));
      });
      EXPECT_EQ(co_await ends.b.read_until("\r\n"), "one\r\n") << split;
      const Delimiters two("--", "\n");
      EXPECT_EQ(co_await ends.b.read_until(two), "two\n") << split;
      EXPECT_EQ(co_await ends.b.read_until(two), "three--") << split;
      char rest[3];
      co_await ends.b.read_exactly(rest);
      EXPECT_EQ(Bytes(rest, 3).text(), "end") << split;
      co_await writer;
    });
  }
}

TEST(StreamReading, TakesTheShortestOfSeveralDelimiters) {
  test::run([]() -> Task<> {
    Ends ends;
    co_await ends.a.write_all("abcd;abcde");
    const Delimiters all("abcd", "c", ";", "e");
    for (const char* piece : {"abc", "d;", "abc", "de"}) {
      EXPECT_EQ(co_await ends.b.read_until(all), piece);
    }
  });
}

TEST(StreamReading, TakesNothingOfWhatIsTooLong) {
  test::run([]() -> Task<> {
    Ends ends;
    co_await ends.a.write_all("12345678\nnext\n");
    const auto none = co_await as_result(ends.b.read_until("\n", 8));
    EXPECT_TRUE(!none && none.error() == std::errc::message_size) << "9 with its delimiter";
    const auto same = co_await as_result(ends.b.read_until("!", 4));
    EXPECT_TRUE(!same && same.error() == std::errc::message_size);
    EXPECT_EQ(co_await ends.b.read_until("\n", 9), "12345678\n");
    EXPECT_EQ(co_await ends.b.read_until("\n", 5), "next\n");
  });
}

TEST(StreamReading, ReadsLinesAndDropsTheOneThatIsTooLong) {
  test::run([]() -> Task<> {
    Ends ends;
    co_await ends.a.write_all("first\nfar too long\nsecond\n\nlast");
    ends.a.shutdown_write();
    EXPECT_EQ(co_await ends.b.readline(8), "first\n");
    const auto dropped = co_await as_result(ends.b.readline(8));
    EXPECT_TRUE(!dropped && dropped.error() == std::errc::message_size);
    EXPECT_EQ(co_await ends.b.readline(8), "second\n");
    EXPECT_EQ(co_await ends.b.readline(8), "\n");
    EXPECT_EQ(co_await ends.b.readline(8), "last");
    EXPECT_EQ(co_await ends.b.readline(8), "");
    EXPECT_EQ(co_await ends.b.readline(8), "");
  });
}

TEST(StreamReading, GivesLinesOneAtATime) {
  test::run([]() -> Task<> {
    Ends ends;
    auto writer = spawn([&]() -> Task<> {
      for (int i = 0; i < 3000; ++i) {
        const std::string line = "line " + std::to_string(i) + '\n';
        co_await ends.a.write_all(line);
      }
      co_await ends.a.close();
    });
    auto lines = ends.b.lines();
    int count = 0;
    while (auto line = co_await lines.next()) {
      EXPECT_EQ(*line, "line " + std::to_string(count++) + '\n');
    }
    EXPECT_EQ(count, 3000);
    std::string line = "x";
    const bool more = co_await lines.next_into(line);
    EXPECT_FALSE(more);
    co_await writer;
  });
}

TEST(StreamReading, GivesWhatThereWasAtTheEnd) {
  test::run([]() -> Task<> {
    Ends ends;
    co_await ends.a.write_all("part");
    co_await ends.a.close();
    std::string partial;
    try {
      co_await ends.b.read_until("\n");
    } catch (const EndOfFile& end) {
      partial = end.partial();
    }
    EXPECT_EQ(partial, "part");
    EXPECT_EQ(co_await ends.b.read_all(), "");
  });
}

// C1, C3: cancelled at every turn, between and with the parts: nothing is lost
TEST(StreamReading, LosesNothingWhenReadExactlyIsCancelledInTheMiddle) {
  const std::string text = test::pattern(30);
  for (int turns = 0; turns < 24; ++turns) {
    test::run([&]() -> Task<> {
      Ends ends;
      std::string got(30, '\0');
      bool whole = false;
      auto reader = spawn([&]() -> Task<> {
        co_await ends.b.read_exactly(got);
        whole = true;
      });
      auto writer = spawn([&]() -> Task<> {
        for (int i = 0; i < 3; ++i) {
          co_await ends.a.write_all(Bytes(text.data() + 10 * i, 10));
          co_await settle(3);
        }
      });
      for (int i = 0; i < turns; ++i) co_await yield();
      reader.cancel();
      co_await wait_until_done(reader);
      co_await writer;
      if (!whole) {
        got.assign(30, '\0');
        co_await ends.b.read_exactly(got);
      }
      EXPECT_EQ(got, text) << turns;
    });
  }
}

// C1, C3, C13: the same for a fill, and for the verbs on top of it
TEST(StreamReading, LosesNothingWhenAFillIsCancelled) {
  for (int turns = 0; turns < 8; ++turns) {
    for (const bool lines : {false, true}) {
      test::run([&]() -> Task<> {
        Ends ends;
        std::string got;
        auto reader = spawn([&]() -> Task<> {
          if (lines) {
            got = co_await ends.b.readline();
          } else {
            co_await ends.b.fill();
          }
        });
        for (int i = 0; i < turns; ++i) {
          if (i == 2) co_await ends.a.write_all("bytes\n");
          co_await yield();
        }
        reader.cancel();
        co_await wait_until_done(reader);
        if (turns <= 2) co_await ends.a.write_all("bytes\n");
        if (got.empty()) got = co_await ends.b.readline();
        EXPECT_EQ(got, "bytes\n") << turns;
        EXPECT_TRUE(ends.b.buffered().empty());
      });
    }
  }
}

TEST(StreamReading, FillsAndConsumes) {
  test::run([]() -> Task<> {
    Ends ends;
    EXPECT_TRUE(ends.b.buffered().empty());
    co_await ends.a.write_all("abc");
    EXPECT_EQ(co_await ends.b.fill(), 3u);
    co_await ends.a.write_all("def");
    EXPECT_EQ(co_await ends.b.fill(), 3u);
    EXPECT_EQ(ends.b.buffered().text(), "abcdef");
    ends.b.consume(2);
    EXPECT_EQ(ends.b.buffered().text(), "cdef");
    EXPECT_THROW(ends.b.consume(5), UsageError);
    char two[2];
    EXPECT_EQ(co_await ends.b.read_some(two), 2u) << "what is read ahead comes first";
    EXPECT_EQ(ends.b.buffered().text(), "ef");
    ends.b.consume(2);
    ends.a.shutdown_write();
    EXPECT_EQ(co_await ends.b.fill(), 0u);
    EXPECT_EQ(co_await ends.b.fill(), 0u);
  });
}

TEST(StreamReading, RefusesASecondReaderInEveryVerb) {
  test::run([]() -> Task<> {
    Ends ends;
    auto reader = spawn([&]() -> Task<> { co_await ends.b.readline(); });
    co_await settle();
    char buffer[4];
    EXPECT_THROW(co_await ends.b.read_some(buffer), UsageError);
    EXPECT_THROW(co_await ends.b.read_exactly(buffer), UsageError);
    EXPECT_THROW(co_await ends.b.read_until("\n"), UsageError);
    EXPECT_THROW(co_await ends.b.readline(), UsageError);
    EXPECT_THROW(co_await ends.b.read_all(), UsageError);
    EXPECT_THROW(co_await ends.b.fill(), UsageError);
    EXPECT_THROW(ends.b.consume(0), UsageError);
    co_await ends.a.write_all("x\n");
    co_await reader;
  });
}

// A header by lines and a body by its length, again and again, at every split of the stream.
TEST(StreamReading, MixesItsVerbs) {
  const std::string body = test::pattern(100'000);
  test::run([&]() -> Task<> {
    Ends ends;
    auto writer = spawn([&]() -> Task<> {
      for (int i = 0; i < 5; ++i) {
        const std::string head = "body follows\n\n";
        co_await ends.a.write_all(head);
        co_await ends.a.write_all(body);
      }
    });
    std::string got(body.size(), '\0');
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(co_await ends.b.readline(), "body follows\n");
      EXPECT_EQ(co_await ends.b.readline(), "\n");
      co_await ends.b.read_exactly(got);
      EXPECT_TRUE(got == body);
    }
    co_await writer;
  });
}

TEST(StreamReading, AllocatesNothingToFillAndConsume) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  Ends ends;
  const auto rounds = [&]() -> Task<> {
    for (int i = 0; i < 10; ++i) {
      co_await ends.a.write_all("ping");
      co_await ends.b.fill();
      co_await ends.b.write_all(ends.b.buffered());
      ends.b.consume(4);
      char buffer[8];
      co_await ends.a.read_some(buffer);
    }
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(rounds()); }), 0u);
}

}  // namespace
