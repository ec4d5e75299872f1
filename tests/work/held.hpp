// Functions for threads that end when they are let go.
#pragma once

#include "support/run.hpp"

#include <latch>
#include <thread>

namespace test {

class Held {
 public:
  // On a thread: until go().
  void run() {
    begun_.count_down();
    go_.wait();
  }
  void wait_for_begin() { begun_.wait(); }
  bool has_begun() const { return begun_.try_wait(); }
  void go() { go_.count_down(); }

 private:
  std::latch begun_{1};
  std::latch go_{1};
};

}  // namespace test
