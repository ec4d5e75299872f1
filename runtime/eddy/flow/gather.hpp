// gather: several at once, and all their values in the order of the arguments.
//
// Tasks are spawned by the call; handles are joined. The first failure is thrown at once, while the
// others run on; gather_settled waits for all and gives every Outcome. Cancelling the wait cancels
// all that have not ended: gather then resumes when the first of them ends badly, with what that
// ended with, or when all have; gather_settled when all have. A handle may stand twice, and one of
// another loop throws UsageError (H1 to H5). No allocation for the form with arguments.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/flow/internal/same_loop.hpp>
#include <eddy/flow/outcome.hpp>

#include <array>
#include <concepts>
#include <ranges>
#include <tuple>
#include <vector>

namespace eddy {

namespace internal {

// A child of a gathering: its handle, and whether the gathering spawned it.
template <class T>
struct Gathered {
  JoinHandle<T> handle;
  bool sole = false;
};

// The gathering does not come about: what was started for it ends.
template <class T>
void cancel_started(const Gathered<T>& child) {
  if (child.sole) child.handle.cancel();
}
template <class T>
void cancel_started(const std::vector<Gathered<T>>& children) {
  for (auto& child : children) cancel_started(child);
}

template <class T>
Gathered<T> gathered(Task<T>&& task) {
  return {spawn(std::move(task)), true};
}
template <class T>
Gathered<T> gathered(const JoinHandle<T>& handle) {
  return {handle, false};
}
template <Awaitable A>
  requires(!is_task<std::remove_cvref_t<A>> &&
           !std::derived_from<std::remove_cvref_t<A>, TaskHandle>)
auto gathered(A&& awaitable) {
  return gathered(as_task(std::forward<A>(awaitable)));
}

// Told by each child; wakes the waiting task when that is due.
class GatherWaiter : public Forwarder {
 public:
  class Hook : public DoneHook {
   public:
    Hook() noexcept : DoneHook(&ended) {}
    GatherWaiter* owner = nullptr;

    static const TaskState* waiting_at(const DoneHook& hook) noexcept {
      return hook.is_told_by(&ended) ? static_cast<const Hook&>(hook).owner->task() : nullptr;
    }

   private:
    static void ended(DoneHook& hook, TaskState& task) noexcept {
      static_cast<Hook&>(hook).owner->child_ended(task);
    }
  };

 protected:
  explicit GatherWaiter(bool settled) noexcept
      : Forwarder(kind<&GatherWaiter::describe, &stop>), settled_(settled) {}
  GatherWaiter(const GatherWaiter&) = default;
  ~GatherWaiter() { if (failed_) failed_->release(); }  // a later one was refused

  // Before any is watched.
  void begin() {
    if (begun_) throw_misuse("a gather() was awaited twice");
    begun_ = true;
  }
  void watch(TaskState& task, Hook& hook) {
    if (task.done()) {
      if (!settled_ && !failed_ && (task.failed() || task.cancelled())) first_failed(task);
      return;
    }
    require_same_loop(task);
    EDDY_ASSERT(!hook.owner);
    hook.owner = this;
    task.add_done_hook(hook);
    ++left_;
  }
  bool ready() const noexcept { return left_ == 0 || failed_; }
  void suspend(std::coroutine_handle<> frame) {
    EDDY_ASSERT(left_ > 0);
    EDDY_ASSERT(!waits_);
    waits_ = thread_state.task != nullptr;  // park() refuses what is no task
    park(frame);
  }
  // The failure to end with, if any.
  std::optional<Failure> failure();

 private:
  static bool stop(Waiter& waiter);
  void describe(WaitNote& note) const {
    note.what = "gather, " + std::to_string(left_) + " left";
    note.for_tasks = true;
  }
  static bool ask_next(Forwarder& gather) noexcept;
  bool step_out();
  virtual std::size_t count() const noexcept = 0;
  virtual TaskState& child(std::size_t index) noexcept = 0;
  virtual Hook& hook(std::size_t index) noexcept = 0;
  // One that is left out is reported when a cancel comes between its end and the throw.
  void mark_retrieved(const TaskState* but) noexcept;
  void child_ended(TaskState& task) noexcept;
  void first_failed(TaskState& task) noexcept {
    EDDY_ASSERT(!settled_);
    EDDY_ASSERT(!failed_);
    failed_ = &task;
    task.retain();
    mark_retrieved(&task);  // H2: whatever the others do later, somebody has looked
  }

