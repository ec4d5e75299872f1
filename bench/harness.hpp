// A row of the benchmarks: something eddy does, its twin (the same work without eddy), and a goal.
//
// On a machine with slow phases only what was measured side by side can be compared. So both sides
// of a row do the same number of operations in short rounds, taking turns at going first, and what
// counts is the median over the rounds: of the time, and of the ratio within each round.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace bench {

// Does so many operations.
using Side = std::function<void(std::size_t count)>;

struct Goal {
  enum class Kind { none, time, ratio, on_top };
  Kind kind = Kind::none;
  double limit = 0;
};
inline Goal at_most(double nanoseconds) { return {Goal::Kind::time, nanoseconds}; }
// Of the twin's time.
inline Goal times(double ratio) { return {Goal::Kind::ratio, ratio}; }
inline Goal ahead() { return times(1); }
// More than the twin needs.
inline Goal on_top(double nanoseconds) { return {Goal::Kind::on_top, nanoseconds}; }

// What counts as time. A row that never sleeps counts the thread's own: what other programs do on
// the machine meanwhile is no part of it.
enum class Clock { thread, process, wall };

struct Row {
  std::string name;
  Side eddy;
  std::string twin_name = {};
  Side twin = {};
  Goal goal = {};
  std::size_t grain = 1;        // operations come in multiples of this
  double round_seconds = 2e-3;  // at least
  Clock clock = Clock::thread;
  unsigned rounds = 41;
  std::function<void()> before = {};  // each side of each round, and not counted
};

void add(Row row);

// True for a run that only shows that everything works: few, short rounds.
bool smoke();

// Lets the calling thread run on any CPU, or on any but the one that the main thread keeps to.
void unpin();
void move_away();

}  // namespace bench

// What an executable defines: adds its rows.
void add_rows();
