// ThreadCall: a function that runs on a thread of a pool, as an awaitable.
//
// Resumes in a turn after the function has returned, with what it returned or threw. Nothing is
// allocated but by the function: call, arguments and result lie where the task waits. The function
// finds the task's context variables; what it sets itself is gone afterwards. A loop that it runs
// finds them too, but what that gives to threads of its own does not.
//
// A call that has begun cannot be stopped. Cancelled before that: the function is never called.
// Afterwards: the wait goes on until it has returned, so that it may use what the caller owns; its
// result is returned and the request stays pending (C13). With abandon_on_cancel the wait ends at
// once instead, and the function goes on by itself.
#pragma once

#include <eddy/base/internal/pool.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/core/internal/waiter.hpp>
#include <eddy/work/internal/pool_threads.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace eddy {

// to_thread(abandon_on_cancel, function, arguments...): when it is cancelled the task does not wait
// for the function, which goes on; what it returns is destroyed on its thread, as are the arguments
// then. So both take values only. When the loop closes, it still waits for the function to end.
struct AbandonOnCancel {};
inline constexpr AbandonOnCancel abandon_on_cancel{};

// True for what holds nothing of somebody else's, as far as a type tells: no pointer, reference or
// view. To be specialised for a class of one's own that does hold such. A callable tells nothing of
// its captures: it has none then, and what it needs are its arguments.
template <class T>
inline constexpr bool holds_values =
    !std::is_pointer_v<T> && !(std::ranges::view<T> && std::ranges::borrowed_range<T>);
template <class T>
inline constexpr bool holds_values<std::reference_wrapper<T>> = false;
template <class T>
  requires std::is_function_v<T>
inline constexpr bool holds_values<T*> = true;

namespace internal {

template <class F>
inline constexpr bool callable_holds_values =
    holds_values<F> && (std::is_empty_v<F> || !std::is_class_v<F>);

// A result as it is handed over: by value, but for a reference to what lives elsewhere.
template <class R>
using Handed = std::conditional_t<std::is_lvalue_reference_v<R>, R, std::remove_cvref_t<R>>;

// The function and what comes of it.
template <class F, class... Args>
class PreparedCall {
 public:
  using value_type = Handed<std::invoke_result_t<F, Args...>>;

  template <class G, class... Values>
  explicit PreparedCall(std::in_place_t, G&& function, Values&&... arguments)
      : call_(std::in_place, std::forward<G>(function), std::forward<Values>(arguments)...) {}

  void run() noexcept {
    EDDY_ASSERT(call_);
    const auto call = [](F& function, Args&... arguments) -> decltype(auto) {
      return std::invoke(std::move(function), std::move(arguments)...);
    };
    try {
      if constexpr (std::is_void_v<value_type>) {
        std::apply(call, *call_);
        value_.emplace();
      } else {
        value_.emplace(std::apply(call, *call_));
      }
    } catch (...) {
      exception_ = std::current_exception();
    }
  }

  Expected<Held<value_type>> take() {
    if (exception_) return std::unexpected(Failure::from(std::exchange(exception_, nullptr)));
    EDDY_ASSERT(value_);
    if constexpr (std::is_void_v<value_type>) {
      return {};
    } else {
      return std::move(*value_);
    }
  }

  void drop() noexcept {
    call_.reset();
    value_.reset();
    exception_ = nullptr;
  }

 private:
  using Stored = std::conditional_t<std::is_void_v<value_type>, std::monostate, Held<value_type>>;
  std::optional<std::tuple<F, Args...>> call_;
  std::optional<Stored> value_;
  std::exception_ptr exception_;
};

// The waiting half, of whatever is called.
class ThreadWait : public Waiter {
 public:
  bool await_ready() const noexcept { return false; }
  // For messages: the type's name would be long.
  AwaitedName awaited() const noexcept { return {"a call on a thread"}; }

 protected:
  // Null: the pool of the loop it is awaited in.
  ThreadWait(std::shared_ptr<PoolThreads> pool, const WaitKind& own) noexcept
      : Waiter(own), pool_(std::move(pool)) {}

  // False: it did not suspend, because there is no thread for it.
  bool start(PoolJob& job, const Context& context, std::coroutine_handle<> frame);
  // Why there is no result, if there is none.
  std::optional<Failure> no_result() noexcept;

  bool withdrawn() noexcept;  // of its own accord: it never began
  static bool withdraw(Waiter& waiter);
  void describe(WaitNote& note) const { note.what = "a call on a thread"; }

 private:
  std::shared_ptr<PoolThreads> pool_;
  PoolJob* job_ = nullptr;  // submitted
  int error_ = 0;
};

}  // namespace internal

