// Runs a test's coroutine on a loop of its own, by the clock, for there are real servers: and
// checks that no task, timer, operation or descriptor is left.
#pragma once

#include "support/directory.hpp"
#include "support/run.hpp"

namespace test {

template <class F>
void run_by_the_clock(F&& body) {
  const unsigned before = open_descriptors();
  {
    eddy::Loop loop({.submission_entries = 32, .completion_entries = 64});
    expect_no_reports(loop);
    loop.run(body());
    close_with_nothing_left(loop);
  }
  EXPECT_EQ(open_descriptors_in_the_end(before), before) << "a descriptor was left open";
}

}  // namespace test
