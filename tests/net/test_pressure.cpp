// Much at once, and little room for it: nothing is lost, and nothing turns in circles meanwhile.
#include "ends.hpp"

#include "support/directory.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace {

using namespace eddy;
using test::Ends;
using test::pattern;

// What a loop did since it was made.
struct Work {
  std::uint64_t turns, enters, submitted;
  static Work done() {
    const Stats stats = Loop::current().stats();
    return {stats.turns, stats.enters, stats.submitted};
  }
};
void expect_at_most(const Work& start, const Work& most) {
  const Work now = Work::done();
  EXPECT_LE(now.turns - start.turns, most.turns);
  EXPECT_LE(now.enters - start.enters, most.enters);
  EXPECT_LE(now.submitted - start.submitted, most.submitted);
}

// Rings with room for everything, and with room for little.
class Pressure : public testing::TestWithParam<LoopOptions> {};
INSTANTIATE_TEST_SUITE_P(
    Rings, Pressure,
    testing::Values(LoopOptions{.submission_entries = 512, .completion_entries = 1024},
                    LoopOptions{.submission_entries = 512,
                                .completion_entries = 1024,
                                .without = feature_incremental_buffers},
                    LoopOptions{.submission_entries = 512,
                                .completion_entries = 1024,
                                .without = feature_buffer_rings | feature_multishot_accept},
                    LoopOptions{.submission_entries = 8, .completion_entries = 8},
                    LoopOptions{.submission_entries = 8,
                                .completion_entries = 8,
                                .without = feature_multishot_accept}));

// More streams wait than there are pieces to lend, and all get bytes between two turns: those that
// find none (ENOBUFS) come again, not too often.
TEST_P(Pressure, DoesNotSpinWhenMoreStreamsGetBytesThanThereArePieces) {
  constexpr std::size_t count = 200;
  constexpr std::size_t rounds = 5;
  const std::string text = pattern(3000 * count);
  const auto before = test::open_descriptors();
  test::run(
      [&]() -> Task<> {
        std::vector<Ends> ends(count);
        std::vector<std::string> got(count);
        std::size_t filled = 0;
        Event changed;
        const auto read = [&](std::size_t i) -> Task<> {
          for (;;) {
            const std::size_t size = co_await ends[i].b.fill();
            if (size == 0) break;
            filled += size;
            changed.set();
            got[i] += ends[i].b.buffered().text();
            ends[i].b.consume(ends[i].b.buffered().size());
          }
        };
        std::vector<JoinHandle<>> readers;
        for (std::size_t i = 0; i < count; ++i) readers.push_back(spawn(read(i)));
        co_await test::settle();
        for (std::size_t round = 1; round <= rounds; ++round) {
          const Work start = Work::done();
          for (std::size_t i = 0; i < count; ++i) {
            EXPECT_EQ(::send(ends[i].a.socket().fileno(), &text[3000 * i], 3000, MSG_NOSIGNAL),
                      3000);
          }
          while (filled < 3000 * count * round) {
            changed.clear();
            co_await changed.wait();
          }
          expect_at_most(start, {2 * count, 2 * count, 10 * count});
        }
        for (auto& pair : ends) pair.a.shutdown_write();
        for (auto& reader : readers) co_await reader;
        for (std::size_t i = 0; i < count; ++i) {
          std::string expected;
          for (std::size_t round = 0; round < rounds; ++round) {
            expected += text.substr(3000 * i, 3000);
          }
          EXPECT_TRUE(got[i] == expected) << i;
        }
      },
      GetParam());
  EXPECT_EQ(test::open_descriptors(), before);
}

// Each says which it is.
std::vector<Socket> connect_many(const Address& target, std::size_t count) {
  std::vector<Socket> clients;
  for (std::uint32_t i = 0; i < count; ++i) {
    Socket& client = clients.emplace_back(AF_INET, SOCK_STREAM);
    EXPECT_EQ(::connect(client.fileno(), target.data(), target.size()), 0);
    EXPECT_EQ(::send(client.fileno(), &i, sizeof i, MSG_NOSIGNAL), 4);
  }
  return clients;
}

// All wait in the kernel's backlog before the loop accepts the first: with a small completion queue
// the request that accepts them all overflows it.
TEST_P(Pressure, LosesNoneOfManyConnectionsThatWaitAlready) {
  constexpr std::size_t count = 200;
  const auto before = test::open_descriptors();
  for (const std::size_t turns : {0u, 1u, 5u}) {  // between two that are taken
    test::run(
        [&]() -> Task<> {
          Listener listener = listen(Address::loopback(0));
          const std::vector<Socket> clients = connect_many(listener.local(), count);
          std::vector<std::uint32_t> served;
          const Work start = Work::done();
          for (std::size_t i = 0; i < count; ++i) {
            Stream stream = co_await listener.accept();
            char bytes[4];
            co_await stream.read_exactly(bytes);
            std::memcpy(&served.emplace_back(), bytes, sizeof bytes);
            co_await test::settle(static_cast<int>(turns));
          }
          // At most: an accept, a receive and a cancel for each, and a turn for each of these.
          expect_at_most(start, {(4 + turns) * count, (4 + turns) * count, 4 * count});
          std::sort(served.begin(), served.end());
          std::vector<std::uint32_t> all(count);
          std::iota(all.begin(), all.end(), 0u);
          EXPECT_EQ(served, all);
        },
        GetParam());
    EXPECT_EQ(test::open_descriptors(), before);
  }
}

// The same with as many tasks that accept.
TEST_P(Pressure, GivesEachOfManyWhoAcceptAConnection) {
  constexpr std::size_t count = 200;
  const auto before = test::open_descriptors();
  test::run(
      [&]() -> Task<> {
        Listener listener = listen(Address::loopback(0));
        const std::vector<Socket> clients = connect_many(listener.local(), count);
        const Work start = Work::done();
        std::vector<JoinHandle<Stream>> takers;
        const auto take = [&]() -> Task<Stream> { co_return co_await listener.accept(); };
        for (std::size_t i = 0; i < count; ++i) takers.push_back(spawn(take()));
        std::vector<Stream> streams;
        for (auto& taker : takers) streams.push_back(co_await taker);
        expect_at_most(start, {2 * count, 2 * count, 2 * count});
        for (Stream& stream : streams) EXPECT_FALSE(stream.closed());
      },
      GetParam());
  EXPECT_EQ(test::open_descriptors(), before);
}

}  // namespace
