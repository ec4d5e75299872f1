// CancellationState: what a CancellationSource, its tokens and all who wait for them share.
#pragma once

#include <eddy/base/internal/intrusive.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/base/text.hpp>

#include <cstdint>

namespace eddy::internal {

class CancellationState;

// Told when a token fires: a wait, a scope, a child. It counts as an owner of the state.
class CancellationHook : public Link<CancellationHook> {
 public:
  using Hooks = List<CancellationHook>;
  // `by` has fired; `more` are told after this one.
  using Fired = void (*)(CancellationHook&, const CancellationState& by, Hooks& more) noexcept;
  explicit CancellationHook(Fired function) noexcept : fired_(function) {}

 private:
  friend class CancellationState;
  Fired fired_;
};

class CancellationState : private CancellationHook, public Pooled {
 public:
  // Fires with its parent, if it has one, whichever loop of the thread that belongs to.
  explicit CancellationState(CancellationState* parent);
  CancellationState(const CancellationState&) = delete;
  CancellationState& operator=(const CancellationState&) = delete;

  bool fired() const noexcept { return fired_; }
  const Text& reason() const noexcept { return reason_; }

  // False, with nothing done, the second time. Tells the hooks in the order of their coming, then
  // those of children; none of them runs anything.
  bool fire(Text reason) noexcept;

  // REQUIRES: !fired(). Belongs to the running loop from now on. Throws UsageError when it is
  // another's.
  void add(CancellationHook& hook);

  void retain() noexcept { ++references_; }
  void release() noexcept;

 private:
  ~CancellationState() { EDDY_ASSERT(hooks_.empty()); }
  static void parent_fired(CancellationHook& hook, const CancellationState& by,
                           Hooks& more) noexcept;
  void begin_firing(const Text& reason, Hooks& told) noexcept;

  Hooks hooks_;
  CancellationState* parent_;
  Text reason_;
  std::uint64_t loop_ = 0;  // none yet
  unsigned references_ = 0;
  bool fired_ = false;
};

}  // namespace eddy::internal
