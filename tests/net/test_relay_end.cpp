#include "net/relay_line.hpp"
#include "support/directory.hpp"

namespace {

using namespace test;

// -- cancelled --

TEST(Relay, TakesNothingWhenItIsCancelledBeforeItStarts) {
  test::run([]() -> Task<> {
    Line line(Kind::local);
    co_await line.in.write_all("bytes");
    auto relaying = start(line);
    relaying.cancel();
    co_await wait_until_done(relaying);
    EXPECT_TRUE(relaying.cancelled());
    const std::string kept = co_await read_count(line.from, 5);
    EXPECT_EQ(kept, "bytes");
  });
}

TEST(Relay, TakesNothingWhenARequestIsPending) {
  test::run([]() -> Task<> {
    Line line(Kind::local);
    co_await line.in.write_all("bytes");
    auto task = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await relay(line.from, line.to);
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    const std::string kept = co_await read_count(line.from, 5);
    EXPECT_EQ(kept, "bytes");
  });
}

// C1, C2, C3, C13: in every turn around the bytes: they are there, or still to be had
TEST(Relay, LosesNoByteWhenItIsCancelledInAnyTurn) {
  for (const Kind kind : kinds) {
    for (int turns = 0; turns < 8; ++turns) {
      test::run([&]() -> Task<> {
        Line line(kind);
        auto relaying = start(line);
        for (int i = 0; i < turns; ++i) {
          if (i == 3) co_await line.in.write_all("bytes");
          co_await yield();
        }
        EXPECT_TRUE(relaying.cancel()) << turns;
        co_await wait_until_done(relaying);
        EXPECT_TRUE(relaying.cancelled()) << turns;
        if (turns <= 3) co_await line.in.write_all("bytes");
        line.in.shutdown_write();
        line.to.shutdown_write();
        std::string got = co_await line.out.read_all();
        got += co_await line.from.read_all();
        EXPECT_EQ(got, "bytes") << turns;
      });
    }
  }
}

TEST(Relay, LosesNoByteWhenItIsCancelledWhileItWaitsForRoom) {
  for (const Kind kind : kinds) {
    test::run([&]() -> Task<> {
      Line line(kind);
      const std::string much = numbers(64 << 20);
      auto relaying = start(line);
      const std::size_t sent = co_await fill_up(line, much);
      relaying.cancel();
      co_await wait_until_done(relaying);
      EXPECT_TRUE(relaying.cancelled());
      line.in.shutdown_write();
      line.to.shutdown_write();
      EXPECT_FALSE(line.from.buffered().empty()) << "the pipe held some";
      std::string got = co_await line.out.read_all();
      EXPECT_FALSE(got.empty());
      got += co_await line.from.read_all();
      EXPECT_EQ(got.size(), sent);
      EXPECT_TRUE(std::string_view(much).starts_with(got));
    });
  }
}

TEST(Relay, ReturnsItsCountTogetherWithARequestThatCameTooLate) {
  bool returned = false;
  for (int turns = 0; turns < 4; ++turns) {
    test::run([&]() -> Task<> {
      Line line(Kind::local);
      std::uint64_t count = 0;
      auto task = spawn([&]() -> Task<> {
        count = co_await relay(line.from, line.to);
        co_await sleep(1h);  // where the request reaches it
      });
      co_await line.in.write_all("bytes");
      co_await read_count(line.out, 5);
      co_await settle();
      line.in.shutdown_write();
      for (int i = 0; i < turns; ++i) co_await yield();
      task.cancel();
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
      EXPECT_TRUE(count == 0 || count == 5) << count;
      returned = returned || count == 5;
    });
  }
  EXPECT_TRUE(returned);
}

// -- the end of a stream, or of the loop --

// Closes or drops one of the streams while the relay waits for `room`, or for input.
Task<> ends_under(Kind kind, bool room, bool first, bool drop) {
  Line line(kind);
  const std::string much(room ? 64 << 20 : 0, 'x');
  auto relaying = start(line);
  co_await settle();
  if (room) co_await fill_up(line, much);
  Stream& stream = first ? line.from : line.to;
  if (drop) {
    stream = Stream();
  } else {
    co_await stream.close();
    EXPECT_TRUE(stream.closed());
  }
  const auto result = co_await as_result(relaying);
  EXPECT_EQ(error_of(result), std::errc::operation_canceled) << room << first << drop;
}

TEST(Relay, EndsWhenOneOfItsStreamsIsClosedOrDropped) {
  const auto before = test::open_descriptors();
  for (int bits = 0; bits < 16; ++bits) {
    const Kind kind = kinds[bits & 1];
    test::run([&] { return ends_under(kind, bits & 2, bits & 4, bits & 8); });
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(Relay, EndsWhenItsStreamIsClosedInTheTurnItStarts) {
  for (const bool first : {true, false}) {
    test::run([&]() -> Task<> {
      Line line(Kind::tcp);
      auto relaying = start(line);
      co_await (first ? line.from : line.to).close();
      const auto result = co_await as_result(relaying);
      EXPECT_EQ(error_of(result), std::errc::operation_canceled);
    });
  }
}

// The ring is full, so that the kernel has not got its wait yet
TEST(Relay, EndsWhenItsWaitHasNoPlaceInTheRing) {
  for (const bool cancel : {false, true}) {
    test::run([&]() -> Task<> {
      std::vector<StreamPair> others;
      std::vector<JoinHandle<>> readers;
      const auto read = [](Stream& stream) -> Task<> {
        char buffer[1];
        co_await stream.read_some(buffer);
      };
      for (int i = 0; i < 100; ++i) others.push_back(connected(Kind::local));
      for (StreamPair& ends : others) readers.push_back(spawn(read(ends.a)));
      Line line(Kind::local);
      auto relaying = start(line);
      co_await yield();  // all of them have begun, in this very turn
      EXPECT_GT(Loop::current().stats().queued, 0u);
      EXPECT_FALSE(relaying.done());
      if (cancel) relaying.cancel();
      line.to = Stream();
      co_await wait_until_done(relaying);
      EXPECT_EQ(relaying.cancelled(), cancel);
      for (auto& reader : readers) reader.cancel();
      for (auto& reader : readers) co_await wait_until_done(reader);
    });
  }
}

// Closed and cancelled in one turn, in both orders: whichever it says, it ends
TEST(Relay, EndsWhenItIsClosedAndCancelledAtOnce) {
  for (const bool close_first : {true, false}) {
    test::run([&]() -> Task<> {
      Line line(Kind::tcp);
      auto relaying = start(line);
      co_await settle();
      if (close_first) line.to = Stream();
      relaying.cancel();
      if (!close_first) line.to = Stream();
      co_await wait_until_done(relaying);
      EXPECT_TRUE(relaying.done());
    });
  }
}

Task<> relay_for_ever(std::shared_ptr<Line> line) { co_await relay(line->from, line->to); }

TEST(Relay, EndsWithItsLoop) {
  const auto before = test::open_descriptors();
  for (const bool room : {false, true}) {
    test::run([&]() -> Task<> {
      const std::string much(64 << 20, 'x');
      auto line = std::make_shared<Line>(Kind::tcp);
      spawn(relay_for_ever(line));
      co_await settle();
      if (room) co_await fill_up(*line, much);
    });
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

}  // namespace
