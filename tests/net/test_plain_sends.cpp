#include "ends.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;

std::uint64_t plain_sends() { return Loop::current().stats().plain_sends; }

TEST(PlainSends, AreCountedOnceATurnAndTheRestAreRequests) {
  test::run([]() -> Task<> {
    test::Ends ends;
    co_await yield();
    const std::uint64_t submitted = Loop::current().stats().submitted;
    co_await ends.a.write_all("one");
    EXPECT_EQ(plain_sends(), 1u);
    EXPECT_EQ(Loop::current().stats().submitted, submitted) << "in place of a request";
    co_await ends.a.write_all("two");
    EXPECT_EQ(plain_sends(), 1u) << "in the same turn";
    EXPECT_GT(Loop::current().stats().submitted, submitted);
    co_await yield();
    co_await ends.a.write_all("three");
    EXPECT_EQ(plain_sends(), 2u);
  });
}

TEST(PlainSends, AreNoneWhereOthersShareTheEnter) {
  test::run([]() -> Task<> {
    test::Ends ends;
    auto other = spawn(yield());
    co_await ends.a.write_all("one");
    EXPECT_EQ(plain_sends(), 0u);
    co_await other;
  });
}

}  // namespace
