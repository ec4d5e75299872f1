// What every stream of bytes does alike, whatever carries them: one suite, which each kind passes.
//
//   struct OverTcp {
//     using Stream = eddy::Stream;
//     static Task<> connect(Stream& a, Stream& b);   // each the other's peer, ready for use
//     static constexpr bool sends_files = true;
//     static std::size_t allocations_of_others();    // by what is below, which is not eddy's
//   };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Tcp, ByteStream, OverTcp);
#pragma once

#include "support/allocations.hpp"
#include "support/directory.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace test {

template <class Kind>
class ByteStream : public testing::Test {
 public:
  using Stream = typename Kind::Stream;

  // Two ends, for as long as a test runs.
  struct Ends {
    Stream a, b;
  };

  // Runs `body(ends)`, and looks whether everything is closed afterwards.
  template <class F>
  static void with_ends(F body) {
    const auto before = open_descriptors();
    test::run([&]() -> eddy::Task<> {
      Ends ends;
      co_await Kind::connect(ends.a, ends.b);
      co_await body(ends);
    });
    EXPECT_EQ(open_descriptors(), before);
  }

  // Different at every place, so that a piece that is lost or doubled shows.
  static std::string pattern(std::size_t size) {
    std::string text;
    text.reserve(size + 8);
    for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
    text.resize(size);
    return text;
  }

  // Nothing more comes from this one: a call that waits, or one that does not.
  static eddy::Task<> end_writing(Stream& stream) {
    if constexpr (std::is_void_v<decltype(stream.shutdown_write())>) {
      stream.shutdown_write();
      co_return;
    } else {
      co_await stream.shutdown_write();
    }
  }

  // How many turns anything here may need that does not wait for a peer.
  static constexpr int few = 8;
  // More than fits between two that do not read.
  static constexpr std::size_t no_room = 12'000'000;
};
TYPED_TEST_SUITE_P(ByteStream);

TYPED_TEST_P(ByteStream, CarriesBytesBothWays) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    char buffer[16];
    co_await ends.a.write_all("hello");
    const std::size_t got = co_await ends.b.read_some(buffer);
    EXPECT_EQ(eddy::Bytes(buffer, got).text(), "hello");
    EXPECT_EQ(co_await ends.b.write("back"), 4u);
    co_await ends.a.read_exactly(eddy::MutableBytes(buffer, 4));
    EXPECT_EQ(eddy::Bytes(buffer, 4).text(), "back");
    EXPECT_FALSE(ends.a.closed());
    co_await ends.a.close();
    EXPECT_TRUE(ends.a.closed());
    EXPECT_EQ(co_await ends.b.read_some(buffer), 0u) << "the end";
    EXPECT_EQ(co_await ends.b.read_some(buffer), 0u) << "and again";
    co_await ends.b.close();
    co_await ends.b.close();
  });
}

TYPED_TEST_P(ByteStream, MovesMuchMoreThanTheKernelHolds) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    const std::string much = TestFixture::pattern(3'000'000);
    auto writer = eddy::spawn([&]() -> eddy::Task<> {
      co_await ends.a.write_all(much);
      co_await TestFixture::end_writing(ends.a);
    });
    const std::string got = co_await ends.b.read_all();
    co_await writer;
    EXPECT_TRUE(got == much);
  });
}

TYPED_TEST_P(ByteStream, MovesMuchBothWaysAtOnce) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    const std::string much = TestFixture::pattern(1'000'000);
    const auto send = [&](auto& stream) -> eddy::Task<> {
      co_await stream.write_all(much);
      co_await TestFixture::end_writing(stream);
    };
    const auto receive = [&](auto& stream) -> eddy::Task<> {
      const std::string got = co_await stream.read_all();
      EXPECT_TRUE(got == much);
    };
    auto first = eddy::spawn(send(ends.a));
    auto second = eddy::spawn(send(ends.b));
    auto third = eddy::spawn(receive(ends.a));
    co_await receive(ends.b);
    co_await first;
    co_await second;
    co_await third;
  });
}

TYPED_TEST_P(ByteStream, HalfCloses) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    co_await TestFixture::end_writing(ends.a);
    char buffer[4];
    EXPECT_EQ(co_await ends.b.read_some(buffer), 0u);
    co_await ends.b.write_all("late");
    co_await ends.a.read_exactly(buffer);
    EXPECT_EQ(eddy::Bytes(buffer, 4).text(), "late");
    const auto more = co_await eddy::as_result(ends.a.write_all("x"));
    EXPECT_FALSE(more) << "it had said that nothing more comes";
  });
}

