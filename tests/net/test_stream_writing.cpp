#include "ends.hpp"

#include "support/allocations.hpp"
#include "support/directory.hpp"

#include <array>

namespace {

using namespace eddy;
using test::Ends;
using test::pattern;
using test::settle;
using test::TcpEnds;
using test::wait_until_done;

TEST(StreamWriting, GathersPiecesInOrder) {
  test::run([]() -> Task<> {
    Ends ends;
    std::vector<std::string> texts;
    std::string whole;
    for (int i = 0; i < 30; ++i) {
      texts.push_back(i % 3 ? pattern(static_cast<std::size_t>(i) * 7) : "");
      whole += texts.back();
    }
    std::vector<Bytes> pieces(texts.begin(), texts.end());
    co_await ends.a.write_vectored(pieces);
    const std::array<Bytes, 3> nothing{};
    co_await ends.a.write_vectored(nothing);
    co_await ends.a.write_vectored({});
    ends.a.shutdown_write();
    EXPECT_EQ(co_await ends.b.read_all(), whole);
  });
}

TEST(StreamWriting, GathersMuchMoreThanTheKernelHolds) {
  test::run([]() -> Task<> {
    Ends ends;
    const std::string much = pattern(5'000'000);
    std::vector<Bytes> pieces;
    for (std::size_t at = 0, size = 1; at < much.size(); at += size, size = size * 3 / 2 + 1) {
      size = std::min(size, much.size() - at);
      pieces.push_back(Bytes(much.data() + at, size));
      pieces.push_back(Bytes());
    }
    auto writer = spawn([&]() -> Task<> {
      co_await ends.a.write_vectored(pieces);
      ends.a.shutdown_write();
    });
    std::string got, part(10'000, '\0');
    for (;;) {
      const std::size_t count = co_await ends.b.read_some(part);
      if (count == 0) break;
      got.append(part, 0, count);
    }
    co_await writer;
    EXPECT_TRUE(got == much);
  });
}

// C1: what has gone is a first part of it, whenever the cancel comes
TEST(StreamWriting, SendsAFirstPartWhenItIsCancelledMidway) {
  const std::string much = pattern(2'000'000);
  test::Directory directory;
  directory.write("f", much);
  for (int turns = 0; turns < 8; ++turns) {
    for (const int verb : {0, 1, 2, 3, 4}) {
      test::run([&]() -> Task<> {
        Ends ends;
        File file = co_await open(directory.path("f"));
        const Bytes halves[2] = {Bytes(much.data(), 7), Bytes(much.data() + 7, much.size() - 7)};
        auto writer = spawn([&]() -> Task<> {
          if (verb == 0) co_await ends.a.write_all(much);
          if (verb == 1) co_await ends.a.write_vectored(halves);
          if (verb == 2) co_await ends.a.send_zero_copy(much);
          for (Bytes rest(much); verb == 3 && !rest.empty();) {
            const std::size_t gone = co_await ends.a.write(rest);
            rest = Bytes(rest.subspan(gone));
          }
          if (verb == 4) co_await ends.a.send_file(file);
        });
        std::string got(50'000, '\0');
        for (int i = 0; i < turns; ++i) co_await yield();
        if (turns > 4) {
          co_await ends.b.read_exactly(got);
        } else {
          got.clear();
        }
        EXPECT_TRUE(writer.cancel());
        co_await wait_until_done(writer);
        EXPECT_TRUE(writer.cancelled()) << verb << ' ' << turns;
        co_await ends.a.close();
        got += co_await ends.b.read_all();
        EXPECT_LT(got.size(), much.size());
        EXPECT_TRUE(much.starts_with(got)) << verb << ' ' << turns;
      });
    }
  }
}

TEST(StreamWriting, NamesWhatBrokeMidway) {
  test::run([]() -> Task<> {
    Ends ends;
    const std::string much(3'000'000, 'x');
    auto writer = spawn([&]() -> Task<> { co_await ends.a.write_all(much); });
    co_await settle();
    co_await ends.b.close();
    const auto result = co_await as_result(writer);
    EXPECT_TRUE(!result && (result.error() == std::errc::broken_pipe ||
                            result.error() == std::errc::connection_reset));
  });
}

TEST(StreamWriting, SendsWithoutACopy) {
  for (const bool tcp : {true, false}) {
    test::run([&]() -> Task<> {
      TcpEnds ends;
      if (tcp) co_await connect_ends(ends);
      Ends local;
      Stream& a = tcp ? ends.a : local.a;
      Stream& b = tcp ? ends.b : local.b;
      const std::string much = pattern(3'000'000);
      auto writer = spawn([&]() -> Task<> {
        co_await a.send_zero_copy("");
        co_await a.send_zero_copy("head ");
        co_await a.send_zero_copy(much);
        a.shutdown_write();
      });
      const std::string got = co_await b.read_all();
      co_await writer;
      EXPECT_TRUE(got == "head " + much);
    });
  }
}

// The memory is the caller's again, and the call has ended, although the peer takes nothing.
TEST(StreamWriting, EndsASendWithoutACopyThatThePeerNeverTakes) {
  const auto before = test::open_descriptors();
  const std::string everything = pattern(20'000'000);
  for (int turns = 0; turns < 8; ++turns) {
    for (const int how : {0, 1, 2}) {
      test::run([&]() -> Task<> {
        TcpEnds ends;
        co_await connect_ends(ends);
        std::string much = everything;
        auto writer = spawn([&]() -> Task<> { co_await ends.a.send_zero_copy(much); });
        for (int i = 0; i < turns; ++i) co_await yield();
        if (how == 0) writer.cancel();
        if (how == 1) co_await ends.a.close();
        if (how == 2) ends.a = Stream();
        if (how == 0) {
          co_await wait_until_done(writer);
          EXPECT_TRUE(writer.cancelled()) << turns;
        } else if (turns > 1) {
          const auto result = co_await as_result(writer);
          EXPECT_TRUE(!result && result.error() == std::errc::operation_canceled)
              << how << ' ' << turns;
        } else {
          co_await wait_until_done(writer);
        }
        much.assign(much.size(), '-');
      });
    }
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(StreamWriting, NoticesAResetDuringASendWithoutACopy) {
  test::run([]() -> Task<> {
    TcpEnds ends;
    co_await connect_ends(ends);
    const std::string much = pattern(20'000'000);
    auto writer = spawn([&]() -> Task<> { co_await ends.a.send_zero_copy(much); });
    co_await settle();
    co_await ends.b.close();  // with bytes that were not read: a reset
    const auto result = co_await as_result(writer);
    EXPECT_TRUE(!result && (result.error() == std::errc::connection_reset ||
                            result.error() == std::errc::broken_pipe));
  });
}

TEST(StreamWriting, SendsAFile) {
  test::Directory directory;
  const std::string text = pattern(1'000'000);
  directory.write("f", text);
  test::run([&]() -> Task<> {
    Ends ends;
    File file = co_await open(directory.path("f"));
    std::vector<std::uint64_t> sent;
    auto writer = spawn([&]() -> Task<> {
      sent.push_back(co_await ends.a.send_file(file));
      sent.push_back(co_await ends.a.send_file(file, 999'990));
      sent.push_back(co_await ends.a.send_file(file, 10, 300'000));
      sent.push_back(co_await ends.a.send_file(file, 2'000'000, 5));
      sent.push_back(co_await ends.a.send_file(file, 0, 0));
      ends.a.shutdown_write();
    });
    const std::string got = co_await ends.b.read_all();
    co_await writer;
    const std::vector<std::uint64_t> expected{1'000'000, 10, 300'000, 0, 0};
    EXPECT_EQ(sent, expected);
    EXPECT_TRUE(got == text + text.substr(999'990) + text.substr(10, 300'000));
    EXPECT_EQ(co_await file.tell(), 0u);
    co_await file.close();
  });
}

TEST(StreamWriting, StopsSendingAFile) {
  test::Directory directory;
  directory.write("f", pattern(3'000'000));
  for (int turns = 0; turns < 8; ++turns) {
    for (const bool cancel : {true, false}) {
      test::run([&]() -> Task<> {
        Ends ends;
        File file = co_await open(directory.path("f"));
        auto writer = spawn([&]() -> Task<> { co_await ends.a.send_file(file); });
        for (int i = 0; i < turns; ++i) co_await yield();
        if (cancel) {
          writer.cancel();
        } else {
          co_await ends.a.close();
        }
        co_await wait_until_done(writer);
        EXPECT_EQ(writer.cancelled(), cancel) << turns;
        if (cancel) co_await ends.a.close();
        co_await file.close();
      });
    }
  }
}

// A file that is closed under it stops it with an error, not the connection.
TEST(StreamWriting, FailsWhenTheFileIsClosed) {
  test::Directory directory;
  directory.write("f", pattern(3'000'000));
  test::run([&]() -> Task<> {
    Ends ends;
    File file = co_await open(directory.path("f"));
    auto writer = spawn([&]() -> Task<> { co_await ends.a.send_file(file); });
    co_await settle();
    co_await file.close();
    std::string got(2'000'000, '\0');
    auto reader = spawn([&]() -> Task<> { co_await ends.b.read_exactly(got); });
    EXPECT_THROW(co_await writer, UsageError);
    co_await ends.a.write_all("on it goes");
    reader.cancel();
    co_await wait_until_done(reader);
  });
}

TEST(StreamWriting, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  Ends ends;
  const Bytes pieces[3] = {"ab", "", "cd"};
  const auto rounds = [&]() -> Task<> {
    char buffer[64];
    for (int i = 0; i < 10; ++i) {
      co_await ends.a.write_vectored(pieces);
      co_await ends.b.read_exactly(MutableBytes(buffer, 4));
      co_await ends.b.write_all(Bytes(buffer, 4));
      const std::size_t got = co_await ends.a.read_some(buffer);
      co_await ends.a.send_zero_copy(Bytes(buffer, got));
      co_await ends.b.read_exactly(MutableBytes(buffer, 4));
    }
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(rounds()); }), 0u);
}

}  // namespace