  bool settled_;
  bool begun_ = false;
  bool stopping_ = false;
  bool waits_ = false;  // and was not woken: whatever ends before or after that wakes nobody
  std::size_t left_ = 0;
  std::size_t asked_ = 0;  // while it asks all
  TaskState* failed_ = nullptr;
  Text reason_;  // of the cancel that was passed on
};

// What comes of a child.
template <bool Settled, class T>
using GatheredValue = std::conditional_t<Settled, Outcome<T>, Value<T>>;

template <bool Settled, class... Ts>
class [[nodiscard]] Gather final : public GatherWaiter,
                                   public Raises<Gather<Settled, Ts...>,
                                                 std::tuple<GatheredValue<Settled, Ts>...>> {
 public:
  using value_type = std::tuple<GatheredValue<Settled, Ts>...>;
  explicit Gather(Gathered<Ts>... children)
      : GatherWaiter(Settled), children_(std::move(children)...) {}

  bool await_ready() {
    begin();
    std::size_t index = 0;
    each([&](auto& child) { watch(child.handle.state(), hooks_[index++]); });
    return ready();
  }
  void await_suspend(std::coroutine_handle<> frame) { suspend(frame); }
  Expected<value_type> await_outcome() {
    if (auto failed = failure()) return std::unexpected(std::move(*failed));
    return std::apply(
        [](auto&... child) {
          if constexpr (Settled) {
            return value_type(outcome_of(child.handle, child.sole)...);
          } else {
            return value_type(take_value(child.handle, child.sole)...);
          }
        },
        children_);
  }

 private:
  template <class F>
  void each(F&& function) {
    std::apply([&](auto&... child) { (function(child), ...); }, children_);
  }
  std::size_t count() const noexcept override { return sizeof...(Ts); }
  TaskState& child(std::size_t index) noexcept override {
    TaskState* found = nullptr;
    EDDY_ASSERT(index < sizeof...(Ts));
    each([&](auto& child) { if (index-- == 0) found = &child.handle.state(); });
    return *found;
  }
  Hook& hook(std::size_t index) noexcept override { return hooks_[index]; }

  std::tuple<Gathered<Ts>...> children_;
  std::array<Hook, sizeof...(Ts)> hooks_;
};

template <bool Settled, class T>
class [[nodiscard]] GatherRange final
    : public GatherWaiter,
      public Raises<GatherRange<Settled, T>, std::vector<GatheredValue<Settled, T>>> {
 public:
  using value_type = std::vector<GatheredValue<Settled, T>>;
  // Takes them only when there is memory for it.
  explicit GatherRange(std::vector<Gathered<T>>&& children)
      : GatherWaiter(Settled), hooks_(children.size()), children_(std::move(children)) {}

  bool await_ready() {
    begin();
    for (std::size_t i = 0; i < children_.size(); ++i)
      watch(children_[i].handle.state(), hooks_[i]);
    return ready();
  }
  void await_suspend(std::coroutine_handle<> frame) { suspend(frame); }
  Expected<value_type> await_outcome() {
    if (auto failed = failure()) return std::unexpected(std::move(*failed));
    value_type values;
    values.reserve(children_.size());
    for (auto& child : children_) {
      if constexpr (Settled) {
        values.push_back(outcome_of(child.handle, child.sole));
      } else {
        values.push_back(take_value(child.handle, child.sole));
      }
    }
    return values;
  }

 private:
  std::size_t count() const noexcept override { return children_.size(); }
  TaskState& child(std::size_t index) noexcept override {
    return children_[index].handle.state();
  }
  Hook& hook(std::size_t index) noexcept override { return hooks_[index]; }

  std::vector<Hook> hooks_;
  std::vector<Gathered<T>> children_;
};

template <class... Ts>
Gather<false, Ts...> gather_children(Gathered<Ts>... children) {
  return Gather<false, Ts...>(std::move(children)...);
}
template <class... Ts>
Gather<true, Ts...> settle_children(Gathered<Ts>... children) {
  return Gather<true, Ts...>(std::move(children)...);
}

template <class Range>
auto gathered_range(Range&& range) {
  using T =
      decltype(gathered(std::declval<std::ranges::range_value_t<Range>>()).handle)::value_type;
  std::vector<Gathered<T>> children;
  if constexpr (std::ranges::forward_range<Range>) {
    for (const auto& item : range) require_same_loop_of(item);
  }
  if constexpr (std::ranges::sized_range<Range>) children.reserve(std::ranges::size(range));
  try {
    for (auto& item : range) {
      auto& child = children.emplace_back();  // first: no task runs outside of the gathering
      child = gathered(std::move(item));
    }
  } catch (...) {
    cancel_started(children);
    throw;
  }
  return children;
}

template <bool Settled, class Range>
auto gather_children_of(Range& range) {
  auto children = gathered_range(range);
  using T = decltype(children.front().handle)::value_type;
  try {
    return GatherRange<Settled, T>(std::move(children));
  } catch (...) {
    cancel_started(children);
    throw;
  }
}

// From left to right.
template <class... As>
auto gathered_all(As&&... awaitables) {
  (require_same_loop_of(awaitables), ...);
  std::tuple<decltype(gathered(std::forward<As>(awaitables)))...> children;
  std::apply(
      [&](auto&... child) {
        try {
          ((child = gathered(std::forward<As>(awaitables))), ...);
        } catch (...) {
          (cancel_started(child), ...);
          throw;
        }
      },
      children);
  return children;
}

}  // namespace internal

// co_await gather(a(), b(), handle): a tuple of the values; std::monostate for void.
template <Awaitable... As>
auto gather(As&&... awaitables) {
  return std::apply([](auto&&... child) { return internal::gather_children(std::move(child)...); },
                    internal::gathered_all(std::forward<As>(awaitables)...));
}
template <Awaitable... As>
auto gather_settled(As&&... awaitables) {
  return std::apply([](auto&&... child) { return internal::settle_children(std::move(child)...); },
                    internal::gathered_all(std::forward<As>(awaitables)...));
}
// The same for a range of tasks or handles: a vector.
template <std::ranges::input_range Range>
auto gather(Range&& range) {
  return internal::gather_children_of<false>(range);
}
template <std::ranges::input_range Range>
auto gather_settled(Range&& range) {
  return internal::gather_children_of<true>(range);
}

}  // namespace eddy
