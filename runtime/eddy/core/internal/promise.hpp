// Promise<T>: what every coroutine of eddy that ends with one result has in its frame.
//
// A frame ends in one of three ways: with a value, with an exception, or with a Failure that was
// never thrown (co_await fail(...)), which becomes an exception only where somebody asks for one.
//
// Whoever started a frame is told by finish(): a parent frame is named in thread_state.next and
// resumed by the step that is running, so neither deep chains nor long loops grow the stack,
// whether or not the compiler makes tail calls (GCC makes none at -O0 and under ASan). A frame that
// is started where the stack is deep already is named there itself.
#pragma once

#include <eddy/base/failure.hpp>
#include <eddy/core/internal/frame_link.hpp>
#include <eddy/core/internal/misuse.hpp>
#include <eddy/core/internal/task_state.hpp>

#include <coroutine>
#include <cstdint>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

namespace eddy::internal {

class PromiseBase : public FrameLink {
 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }

  struct End {
    bool await_ready() const noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> frame) const noexcept { frame.promise().finish(); }
    void await_resume() const noexcept {}
  };
  End final_suspend() const noexcept { return {}; }

  bool started() const noexcept { return state_ != State::created; }
  bool ended() const noexcept { return state_ >= State::value; }
  bool has_value() const noexcept { return state_ == State::value; }
  void start() noexcept {
    EDDY_ASSERT(!started());
    state_ = State::running;
  }

  // Who is told when this frame ends later than in the call that started it.
  void set_parent(std::coroutine_handle<> parent) noexcept {
    EDDY_ASSERT(parent);
    EDDY_ASSERT(!told_);
    told_ = reinterpret_cast<std::uintptr_t>(parent.address());
  }
  void set_root(TaskState& task) noexcept {
    EDDY_ASSERT(!told_);
    told_ = reinterpret_cast<std::uintptr_t>(&task) | root;
  }

  void finish() noexcept {
    if (!told_) return;
    if (told_ & root) {
      reinterpret_cast<TaskState*>(told_ - root)->root_ended();
    } else {
      thread_state.next = std::coroutine_handle<>::from_address(reinterpret_cast<void*>(told_));
    }
  }

  // Destroys the frame, which never ran. Its arguments may be tasks that never ran, and so on, a
  // million deep: from a certain depth on they die one after the other. REQUIRES: the promise is
  // aligned to no more than two words
  void destroy_unrun() noexcept;

 protected:
  enum class State : std::uint8_t { created, running, value, failure };

  State state_ = State::created;
};

// The value, or why there is none, in the same place.
template <class T>
class Promise : public PromiseBase {
  // A reference is kept as a pointer.
  using Stored = std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>;

 public:
  Promise() noexcept {}
  ~Promise() {
    if (state_ == State::value) std::destroy_at(&value_);
    if (state_ == State::failure) std::destroy_at(&failure_);
  }

  template <class U = T>
    requires std::is_constructible_v<T, U&&>
  void return_value(U&& value) {
    if constexpr (!std::is_reference_v<T>) {
      std::construct_at(&value_, std::forward<U>(value));
    } else if constexpr (std::is_convertible_v<std::remove_reference_t<U>*, Stored>) {
      std::construct_at(&value_, std::addressof(value));
    } else {
      std::construct_at(&value_, std::addressof(value.get()));  // as an Expected holds it
    }
    state_ = State::value;
  }
  void unhandled_exception() noexcept { set_failure(Failure::current()); }
  void set_failure(Failure failure) noexcept {
    if (state_ == State::value) std::destroy_at(&value_);  // a destructor threw after co_return
    std::construct_at(&failure_, std::move(failure));
    state_ = State::failure;
  }

  // REQUIRES: ended()
  T take() {
    EDDY_ASSERT(ended());
    if (state_ != State::value) [[unlikely]] failure_.raise();
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*value_);
    } else {
      return std::move(value_);
    }
  }
  // REQUIRES: it is over, without a value: by a failure, or by its end without a co_return
  const Failure& failure() noexcept {
    if (state_ == State::running) [[unlikely]] set_failure(no_co_return(where_));
    EDDY_ASSERT(state_ == State::failure);
    return failure_;
  }
  Failure&& take_failure() noexcept { return const_cast<Failure&&>(failure()); }

 private:
  union {
    Stored value_;
    Failure failure_;
  };
};

template <>
class Promise<void> : public PromiseBase {
 public:
  Promise() noexcept {}
  ~Promise() { if (state_ == State::failure) std::destroy_at(&failure_); }

  void return_void() noexcept { state_ = State::value; }
  void unhandled_exception() noexcept { set_failure(Failure::current()); }
  void set_failure(Failure failure) noexcept {
    std::construct_at(&failure_, std::move(failure));
    state_ = State::failure;
  }

  void take() {
    EDDY_ASSERT(ended());
    if (state_ != State::value) [[unlikely]] failure_.raise();
  }
  // REQUIRES: ended(), without a value
  const Failure& failure() const noexcept {
    EDDY_ASSERT(state_ == State::failure);
    return failure_;
  }
  Failure&& take_failure() noexcept { return std::move(failure_); }

 private:
  union {
    Failure failure_;
  };
};

}  // namespace eddy::internal
