// A row's call, played turn by turn from outside of its loop.
//
// A hang is a failure: a call that does not end in `patience` fails its test, and a test that does
// not come on for 20 seconds ends the program with the name of the combination.
#pragma once

#include "support/awaitables.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace test {

inline constexpr auto patience = std::chrono::seconds(8);

// One more combination of a row, a sweep and a position begins: for the count that is printed in
// the end, for the clock that finds hangs, and for whoever reads a crash.
void begin_combination(const std::string& row, const std::string& position);
// Which that is.
const std::string& combination();

// A loop for rows of this kind. Reports fail the test.
LoopOptions options_of(const Row& row);
void fail_on_reports(Loop& loop);

// What a failure says.
std::string text_of(const Failure& failure);

// What became of a call.
struct Seen {
  bool began = false;
  bool ended = false;
  int delivered = 0;             // cancellations, in the call or at the wait after it
  std::optional<Failure> error;  // any other failure
  std::size_t place = 0;         // how many ended before it
};

// Makes the call, and waits once more so that a request to cancel that is pending is delivered.
Task<> watch(World& world, Seen& seen);

class Play {
 public:
  Play(Loop& loop, const Row& row);
  ~Play();

  void start(Task<> (*how)(World&, Seen&) = &watch);
  void turn() { loop_.turn(); }
  // What it waits for comes; once.
  void wake();
  bool done() const { return !handle_.valid() || handle_.done(); }
  // Plays the row once to its end, so that what the loop keeps for later is there.
  static void warm_up(Loop& loop, const Row& row);

  // Turns until it is done. False, with a failure, when it never is.
  bool finish();
  // A failure is an answer, and what went before it may be lost.
  void may_fail() noexcept { may_fail_ = true; }
  void expect_no_error() const;
  // Checks that nothing is left of it, neither in the world nor in the loop.
  void clean_up();

  World& world() { return *world_; }
  const Row& row() const noexcept { return row_; }
  Loop& loop() noexcept { return loop_; }
  const JoinHandle<>& handle() const noexcept { return handle_; }
  bool wakes_by_time() const noexcept { return row_.traits.comes == Comes::by_time; }
  bool never_woken() const noexcept { return row_.traits.comes == Comes::never; }
  const Seen& seen() const noexcept { return seen_; }

 private:
  Loop& loop_;
  const Row& row_;
  std::size_t in_flight_;
  unsigned descriptors_;
  std::unique_ptr<World> world_;
  Seen seen_;
  JoinHandle<> handle_;
  bool woken_ = false;
  bool may_fail_ = false;
};

// Turns `loop` until `over()`. False, with a failure, when it never is.
template <class F>
bool turn_until(Loop& loop, const char* what, F over) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (!over()) {
    loop.turn(1ms);
    if (std::chrono::steady_clock::now() < limit) continue;
    ADD_FAILURE() << combination() << ": " << what;
    return false;
  }
  return true;
}

// Every row, as the parameter of a sweep.
using Sweep = testing::TestWithParam<Row>;
// Those rows alone that a sweep can do something with.
std::vector<Row> rows_where(bool (*wanted)(const Traits& traits));
// What a failing test says of its parameter.
inline void PrintTo(const Row& row, std::ostream* to) { *to << row.name; }
std::string name_of_row(const testing::TestParamInfo<Row>& info);

}  // namespace test
