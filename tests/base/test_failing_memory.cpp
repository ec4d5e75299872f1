// The tool that makes allocations fail fails what it should.
#include <eddy/base/internal/pool.hpp>

#include "support/failing_memory.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <string>

namespace {

using namespace eddy;
using namespace eddy::internal;

// Clang leaves an allocation out that nobody else can see.
void show(const void* memory) { asm volatile("" : : "r"(memory) : "memory"); }

TEST(FailingMemory, FailsTheAllocationThatIsAskedForAndNoOther) {
  const auto take_three = [](test::FailingMemory& memory) {
    int taken = 0;
    memory.arm();
    try {
      const auto first = std::make_unique<int>(1);
      show(first.get());
      ++taken;
      void* second = Pool::allocate(100);
      Pool::release(second, 100);
      ++taken;
      const std::string third(100, 'x');
      show(third.data());
      ++taken;
    } catch (const std::bad_alloc&) {
    }
    memory.disarm();
    const auto free_again = std::make_unique<int>(1);
    return taken;
  };
  for (std::size_t which = 1; which <= 4; ++which) {
    test::FailingMemory memory(which);
    EXPECT_EQ(take_three(memory), which - 1);
    EXPECT_EQ(memory.failed(), which <= 3);
  }
  EXPECT_EQ(test::fail_each_allocation(take_three), 3u);
}

TEST(FailingMemory, ReachesThePoolThoughItHasABlockToGive) {
  Pool::release(Pool::allocate(100), 100);
  test::FailingMemory memory(1);
  memory.arm();
  EXPECT_THROW(static_cast<void>(Pool::allocate(100)), std::bad_alloc);
}

TEST(FailingMemory, GoesOnFailingAsOftenAsWanted) {
  test::FailingMemory memory(2, 2);
  int failures = 0;
  memory.arm();
  for (int i = 0; i < 5; ++i) {
    try {
      Pool::release(Pool::allocate(100), 100);
    } catch (const std::bad_alloc&) {
      ++failures;
    }
  }
  memory.disarm();
  EXPECT_EQ(failures, 2);
}

}  // namespace