TYPED_TEST_P(ByteStream, SaysWhatThereWasWhenItEndsTooEarly) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    co_await ends.a.write_all("abc");
    co_await ends.a.close();
    std::string partial;
    char buffer[10];
    try {
      co_await ends.b.read_exactly(buffer);
    } catch (const eddy::EndOfFile& end) {
      partial = end.partial();
    }
    EXPECT_EQ(partial, "abc");
  });
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    co_await ends.a.write_all("abc");
    co_await ends.a.close();
    std::string partial;
    try {
      co_await ends.b.read_until("\n");
    } catch (const eddy::EndOfFile& end) {
      partial = end.partial();
    }
    EXPECT_EQ(partial, "abc");
  });
}

TYPED_TEST_P(ByteStream, HasOneReaderAndOneWriter) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    char buffer[4], other[4];
    auto reader = eddy::spawn([&]() -> eddy::Task<> { co_await ends.a.read_some(buffer); });
    const std::string much(TestFixture::no_room, 'x');
    auto writer = eddy::spawn([&]() -> eddy::Task<> { co_await ends.a.write_all(much); });
    co_await settle();
    EXPECT_THROW(co_await ends.a.read_some(other), eddy::UsageError);
    EXPECT_THROW(co_await ends.a.fill(), eddy::UsageError);
    EXPECT_THROW(co_await ends.a.write_all("y"), eddy::UsageError);
    EXPECT_THROW(ends.a.consume(0), eddy::UsageError);
    reader.cancel();
    writer.cancel();
    co_await wait_until_done(reader);
    co_await wait_until_done(writer);
    EXPECT_TRUE(reader.cancelled() && writer.cancelled());
  });
}

// Cancelled at every turn, and with the bytes on their way: none is lost.
TYPED_TEST_P(ByteStream, LosesNoByteWhenAReadIsCancelled) {
  for (int turns = 0; turns < TestFixture::few; ++turns) {
    TestFixture::with_ends([&](auto& ends) -> eddy::Task<> {
      std::string got;
      auto reader = eddy::spawn([&]() -> eddy::Task<> {
        char buffer[8];
        const std::size_t count = co_await ends.b.read_some(buffer);
        got.append(buffer, count);
      });
      for (int i = 0; i < turns; ++i) {
        if (i == 2) co_await ends.a.write_all("bytes");
        co_await eddy::yield();
      }
      reader.cancel();
      co_await wait_until_done(reader);
      if (turns <= 2) co_await ends.a.write_all("bytes");
      co_await TestFixture::end_writing(ends.a);
      got += co_await ends.b.read_all();
      EXPECT_EQ(got, "bytes") << turns;
    });
  }
}

TYPED_TEST_P(ByteStream, LosesNothingWhenReadExactlyIsCancelledInTheMiddle) {
  const std::string text = TestFixture::pattern(30);
  for (int turns = 0; turns < 16; ++turns) {
    TestFixture::with_ends([&](auto& ends) -> eddy::Task<> {
      char buffer[30];
      std::string got;
      auto reader = eddy::spawn([&]() -> eddy::Task<> {
        co_await ends.b.read_exactly(buffer);
        got.assign(buffer, sizeof buffer);
      });
      for (int i = 0; i < 3; ++i) {
        co_await ends.a.write_all(eddy::Bytes(text.data() + 10 * i, 10));
        for (int turn = 0; turn < 5 && 5 * i + turn <= turns; ++turn) {
          if (5 * i + turn == turns) reader.cancel();
          co_await eddy::yield();
        }
      }
      reader.cancel();
      co_await wait_until_done(reader);
      if (got.empty()) {
        co_await ends.b.read_exactly(buffer);
        got.assign(buffer, sizeof buffer);
      }
      EXPECT_EQ(got, text) << turns;
    });
  }
}

// What went is the beginning, and what is written next follows it.
TYPED_TEST_P(ByteStream, GoesOnAfterAWriteThatWasCancelled) {
  const std::string much = TestFixture::pattern(TestFixture::no_room);
  for (int turns = 0; turns < TestFixture::few; ++turns) {
    TestFixture::with_ends([&](auto& ends) -> eddy::Task<> {
      auto writer = eddy::spawn([&]() -> eddy::Task<> { co_await ends.a.write_all(much); });
      for (int i = 0; i < turns; ++i) co_await eddy::yield();
      writer.cancel();
      co_await wait_until_done(writer);
      EXPECT_TRUE(writer.cancelled()) << turns;
      auto rest = eddy::spawn([&]() -> eddy::Task<> {
        co_await ends.a.write_all("!the next");
        co_await TestFixture::end_writing(ends.a);
      });
      const std::string got = co_await ends.b.read_all();
      co_await rest;
      const auto mark = got.find('!');
      EXPECT_TRUE(mark != got.npos && got.substr(mark) == "!the next") << turns;
      EXPECT_TRUE(much.starts_with(std::string_view(got).substr(0, mark))) << turns;
    });
  }
}

