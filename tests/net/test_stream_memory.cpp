// A stream that has nothing read ahead holds no memory for it.
#include "net/ends.hpp"
#include "support/allocations.hpp"

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::wait_until_done;

// Every block from the heap, so that what is held shows.
struct NoPool {
  NoPool() { internal::Pool::keep(false); }
  NoPool(const NoPool&) = delete;
  NoPool& operator=(const NoPool&) = delete;
  ~NoPool() { internal::Pool::keep(true); }
};

Task<> fill_once(Stream& stream) { co_await stream.fill(); }

TEST(StreamMemory, IsReleasedWhenAFillEndsWithNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "a sanitizer's allocator";
  test::run(
      []() -> Task<> {
        const NoPool heap;
        test::Ends ends;
        std::ptrdiff_t before = 0;
        for (int i = 0; i < 2; ++i) {
          before = test::bytes_held();
          auto filling = spawn(fill_once(ends.b));
          co_await test::settle();
          EXPECT_GT(test::bytes_held() - before, 4096) << "it receives into memory of its own";
          filling.cancel();
          co_await wait_until_done(filling);
        }
        EXPECT_LT(test::bytes_held() - before, 4096);
      },
      {.without = feature_buffer_rings});
}

TEST(StreamMemory, IsReleasedByClose) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "a sanitizer's allocator";
  test::run([]() -> Task<> {
    const NoPool heap;
    test::Ends ends;
    co_await ends.a.write_all(std::string(4000, 'x'));
    co_await ends.b.fill();
    const std::ptrdiff_t before = test::bytes_held();
    co_await ends.b.close();
    EXPECT_LE(test::bytes_held() - before, -4000) << "though the Stream is still there";
  });
}

}  // namespace
