// GCC before 12.3 misplaces the frame of a coroutine that begins with a condition (PR 106188): then
// the program ends with a message, in release too, instead of running wild.
#include <eddy/core.hpp>
#include <eddy/flow.hpp>

#include <gtest/gtest.h>

namespace {

using namespace eddy;

Task<bool> no() { co_return false; }

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ == 12 && __GNUC_MINOR__ < 3

Task<> begins_with_if() {
  if (co_await no()) co_return;
}
Task<> begins_with_while() {
  while (co_await no()) {
  }
}
Generator<int> generator_that_begins_with_if(int& value) {
  if (!co_await no()) co_yield value;
}

TEST(MisplacedFrames, EndTheProgramAndSayWhose) {
  const char* remedy = "misplaced the frame of .*begins_with_.*test_misplaced_frames.*give what it "
                       "awaits a name before the condition";
  EXPECT_DEATH(run(begins_with_if()), remedy);
  EXPECT_DEATH(run(begins_with_while()), remedy);
  int value = 1;
  EXPECT_DEATH(static_cast<void>(generator_that_begins_with_if(value)), remedy);
}

#endif

Task<int> names_it_first() {
  const bool found = co_await no();
  if (found) co_return 1;
  co_return 2;
}
Task<int> has_a_variable_beside_it() {
  int times = 2;
  while (co_await no()) ++times;
  co_return times;
}

TEST(MisplacedFrames, AreNoneWhereTheValueHasANameOrAnotherVariableStandsBeside) {
  EXPECT_EQ(run(names_it_first()), 2);
  EXPECT_EQ(run(has_a_variable_beside_it()), 2);
}

}  // namespace