TYPED_TEST_P(ByteStream, EndsWhatIsInProgressWhenItIsClosed) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    char buffer[4];
    const std::string much(TestFixture::no_room, 'x');
    auto reader = eddy::spawn([&]() -> eddy::Task<> { co_await ends.a.read_some(buffer); });
    auto writer = eddy::spawn([&]() -> eddy::Task<> { co_await ends.a.write_all(much); });
    co_await settle();
    co_await ends.a.close();
    const eddy::JoinHandle<> both[] = {reader, writer};
    for (const auto& ended : both) {
      const auto outcome = co_await eddy::as_result(ended);
      EXPECT_TRUE(!outcome && outcome.error() == std::errc::operation_canceled);
    }
    EXPECT_THROW(co_await ends.a.write_all("y"), eddy::UsageError);
    EXPECT_THROW(co_await ends.a.read_some(buffer), eddy::UsageError);
  });
}

TYPED_TEST_P(ByteStream, EndsWithItsLoop) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    const auto wait = [](auto own) -> eddy::Task<> {
      char buffer[4];
      co_await own.read_some(buffer);
    };
    eddy::spawn(wait(std::move(ends.a)));
    co_await settle();
  });
}

TYPED_TEST_P(ByteStream, TakesNoTurnForNothing) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    const auto turns = eddy::Loop::current().stats().turns;
    EXPECT_EQ(co_await ends.a.read_some(eddy::MutableBytes()), 0u);
    co_await ends.a.write_all("");
    EXPECT_EQ(co_await ends.a.write(""), 0u);
    EXPECT_EQ(eddy::Loop::current().stats().turns, turns);
  });
}

TYPED_TEST_P(ByteStream, FindsADelimiterWhereverTheTextIsSplit) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    const std::string text = "one\r\ntwo\nthree--end";
    for (std::size_t split = 0; split <= text.size(); ++split) {
      auto writer = eddy::spawn([&]() -> eddy::Task<> {
        co_await ends.a.write_all(eddy::Bytes(text.data(), split));
        co_await settle(3);
        co_await ends.a.write_all(eddy::Bytes(text.data() + split, text.size() - split));
      });
      EXPECT_EQ(co_await ends.b.read_until("\r\n"), "one\r\n") << split;
      const eddy::Delimiters two("--", "\n");
      EXPECT_EQ(co_await ends.b.read_until(two), "two\n") << split;
      EXPECT_EQ(co_await ends.b.read_until(two), "three--") << split;
      char rest[3];
      co_await ends.b.read_exactly(rest);
      EXPECT_EQ(eddy::Bytes(rest, 3).text(), "end") << split;
      co_await writer;
    }
  });
}

TYPED_TEST_P(ByteStream, TakesNothingOfWhatIsTooLong) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    co_await ends.a.write_all("12345678\nnext\nfar too long\nlast");
    co_await TestFixture::end_writing(ends.a);
    const auto none = co_await eddy::as_result(ends.b.read_until("\n", 8));
    EXPECT_TRUE(!none && none.error() == std::errc::message_size) << "9 with its delimiter";
    EXPECT_EQ(co_await ends.b.read_until("\n", 9), "12345678\n");
    EXPECT_EQ(co_await ends.b.readline(8), "next\n");
    const auto dropped = co_await eddy::as_result(ends.b.readline(8));
    EXPECT_TRUE(!dropped && dropped.error() == std::errc::message_size);
    EXPECT_EQ(co_await ends.b.readline(8), "last") << "the last one may lack its end";
    EXPECT_EQ(co_await ends.b.readline(8), "");
  });
}

TYPED_TEST_P(ByteStream, GivesLinesOneAtATime) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    auto writer = eddy::spawn([&]() -> eddy::Task<> {
      for (int i = 0; i < 300; ++i) {
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
    EXPECT_EQ(count, 300);
    co_await writer;
  });
}

TYPED_TEST_P(ByteStream, ShowsWhatIsReadAhead) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    EXPECT_TRUE(ends.b.buffered().empty());
    co_await ends.a.write_all("some bytes");
    EXPECT_EQ(co_await ends.b.fill(), 10u);
    EXPECT_EQ(ends.b.buffered().text(), "some bytes");
    ends.b.consume(5);
    EXPECT_EQ(ends.b.buffered().text(), "bytes");
    EXPECT_THROW(ends.b.consume(6), eddy::UsageError);
    co_await ends.a.write_all(", more");
    co_await TestFixture::end_writing(ends.a);
    EXPECT_EQ(co_await ends.b.fill(), 6u);
    EXPECT_EQ(co_await ends.b.fill(), 0u);
    EXPECT_EQ(co_await ends.b.read_all(), "bytes, more");
  });
}

