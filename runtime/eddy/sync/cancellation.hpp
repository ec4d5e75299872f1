// CancellationSource and CancellationToken: a request to stop that belongs to no task, handed down
// to whoever is to hear of it. Like std::stop_source, but of a loop, and with a reason.
//
//   CancellationSource shutdown;
//   spawn(worker(shutdown.token()));      // ... co_await with_token(token, queue.get()) ...
//   shutdown.cancel("shutting down");
//
// It fires once, and for good. Both are copyable, and copies mean the same. They belong to the
// loop's thread, and to the first loop that waits on them; another thread fires by Loop::post().
// Sources that are dropped fire nothing.
//
// One block of the Pool for a source; no allocation while waiting. ∅
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/plain_wait.hpp>
#include <eddy/sync/internal/cancellation_state.hpp>

#include <string_view>
#include <utility>

namespace eddy {

class CancellationToken {
 public:
  CancellationToken() noexcept = default;  // of no source: never fires

  class Wait;

  bool is_cancelled() const noexcept { return state_ && state_->fired(); }
  // Why; empty before, and where none was given.
  std::string_view reason() const noexcept {
    return state_ ? state_->reason().view() : std::string_view();
  }
  // Throws Cancelled, with that reason, once it has fired.
  void throw_if_cancelled() const {
    if (is_cancelled()) [[unlikely]] Failure::cancelled(state_->reason()).raise();
  }

  // Resumes in the turn after it fired, in the order of coming; at once when it has. Cancelling it
  // changes nothing. ∅
  Wait cancelled() const noexcept;

  // For awaitables; null of no source.
  internal::CancellationState* state() const noexcept { return state_.get(); }

  // Of one source.
  friend bool operator==(const CancellationToken& a, const CancellationToken& b) noexcept {
    return a.state_.get() == b.state_.get();
  }

 private:
  friend class CancellationSource;
  explicit CancellationToken(internal::Counted<internal::CancellationState> state) noexcept
      : state_(std::move(state)) {}

  internal::Counted<internal::CancellationState> state_;
};

class [[nodiscard]] CancellationToken::Wait : public internal::PlainWait,
                                              private internal::CancellationHook {
 public:
  explicit Wait(CancellationToken token) noexcept
      : PlainWait(kind<&Wait::describe, &stop>),
        CancellationHook(&fired),
        token_(std::move(token)) {}
  Wait(const Wait&) = default;

  bool await_ready() const noexcept { return token_.is_cancelled(); }
  void await_suspend(std::coroutine_handle<> frame) {
    require_first_await();
    if (token_.state()) token_.state()->add(*this);
    park(frame);
  }

 private:
  void describe(internal::WaitNote& note) const {
    note.what = token_.state() ? "a CancellationToken" : "a CancellationToken of no source";
  }
  static void fired(CancellationHook& hook, const internal::CancellationState&, Hooks&) noexcept {
    static_cast<Wait&>(hook).wake();
  }
  static bool stop(internal::Waiter& waiter) {
    static_cast<CancellationHook&>(static_cast<Wait&>(waiter)).unlink();
    return leave(waiter);
  }

  CancellationToken token_;
};

inline CancellationToken::Wait CancellationToken::cancelled() const noexcept { return Wait(*this); }

class CancellationSource {
 public:
  CancellationSource() : state_(new internal::CancellationState(nullptr)) {}
  // A child: fires with `parent`, for its reason, and may fire before without it.
  explicit CancellationSource(const CancellationToken& parent)
      : state_(new internal::CancellationState(parent.state_.get())) {}

  CancellationToken token() const { return CancellationToken(to_use()); }

  // Those that wait for it or under it, and for its children, end in the next turn; nobody runs
  // within. False, with nothing done, when it had fired.
  bool cancel(std::string_view reason = {}) const { return to_use()->fire(Text(reason)); }
  bool is_cancelled() const { return to_use()->fired(); }
  std::string_view reason() const { return to_use()->reason().view(); }

 private:
  const internal::Counted<internal::CancellationState>& to_use() const {
    if (!state_) [[unlikely]] throw UsageError("use of a CancellationSource that was moved from");
    return state_;
  }

  internal::Counted<internal::CancellationState> state_;
};

}  // namespace eddy
