// A value that counts its copies and knows where it lives: a frame or a closure that was copied bit
// by bit, or destroyed twice or never, shows.
#pragma once

#include <gtest/gtest.h>

namespace test {

class Tracker {
 public:
  static inline int alive = 0;
  static inline int made = 0;  // since the program began, copies and moves included

  explicit Tracker(int number = 0) noexcept : number_(number) { born(); }
  Tracker(const Tracker& other) noexcept : number_(other.number()) { born(); }
  Tracker(Tracker&& other) noexcept : number_(other.number()) { born(); }
  Tracker& operator=(const Tracker& other) noexcept {
    number_ = other.number();
    return *this;
  }
  ~Tracker() {
    EXPECT_EQ(self_, this) << "destroyed where it was not made";
    self_ = nullptr;
    --alive;
  }

  int number() const noexcept {
    EXPECT_EQ(self_, this) << "moved bit by bit, or dead";
    return number_;
  }

 private:
  void born() noexcept {
    self_ = this;
    ++alive;
    ++made;
  }

  const Tracker* self_;
  int number_;
};

}  // namespace test
