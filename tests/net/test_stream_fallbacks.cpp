// The same bytes with every way of the kernel's, and without each.
#include "ends.hpp"

#include "support/directory.hpp"

namespace {

using namespace eddy;
using test::Ends;
using test::pattern;

constexpr std::uint32_t older_rungs =
    feature_single_issuer | feature_defer_taskrun | feature_taskrun_flag | feature_submit_all;
constexpr std::uint32_t all_of_them = (feature_zero_copy_send << 1) - 1;  // it is the last

class StreamFallbacks : public testing::TestWithParam<std::tuple<std::uint32_t, unsigned>> {
 public:
  template <class F>
  void run(F&& body) {
    LoopOptions options;
    options.without = std::get<0>(GetParam());
    options.registered_files = std::get<1>(GetParam());
    test::run(std::forward<F>(body), options);
  }
};
INSTANTIATE_TEST_SUITE_P(
    Modes, StreamFallbacks,
    testing::Combine(testing::Values(0u, feature_single_issuer, feature_defer_taskrun,
                                     feature_taskrun_flag, feature_submit_all,
                                     feature_registered_ring, feature_absolute_timer,
                                     feature_registered_wait, feature_no_iowait,
                                     feature_minimum_wait, feature_multishot_poll,
                                     feature_multishot_accept, feature_buffer_rings,
                                     feature_incremental_buffers, feature_zero_copy_send,
                                     older_rungs, older_rungs | feature_incremental_buffers,
                                     all_of_them),
                     testing::Values(0u, 16u)));

TEST_P(StreamFallbacks, CarryTheSameBytesInEveryVerb) {
  const std::string much = pattern(400'000);
  run([&]() -> Task<> {
    test::TcpEnds ends;
    co_await connect_ends(ends);
    const auto writes = [&]() -> Task<> {
      const Bytes pieces[3] = {"a line\n", "", much};
      for (int round = 0; round < 20; ++round) {
        co_await ends.a.write_vectored(pieces);
        co_await ends.a.send_zero_copy(much);
        co_await ends.a.write_all("the end\n");
      }
      ends.a.shutdown_write();
    };
    auto writer = spawn(writes);
    std::string body(2 * much.size(), '\0');
    for (int round = 0; round < 20; ++round) {
      EXPECT_EQ(co_await ends.b.readline(), "a line\n");
      co_await ends.b.read_exactly(body);
      EXPECT_TRUE(body == much + much);
      EXPECT_EQ(co_await ends.b.read_until("\n"), "the end\n");
    }
    EXPECT_EQ(co_await ends.b.read_all(), "");
    co_await writer;
  });
}

// More streams receive at once than the loop has pieces to lend.
TEST_P(StreamFallbacks, GiveEachOfManyStreamsItsOwnBytes) {
  const auto before = test::open_descriptors();
  run([&]() -> Task<> {
    constexpr std::size_t count = 200;
    std::vector<Ends> ends(count);
    std::vector<std::string> texts, got(count);
    for (std::size_t i = 0; i < count; ++i) {
      texts.push_back(std::to_string(i) + ':' + pattern(37 * i + 1));
    }
    const auto read = [&](std::size_t i) -> Task<> {
      for (;;) {
        const std::size_t filled = co_await ends[i].b.fill();
        if (filled == 0) break;
        got[i] += ends[i].b.buffered().text();
        ends[i].b.consume(ends[i].b.buffered().size());
      }
    };
    std::vector<JoinHandle<>> readers;
    for (std::size_t i = 0; i < count; ++i) readers.push_back(spawn(read(i)));
    for (int parts = 0; parts < 30; ++parts) {
      co_await test::settle(2);
      for (std::size_t i = 0; i < count; ++i) {  // all at once, by plain calls
        const std::size_t size = texts[i].size() / 30 + 1;
        const std::size_t at = std::min(size * static_cast<std::size_t>(parts), texts[i].size());
        const std::string part = texts[i].substr(at, size);
        const auto sent =
            ::send(ends[i].a.socket().fileno(), part.data(), part.size(), MSG_NOSIGNAL);
        EXPECT_EQ(sent, static_cast<ssize_t>(part.size()));
      }
    }
    for (auto& pair : ends) pair.a.shutdown_write();
    for (auto& reader : readers) co_await reader;
    for (std::size_t i = 0; i < count; ++i) EXPECT_TRUE(got[i] == texts[i]) << i;
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

// Cancels that find receives without a buffer, ends and resets among the bytes.
TEST_P(StreamFallbacks, LoseNothingWhenManyAreCancelledAtOnce) {
  run([&]() -> Task<> {
    constexpr std::size_t count = 150;
    for (int turns = 0; turns < 5; ++turns) {
      std::vector<Ends> ends(count);
      std::vector<TaskHandle> readers;
      const auto read = [&](std::size_t i) -> Task<> { co_await ends[i].b.fill(); };
      for (std::size_t i = 0; i < count; ++i) readers.push_back(spawn(read(i)));
      co_await test::settle();
      const std::string text = pattern(3000);
      for (auto& pair : ends) {
        const auto sent =
            ::send(pair.a.socket().fileno(), text.data(), text.size(), MSG_NOSIGNAL);
        EXPECT_EQ(sent, 3000);
        pair.a.shutdown_write();
      }
      for (int i = 0; i < turns; ++i) co_await yield();
      for (std::size_t i = 0; i < count; i += 2) readers[i].cancel();
      for (std::size_t i = 0; i < count; ++i) {
        co_await test::wait_until_done(readers[i]);
        EXPECT_TRUE(co_await ends[i].b.read_all() == text) << turns << ' ' << i;
      }
    }
  });
}

// C13: a stream that is closed by its peer answers all the same
TEST_P(StreamFallbacks, SeeTheEndOfTheOther) {
  const auto before = test::open_descriptors();
  run([&]() -> Task<> {
    for (int round = 0; round < 3; ++round) {
      test::TcpEnds ends;
      co_await connect_ends(ends);
      char buffer[8];
      for (int i = 0; i < 20; ++i) {
        co_await ends.a.write_all("ping");
        co_await ends.b.read_exactly(MutableBytes(buffer, 4));
        co_await ends.b.write_all("pong");
        co_await ends.a.fill();
        ends.a.consume(ends.a.buffered().size());
      }
      co_await ends.a.send_zero_copy("last");
      co_await ends.a.close();
      EXPECT_EQ(co_await ends.b.fill(), 4u);
      EXPECT_EQ(co_await ends.b.fill(), 0u);
      EXPECT_EQ(co_await ends.b.read_some(buffer), 4u);
      EXPECT_EQ(co_await ends.b.read_some(buffer), 0u);
      co_await ends.b.close();
    }
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

}  // namespace
