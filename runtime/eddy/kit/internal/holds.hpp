// Holds: tells from looks at a loop, one after the other, that a step holds it, and for how long.
//
// A step is known by its turn and its task: a task runs at most once in a turn. Callbacks of one
// turn are taken together. Times count from the first look that saw it, so they are never too long.
#pragma once

#include <eddy/base/clock.hpp>

#include <cstdint>
#include <optional>

namespace eddy::internal {

struct LoopLook {
  bool busy = false;  // in a step or a callback, not waiting for the kernel
  std::uint64_t turn = 0;
  std::uint64_t task = 0;  // the address of its state; 0 for a callback
  bool operator==(const LoopLook&) const = default;
};

class Holds {
 public:
  explicit Holds(Duration limit) noexcept : limit_(limit) {}

  struct Hold {
    Duration took{};
    bool several = false;  // a turn of many steps, none of which took too long
  };

  // What this look ends, if that was reported.
  std::optional<Hold> see(const LoopLook& look, Instant now) noexcept;
  // What must be reported after it. `grace`: so much longer than the limit.
  std::optional<Hold> due(Instant now, Duration grace = {}) const noexcept;
  // It was.
  void reported(const Hold& hold) noexcept;

 private:
  enum class Reported : std::uint8_t { nothing, step, turn };

  Duration limit_;
  LoopLook last_;
  Instant turn_since_{};
  Instant step_since_{};
  Reported reported_ = Reported::nothing;
};

}  // namespace eddy::internal
