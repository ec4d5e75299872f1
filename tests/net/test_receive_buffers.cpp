// The memory that the kernel takes when bytes come: it is given back, and where there is none a
// stream does not ask for it for ever.
#include "ends.hpp"
#include "support/submissions.hpp"

#include <algorithm>

namespace {

using namespace eddy;
using test::Ends;
using test::wait_until_done;

class BuffersOf : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(
    Kernel, BuffersOf, testing::Values(0u, std::uint32_t{feature_incremental_buffers}));

// More than all pieces hold, many times over.
TEST_P(BuffersOf, ALoopServeAnyNumberOfReceives) {
  test::run(
      [&]() -> Task<> {
        Ends ends;
        const std::string text = test::pattern(1000);
        constexpr std::uint64_t rounds = 3000;
        const Stats before = Loop::current().stats();
        for (std::uint64_t i = 0; i < rounds; ++i) {
          EXPECT_EQ(::send(ends.a.socket().fileno(), text.data(), text.size(), 0), 1000);
          while (ends.b.buffered().size() < text.size()) co_await ends.b.fill();
          EXPECT_TRUE(ends.b.buffered().text() == text);
          ends.b.consume(text.size());
        }
        // A text may lie in two pieces of 4096 bytes or more.
        EXPECT_LE(Loop::current().stats().submitted - before.submitted, rounds + rounds / 4)
            << "each found a piece at once";
      },
      {.without = GetParam()});
}

// The kernel has no memory for `opcode`; what else is asked for it does.
Task<> refuse_all(test::Submissions& requests, int opcode, int error, int& refused) {
  for (;;) {
    requests.each([&](io_uring_sqe& request) {
      if (request.opcode != opcode) return;
      if (opcode == IORING_OP_RECV && !(request.flags & IOSQE_BUFFER_SELECT)) return;
      test::refuse(request, error);
      ++refused;
    });
    co_await yield();
  }
}

TEST(Stream, ReadsIntoMemoryOfItsOwnWhereThereIsNoneToLend) {
  if (!test::can_refuse()) GTEST_SKIP() << "a kernel before 6.10";
  test::run([]() -> Task<> {
    Ends ends;
    test::Submissions requests(Loop::current());
    int refused = 0;
    auto filling = spawn([&]() -> Task<> { co_await ends.b.fill(); });
    auto refusing = spawn(refuse_all(requests, IORING_OP_RECV, ENOBUFS, refused));
    EXPECT_EQ(::send(ends.a.socket().fileno(), "text", 4, 0), 4);
    co_await test::settle(20);
    EXPECT_TRUE(filling.done());
    EXPECT_EQ(ends.b.buffered().text(), "text");
    EXPECT_GE(refused, 1);
    EXPECT_LE(refused, 5) << "it does not ask for ever";
    refusing.cancel();
    co_await wait_until_done(refusing);
    filling.cancel();
    co_await wait_until_done(filling);
  });
}

// ENOBUFS while a piece is waited for: a cancel and the end of the stream come through.
TEST(Stream, IsCancelledOrClosedWhileThereIsNoMemoryToLend) {
  if (!test::can_refuse()) GTEST_SKIP() << "a kernel before 6.10";
  for (const bool close : {false, true}) {
    for (int turns = 1; turns < 8; ++turns) {
      test::run([&]() -> Task<> {
        Ends ends;
        test::Submissions requests(Loop::current());
        int refused = 0;
        auto filling = spawn([&]() -> Task<> { co_await ends.b.fill(); });
        auto refusing = spawn(refuse_all(requests, IORING_OP_RECV, ENOBUFS, refused));
        co_await test::settle(turns);
        if (close) {
          co_await ends.b.close();
        } else {
          filling.cancel();
        }
        co_await test::settle(10);
        EXPECT_TRUE(filling.done()) << turns;
        EXPECT_EQ(filling.cancelled(), !close);
        if (close) {
          EXPECT_EQ((co_await as_result(filling)).error(), std::errc::operation_canceled);
        }
        refusing.cancel();
        co_await wait_until_done(refusing);
        filling.cancel();
        co_await wait_until_done(filling);
      });
    }
  }
}

TEST(Stream, CopiesWhereTheKernelHasNoMemoryToSendWithoutACopy) {
  if (!test::can_refuse()) GTEST_SKIP() << "a kernel before 6.10";
  for (const int error : {ENOBUFS, ENOMEM, EOPNOTSUPP}) {
    test::run([&]() -> Task<> {
      test::TcpEnds ends;
      co_await test::connect_ends(ends);
      test::Submissions requests(Loop::current());
      int refused = 0;
      auto sending = spawn([&]() -> Task<> { co_await ends.a.send_zero_copy("text"); });
      auto refusing = spawn(refuse_all(requests, IORING_OP_SEND_ZC, error, refused));
      co_await test::settle(20);
      EXPECT_TRUE(sending.done());
      EXPECT_EQ(refused, 1);
      char buffer[8];
      EXPECT_EQ(::recv(ends.b.socket().fileno(), buffer, sizeof buffer, MSG_DONTWAIT), 4);
      refusing.cancel();
      co_await wait_until_done(refusing);
      sending.cancel();
      co_await wait_until_done(sending);
    });
  }
}

}  // namespace
