#include <eddy/kit/internal/holds.hpp>

#include <eddy/base/internal/assert.hpp>

namespace eddy::internal {

std::optional<Holds::Hold> Holds::see(const LoopLook& look, Instant now) noexcept {
  EDDY_ASSERT(look.busy || look == LoopLook());
  EDDY_ASSERT(now >= step_since_);
  EDDY_ASSERT(last_.busy || reported_ == Reported::nothing);
  if (look == last_) return std::nullopt;
  const bool same_turn = look.busy && last_.busy && look.turn == last_.turn;
  std::optional<Hold> ended;
  if (reported_ == Reported::step) ended = {.took = now - step_since_};
  if (reported_ == Reported::turn && !same_turn) {
    ended = {.took = now - turn_since_, .several = true};
  }
  // Who was told of a step hears no more of its turn than that of another long step.
  if (ended) reported_ = Reported::nothing;
  if (!same_turn || ended) turn_since_ = now;
  step_since_ = now;
  last_ = look;
  return ended;
}

std::optional<Holds::Hold> Holds::due(Instant now, Duration grace) const noexcept {
  if (!last_.busy || reported_ != Reported::nothing) return std::nullopt;
  EDDY_ASSERT(grace >= Duration::zero());
  const Duration step = now - step_since_;
  const Duration turn = now - turn_since_;
  EDDY_ASSERT(turn >= step);
  if (step - grace >= limit_) return Hold{.took = step};
  if (turn_since_ == step_since_ || turn < limit_) return std::nullopt;
  return Hold{.took = turn, .several = true};
}

void Holds::reported(const Hold& hold) noexcept {
  EDDY_ASSERT(last_.busy);
  EDDY_ASSERT(reported_ == Reported::nothing);
  EDDY_ASSERT(hold.took >= limit_);
  reported_ = hold.several ? Reported::turn : Reported::step;
}

}  // namespace eddy::internal
