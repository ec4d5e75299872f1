// ForeignAwait: waits in a task for an awaitable that knows nothing of eddy.
//
// Such a one is given a coroutine to resume. It is not the task's, which none but a step of its own
// may resume: a small one in between that tells, and the task is woken. foreign.hpp has the
// contract.
#pragma once

#include <eddy/core/internal/foreign_awaitable.hpp>
#include <eddy/core/internal/wait_note.hpp>
#include <eddy/core/internal/waiter.hpp>
#include <eddy/core/loop.hpp>

#include <concepts>
#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

namespace eddy::internal {

class ForeignWait : public Waiter {
 protected:
  ForeignWait() noexcept : Waiter(kind<&ForeignWait::describe, &stop>) {}
  ForeignWait(const ForeignWait& other) noexcept : Waiter(other) {
    EDDY_ASSERT(!other.resumed_by_);
  }
  ~ForeignWait();

  // Before the foreign await_suspend, which is given resumed_by(). False: it is not to be called;
  // the task is suspended already, and ends.
  bool begin(std::coroutine_handle<> frame);
  std::coroutine_handle<> resumed_by() const noexcept { return resumed_by_; }
  // After it; it may have run a coroutine, which has suspended the task somewhere within. False:
  // the task goes on at once.
  bool suspended();
  // It has thrown, or returned false.
  void went_on() noexcept;

  bool cancelled_before() const noexcept { return was_cancelled(); }

 private:
  class Teller;

  static bool stop(Waiter& waiter);
  void describe(WaitNote& note) const { note.what = "an awaitable of another library"; }
  void resumed() noexcept;
  void go_on() noexcept;

  TaskState* waiting_ = nullptr;
  std::coroutine_handle<> resumed_by_;
  std::coroutine_handle<> frame_;
  std::coroutine_handle<> point_;  // the task's, while the foreign code runs
  bool outer_ = false;  // the task's, of a foreign coroutine that this is part of
  bool suspending_ = false;
  bool resumed_ = false;
};

// A result as a task hands it on: by value, but for a reference to what lives elsewhere.
template <class R>
using ForeignValue = std::conditional_t<std::is_lvalue_reference_v<R>, R, std::remove_cvref_t<R>>;

// An awaiter in place, also one that cannot be moved.
template <class A>
class AwaiterPlace {
  using Awaiter = decltype(plain_awaiter_of(std::declval<A>()));
  static constexpr bool by_reference = std::is_reference_v<Awaiter>;
  using Stored = std::conditional_t<by_reference, std::remove_reference_t<Awaiter>*, Awaiter>;

 public:
  using Type = std::remove_reference_t<Awaiter>;

  bool empty() const noexcept { return !stored_; }
  void make(A&& awaitable) {
    if constexpr (by_reference) {
      auto&& awaiter = plain_awaiter_of(std::forward<A>(awaitable));
      stored_ = std::addressof(awaiter);
    } else {
      stored_.emplace(Maker(awaitable));
    }
  }
  Type& get() noexcept {
    if constexpr (by_reference) {
      return **stored_;
    } else {
      return *stored_;
    }
  }

 private:
  class Maker {
   public:
    explicit Maker(std::remove_reference_t<A>& awaitable) noexcept : awaitable_(awaitable) {}
    operator Stored() const { return plain_awaiter_of(static_cast<A&&>(awaitable_)); }

   private:
    std::remove_reference_t<A>& awaitable_;
  };

  std::optional<Stored> stored_;
};

template <class A>
using ForeignValueOf =
    ForeignValue<decltype(std::declval<typename AwaiterPlace<A>::Type&>().await_resume())>;

// `A`: what is kept, or a reference to what the caller keeps.
template <class A>
class [[nodiscard]] ForeignAwait : public ForeignWait,
                                   public Raises<ForeignAwait<A>, ForeignValueOf<A>> {
 public:
  using value_type = ForeignValueOf<A>;
  static_assert(std::is_reference_v<A> || std::move_constructible<A>,
                "This awaitable cannot be moved into what awaits it: give it a name first");

  explicit ForeignAwait(A&& awaitable) : awaitable_(std::forward<A>(awaitable)) {}
  // Until it is awaited.
  ForeignAwait(ForeignAwait&& other) noexcept(std::is_nothrow_move_constructible_v<A>)
      : ForeignWait(other), Raises<ForeignAwait, value_type>(other),
        awaitable_(std::forward<A>(other.awaitable_)) {}

  bool await_ready() {
    if (!place_.empty()) throw_awaited_twice();
    place_.make(std::forward<A>(awaitable_));
    return place_.get().await_ready() ? true : false;
  }
  bool await_suspend(std::coroutine_handle<> frame) {
    if (!begin(frame)) return true;
    try {
      if (!start()) {
        went_on();
        return false;
      }
    } catch (...) {
      went_on();
      throw;
    }
    return suspended();
  }
  // What it gave is given also where a cancel came meanwhile, which stays pending (C13).
  Expected<Held<value_type>> await_outcome() {
    if (cancelled_before()) return std::unexpected(cancelled_failure());
    try {
      if constexpr (std::is_void_v<value_type>) {
        place_.get().await_resume();
        return {};
      } else {
        return Expected<Held<value_type>>(std::in_place, place_.get().await_resume());
      }
    } catch (...) {
      return std::unexpected(Failure::current());
    }
  }
  // For messages.
  AwaitedName awaited() const noexcept { return {signature_of<std::remove_cvref_t<A>>()}; }

 private:
  // False: it has not suspended.
  bool start() {
    using Answer = decltype(place_.get().await_suspend(resumed_by()));
    if constexpr (std::is_void_v<Answer>) {
      place_.get().await_suspend(resumed_by());
      return true;
    } else if constexpr (std::same_as<Answer, bool>) {
      return place_.get().await_suspend(resumed_by());
    } else {
      const std::coroutine_handle<> next = place_.get().await_suspend(resumed_by());
      next.resume();
      return true;
    }
  }

  A awaitable_;
  AwaiterPlace<A> place_;
};

}  // namespace eddy::internal
