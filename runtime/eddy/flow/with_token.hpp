// with_token, move_on_when: what is awaited ends when a token fires.
//
//   auto item = co_await with_token(shutdown, queue.get());
//   if (auto line = co_await move_on_when(shutdown, stream.readline())) use(*line);
//
// The task itself is cancelled, with the token's reason, and the request is taken back where the
// scope ends, as timeout() does it. Scopes nest, in each other and in timeouts; a cancellation from
// outside wins. A body that never suspends is never interrupted. No allocation.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/core/loop.hpp>
#include <eddy/flow/move_on.hpp>
#include <eddy/sync/cancellation.hpp>

#include <coroutine>
#include <utility>

namespace eddy {

namespace internal {

// The request that a token makes to a task, and that it takes back.
class TokenRequest : private CancellationHook {
 public:
  explicit TokenRequest(CancellationToken token) noexcept
      : CancellationHook(&fired), token_(std::move(token)) {}
  TokenRequest(const TokenRequest& other) noexcept : TokenRequest(other.token_) {
    EDDY_ASSERT(!other.task_);
  }

  // A token that has fired already asks the running task at once.
  void enter();
  // True: the task was asked, and no request but ours is left in it.
  bool leave() noexcept;
  const CancellationToken& token() const noexcept { return token_; }

 private:
  static void fired(CancellationHook& hook, const CancellationState& by, Hooks& more) noexcept;
  void ask(const CancellationState& fired) noexcept;

  CancellationToken token_;
  TaskState* task_ = nullptr;
  unsigned baseline_ = 0;  // T6: requests that were delivered before us
  bool asked_ = false;
};

template <Settles A>
class [[nodiscard]] WithToken : public Raises<WithToken<A>, typename A::value_type> {
 public:
  WithToken(CancellationToken token, A inner)
      : request_(std::move(token)), inner_(std::move(inner)) {}

  // A task under a token that has fired is not even started.
  bool await_ready() {
    if constexpr (may_stay_unrun) {
      if (request_.token().is_cancelled()) {
        inner_.require_unrun("co_await");
        return unrun_ = true;
      }
    }
    return inner_.await_ready();
  }
  bool await_suspend(std::coroutine_handle<> frame) {
    request_.enter();
    try {
      return suspend(inner_, frame);
    } catch (...) {
      request_.leave();
      throw;
    }
  }
  Expected<Held<typename A::value_type>> await_outcome() {
    bool cut = false;
    return end(cut);
  }
  AwaitedName awaited() const noexcept { return awaited_by(inner_); }
  void drop_unrun() noexcept { internal::drop_unrun(inner_); }

 protected:
  // How `inner` ended; `cut`: by the token, and by nothing else.
  Expected<Held<typename A::value_type>> end(bool& cut) {
    if constexpr (may_stay_unrun) {
      if (unrun_) {
        cut = true;
        inner_.discard();  // on purpose: not reported
        return std::unexpected(Failure::cancelled(request_.token().state()->reason()));
      }
    }
    auto outcome = settle(inner_);
    cut = request_.leave() && !outcome && outcome.error().is_cancelled();
    return outcome;
  }

 private:
  // A task, or what becomes one.
  static constexpr bool may_stay_unrun = requires(A& inner) { inner.discard(); };

  TokenRequest request_;
  A inner_;
  bool unrun_ = false;
};

}  // namespace internal

// The awaitable's value; Cancelled, with the token's reason, when the token fires before there is
// one: not before the awaitable has ended, and with its value if it gives one all the same. It is
// no request to this task, whose count is as before. To go on without an exception: move_on_when().
// A task under a token that has fired already is not started; anything else that is ready then is
// still given. Throws UsageError when the token is another loop's. ∅
template <Awaitable A>
auto with_token(CancellationToken token, A&& awaitable) {
  return internal::WithToken<internal::AwaiterOf<A>>(
      std::move(token), internal::awaiter_of(std::forward<A>(awaitable)));
}

// The same as move_on_after(): the value in an optional, or true where there is none; nothing, or
// false, when the token has fired. Failures come out, and so does a cancellation from outside. ∅
template <Awaitable A>
auto move_on_when(CancellationToken token, A&& awaitable) {
  return internal::MoveOn<internal::WithToken<internal::AwaiterOf<A>>>(
      std::move(token), internal::awaiter_of(std::forward<A>(awaitable)));
}

}  // namespace eddy
