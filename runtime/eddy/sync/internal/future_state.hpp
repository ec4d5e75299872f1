// FutureState: what a Future and its setters share.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/core/internal/misuse.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace eddy::internal {

class FutureStateBase;

class FutureWait : public Waiter {
 public:
  static constexpr const char* died_early = "a Future died while a task waited for it";
  explicit FutureWait(FutureStateBase& state) noexcept
      : Waiter(kind<&FutureWait::describe>), base_(state) {}
  bool await_ready() const noexcept;
  void await_suspend(std::coroutine_handle<> frame);

 private:
  void describe(WaitNote& note) const { note.what = "a Future"; }
  FutureStateBase& base_;
};

class FutureStateBase {
 public:
  FutureStateBase() = default;
  FutureStateBase(const FutureStateBase&) = delete;
  FutureStateBase& operator=(const FutureStateBase&) = delete;
  ~FutureStateBase() { if (unseen_) [[unlikely]] report(); }

  bool done() const noexcept { return done_; }
  bool cancelled() const noexcept { return failure_ && failure_->is_cancelled(); }

  void set_failure(Failure failure) {
    require_pending();
    unseen_ = !failure.is_cancelled();
    failure_ = std::move(failure);
    wake_all();
  }

  void add_setter() noexcept { ++setters_; }
  // The last one leaves a failure of type E behind where nothing was set.
  template <class E>
  void drop_setter() noexcept {
    EDDY_ASSERT(setters_ > 0);
    if (--setters_ > 0 || done_) return;
    failure_ = Failure::of<E>();
    wake_all();
  }

  void join(FutureWait& waiter) { waiters_.push_back(waiter); }

 protected:
  void require_pending() const {
    if (done_) throw InvalidState("a Future can be set once");
  }
  void wake_all() noexcept {
    EDDY_ASSERT(!done_);
    done_ = true;
    loop_ = thread_state.loop_id;
    while (FutureWait* waiter = waiters_.pop()) waiter->wake();
  }
  // Null when there is a value. REQUIRES: done
  const Failure* failure() noexcept {
    EDDY_ASSERT(done_);
    unseen_ = false;
    return failure_ ? &*failure_ : nullptr;
  }

 private:
  [[gnu::cold]] void report() noexcept {
    try {
      Loop::report_to(loop_, {.message = "the exception of a Future was never retrieved",
                              .exception = failure_->exception()});
    } catch (...) {  // without memory, then
      Loop::report_to(loop_, {.message = "the exception of a Future was never retrieved"});
    }
  }

  WaitList<FutureWait> waiters_;
  std::optional<Failure> failure_;
  std::uint64_t loop_ = 0;  // on which it was set
  unsigned setters_ = 0;
  bool done_ = false;
  bool unseen_ = false;  // an exception that nobody has looked at
};

inline bool FutureWait::await_ready() const noexcept { return base_.done(); }
inline void FutureWait::await_suspend(std::coroutine_handle<> frame) {
  base_.join(*this);
  park(frame);
}

template <class T>
class FutureState : public FutureStateBase, public RefCounted<FutureState<T>>, public Pooled {
 public:
  using Stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  template <class... V>
  void set_value(V&&... value) {
    require_pending();
    value_.emplace(std::forward<V>(value)...);
    wake_all();
  }

  // REQUIRES: done
  Expected<T> outcome() {
    if (const Failure* failed = failure()) return std::unexpected(*failed);
    if constexpr (std::is_void_v<T>) {
      return {};
    } else if constexpr (std::is_copy_constructible_v<T>) {
      return *value_;
    } else {
      if (!value_) throw_misuse("the value of a Future, which can only be moved, was taken before");
      T value = std::move(*value_);
      value_.reset();
      return value;
    }
  }

 private:
  std::optional<Stored> value_;
};

}  // namespace eddy::internal