template <class F, class... Args>
class [[nodiscard]] ThreadCall final
    : public internal::ThreadWait,
      public internal::Raises<ThreadCall<F, Args...>,
                              typename internal::PreparedCall<F, Args...>::value_type>,
      private internal::PoolJob {
 public:
  using value_type = typename internal::PreparedCall<F, Args...>::value_type;

  template <class... Parts>
  explicit ThreadCall(std::shared_ptr<internal::PoolThreads> pool, Parts&&... parts)
      : ThreadWait(std::move(pool), kind<&ThreadCall::describe, &withdraw>),
        call_(std::in_place, std::forward<Parts>(parts)...) {}

  bool await_suspend(std::coroutine_handle<> frame) {
    return start(*this, Context::current(), frame);
  }
  Expected<internal::Held<value_type>> await_outcome() {
    if (auto failure = no_result()) return std::unexpected(std::move(*failure));
    return call_.take();
  }

 private:
  void run() noexcept override { call_.run(); }
  void came_back() noexcept override { wake(); }

  internal::PreparedCall<F, Args...> call_;
};

// The same with abandon_on_cancel.
template <class F, class... Args>
class [[nodiscard]] AbandonedThreadCall final
    : public internal::ThreadWait,
      public internal::Raises<AbandonedThreadCall<F, Args...>,
                              typename internal::PreparedCall<F, Args...>::value_type> {
 public:
  using value_type = typename internal::PreparedCall<F, Args...>::value_type;

  template <class... Parts>
  explicit AbandonedThreadCall(std::shared_ptr<internal::PoolThreads> pool, Parts&&... parts)
      : ThreadWait(std::move(pool), kind<&AbandonedThreadCall::describe, &abandon>),
        job_(new Job(std::forward<Parts>(parts)...)) {}

  bool await_suspend(std::coroutine_handle<> frame) {
    job_->waiter = this;
    job_->context = Context::current();  // the task's may go on without it
    return start(*job_, job_->context, frame);
  }
  Expected<internal::Held<value_type>> await_outcome() {
    if (auto failure = no_result()) return std::unexpected(std::move(*failure));
    return job_->call.take();
  }

 private:
  // Outlives the task's wait when it is left; then it dies when it has come back to the loop.
  struct Job final : internal::PoolJob, internal::Pooled {
    template <class... Parts>
    explicit Job(Parts&&... parts) : call(std::in_place, std::forward<Parts>(parts)...) {}
    void run() noexcept override {
      call.run();
      if (state.exchange(State::ended) == State::left) call.drop();
    }
    void came_back() noexcept override {
      if (!waiter) {
        delete this;
      } else {
        waiter->wake();
      }
    }
    // False when it has ended, and its result is on the way.
    bool leave() noexcept {
      State expected = State::waited_for;
      if (!state.compare_exchange_strong(expected, State::left)) return false;
      waiter = nullptr;
      return true;
    }

    enum class State : std::uint8_t { waited_for, left, ended };
    internal::PreparedCall<F, Args...> call;
    AbandonedThreadCall* waiter = nullptr;  // the loop's
    Context context;
    std::atomic<State> state = State::waited_for;
  };

  static bool abandon(internal::Waiter& waiter) {
    auto& self = static_cast<AbandonedThreadCall&>(waiter);
    if (self.withdrawn()) return leave(waiter);
    if (!self.job_->leave()) return false;
    static_cast<void>(self.job_.release());
    return leave(waiter);
  }

  std::unique_ptr<Job> job_;
};

namespace internal {

template <class F, class... Args>
concept Callable = std::invocable<std::decay_t<F>, std::decay_t<Args>...>;

template <class F, class... Args>
auto call_on_thread(std::shared_ptr<PoolThreads> pool, F&& function, Args&&... arguments) {
  using Call = ThreadCall<std::decay_t<F>, std::decay_t<Args>...>;
  static_assert(!is_task<typename Call::value_type>,
                "a thread calls a plain function: a coroutine runs on the loop");
  return Call(std::move(pool), std::forward<F>(function), std::forward<Args>(arguments)...);
}

template <class F, class... Args>
auto leave_to_thread(std::shared_ptr<PoolThreads> pool, F&& function, Args&&... arguments) {
  using Call = AbandonedThreadCall<std::decay_t<F>, std::decay_t<Args>...>;
  static_assert(!is_task<typename Call::value_type>,
                "a thread calls a plain function: a coroutine runs on the loop");
  static_assert(callable_holds_values<std::decay_t<F>>,
                "a call that may be abandoned outlives what it would capture: give it a function "
                "without captures, and what it needs as arguments");
  static_assert((holds_values<std::decay_t<Args>> && ...),
                "a call that may be abandoned takes values: no pointer, std::ref or view");
  static_assert(!std::is_reference_v<typename Call::value_type>,
                "a call that may be abandoned returns a value");
  return Call(std::move(pool), std::forward<F>(function), std::forward<Args>(arguments)...);
}

}  // namespace internal

}  // namespace eddy