TYPED_TEST_P(ByteStream, WritesPiecesAndTemporaries) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    const std::string first = "one ", second = "two ";
    const std::vector<eddy::Bytes> pieces{first, eddy::Bytes(), second};
    co_await ends.a.write_vectored(pieces);
    co_await ends.a.write_all(std::string("three "));
    EXPECT_EQ(co_await ends.a.write(std::string("four ")), 5u);
    const std::string large = TestFixture::pattern(200'000);
    const std::vector<eddy::Bytes> many{first, large, second};
    auto writer = eddy::spawn([&]() -> eddy::Task<> {
      co_await ends.a.write_vectored(many);
      co_await TestFixture::end_writing(ends.a);
    });
    const std::string got = co_await ends.b.read_all();
    EXPECT_TRUE(got == "one two three four one " + large + "two ");
    co_await writer;
  });
}

TYPED_TEST_P(ByteStream, SendsFiles) {
  if constexpr (TypeParam::sends_files) {
    const Directory directory;
    const std::string text = TestFixture::pattern(500'000);
    directory.write("file", text);
    TestFixture::with_ends([&](auto& ends) -> eddy::Task<> {
      eddy::File file = co_await eddy::open(directory.path("file"));
      auto sender = eddy::spawn([&]() -> eddy::Task<> {
        EXPECT_EQ(co_await ends.a.send_file(file, 10, 100), 100u);
        EXPECT_EQ(co_await ends.a.send_file(file), text.size());
        EXPECT_EQ(co_await ends.a.send_file(file, text.size()), 0u);
        co_await TestFixture::end_writing(ends.a);
      });
      const std::string got = co_await ends.b.read_all();
      EXPECT_TRUE(got == text.substr(10, 100) + text);
      co_await sender;
      co_await file.close();
    });
  } else {
    GTEST_SKIP() << "this kind sends none";
  }
}

TYPED_TEST_P(ByteStream, IsMoved) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    co_await ends.a.write_all("before");
    co_await ends.b.fill();
    auto moved = std::move(ends.b);
    char buffer[6];
    co_await moved.read_exactly(buffer);
    EXPECT_EQ(eddy::Bytes(buffer, 6).text(), "before") << "what was read ahead goes with it";
    EXPECT_TRUE(ends.b.closed());
    EXPECT_THROW(co_await ends.b.read_some(buffer), eddy::UsageError);
    co_await moved.close();
    co_await ends.b.close();
  });
}

// Beneath a Reader and a Writer.
TYPED_TEST_P(ByteStream, CarriesBuffers) {
  TestFixture::with_ends([](auto& ends) -> eddy::Task<> {
    eddy::Reader reader(ends.b);
    co_await ends.a.write_all("a line\nand a rest");
    co_await TestFixture::end_writing(ends.a);
    EXPECT_EQ(co_await reader.readline(), "a line\n");
    EXPECT_EQ(co_await reader.read_all(), "and a rest");
  });
}

TYPED_TEST_P(ByteStream, AllocatesNothing) {
  if (!can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  eddy::Loop loop(options());
  {
    typename TestFixture::Ends ends;
    loop.run(TypeParam::connect(ends.a, ends.b));
    const auto rounds = [&]() -> eddy::Task<> {
      char buffer[64];
      for (int i = 0; i < 10; ++i) {
        co_await ends.a.write_all("ping");
        co_await ends.b.read_exactly(eddy::MutableBytes(buffer, 4));
        co_await ends.b.write_all("pong");
        co_await ends.a.read_some(buffer);
      }
    };
    for (int i = 0; i < 3; ++i) loop.run(rounds());
    const std::size_t before = allocations(), of_others = TypeParam::allocations_of_others();
    loop.run(rounds());
    EXPECT_EQ(allocations() - before, TypeParam::allocations_of_others() - of_others);
  }
}

REGISTER_TYPED_TEST_SUITE_P(ByteStream, CarriesBytesBothWays, MovesMuchMoreThanTheKernelHolds,
                            MovesMuchBothWaysAtOnce, HalfCloses,
                            SaysWhatThereWasWhenItEndsTooEarly, HasOneReaderAndOneWriter,
                            LosesNoByteWhenAReadIsCancelled,
                            LosesNothingWhenReadExactlyIsCancelledInTheMiddle,
                            GoesOnAfterAWriteThatWasCancelled, EndsWhatIsInProgressWhenItIsClosed,
                            EndsWithItsLoop, TakesNoTurnForNothing,
                            FindsADelimiterWhereverTheTextIsSplit, TakesNothingOfWhatIsTooLong,
                            GivesLinesOneAtATime, ShowsWhatIsReadAhead, WritesPiecesAndTemporaries,
                            SendsFiles, IsMoved, CarriesBuffers, AllocatesNothing);

}  // namespace test
