// The world of what composes: a gate that is closed until wake(), and a task that waits at it.
#pragma once

#include "support/awaitables.hpp"

#include <eddy/sync/event.hpp>
#include <eddy/sync/lock.hpp>

#include <gtest/gtest.h>

namespace test {

struct Gated {
  Task<> begin();
  void wake() { if (std::exchange(closed, false)) gate.release(); }
  // Whoever was in front of the gate has passed it or left.
  Task<> check();

  Lock gate;
  JoinHandle<> inner;
  bool closed = true;
};

inline Task<> pass(Gated& w) {
  auto passed = co_await w.gate.scoped();
}
inline std::vector<Task<>> two_passing(Gated& w) {
  std::vector<Task<>> tasks;
  tasks.push_back(pass(w));
  tasks.push_back(pass(w));
  return tasks;
}

inline Task<> Gated::begin() {
  co_await gate.acquire();
  inner = spawn(pass(*this));
  co_await yield();
}
inline Task<> Gated::check() {
  static_cast<void>(co_await as_outcome(inner));
  for (int i = 0; i < 5; ++i) co_await yield();  // what gather() and shield() left running
  EXPECT_FALSE(gate.locked()) << "the gate was lost";
}

}  // namespace test
