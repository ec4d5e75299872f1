// wait, as_completed: looking at tasks as they end, without taking what they end with.
//
// Neither cancels anything, nor throws what a task threw: that comes with co_await handle.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/flow/timeout.hpp>

#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

namespace eddy {

enum class WaitUntil : std::uint8_t { all, first_completed, first_exception };
inline constexpr WaitUntil all_completed = WaitUntil::all;
inline constexpr WaitUntil first_completed = WaitUntil::first_completed;
inline constexpr WaitUntil first_exception = WaitUntil::first_exception;

struct WaitOptions {
  WaitUntil until = WaitUntil::all;
  std::optional<AnyDuration> timeout = std::nullopt;
};

template <class T>
struct WaitResult {
  std::vector<JoinHandle<T>> done;
  std::vector<JoinHandle<T>> pending;
};

// Collects the ends of tasks and wakes whoever waits for the next one.
class Completions {
 public:
  explicit Completions(std::size_t count) : hooks_(count) { ended_.reserve(count); }
  Completions(const Completions&) = delete;

  void watch(std::size_t index, TaskState& task) {
    hooks_[index].owner = this;
    hooks_[index].index = index;
    if (task.done()) {
      ended_.push_back(index);
    } else {
      task.add_done_hook(hooks_[index]);
    }
  }
  bool empty() const noexcept { return taken_ == ended_.size(); }
  std::size_t pop() noexcept { return ended_[taken_++]; }

  class [[nodiscard]] Next : public Waiter {
   public:
    using value_type = void;
    explicit Next(Completions& completions) noexcept : Waiter(&stop), completions_(completions) {}
    Next(const Next&) = default;
    bool await_ready() const noexcept { return !completions_.empty(); }
    void await_suspend(std::coroutine_handle<> frame) {
      completions_.waiter_ = this;
      park(frame);
    }
    void await_resume() { if (interrupted()) cancelled_failure().raise(); }
    Expected<void> await_outcome() {
      if (interrupted()) return std::unexpected(cancelled_failure());
      return {};
    }

   private:
    static bool stop(Waiter& waiter) {
      static_cast<Next&>(waiter).completions_.waiter_ = nullptr;
      return leave(waiter);
    }
    Completions& completions_;
  };
  Next next() noexcept { return Next(*this); }

 private:
  struct Hook : DoneHook {
    Hook() noexcept : DoneHook(&ended) {}
    static void ended(DoneHook& hook, TaskState&) noexcept {
      auto& self = static_cast<Hook&>(hook);
      self.owner->ended_.push_back(self.index);
      if (self.owner->waiter_) std::exchange(self.owner->waiter_, nullptr)->wake();
    }
    Completions* owner = nullptr;
    std::size_t index = 0;
  };
  std::vector<Hook> hooks_;
  std::vector<std::size_t> ended_;  // each task ends once
  std::size_t taken_ = 0;
  Next* waiter_ = nullptr;
};

template <class T>
std::vector<JoinHandle<T>> without_duplicates(const std::vector<JoinHandle<T>>& handles) {
  std::vector<JoinHandle<T>> unique;
  std::unordered_set<const TaskState*> seen;
  for (const auto& handle : handles) {
    if (seen.insert(&handle.state()).second) unique.push_back(handle);
  }
  return unique;
}

// Resumes when the condition holds or the time is over; what became done in the same turn is in
// `done`. Throws UsageError for no handles. Cancelled: the tasks run on (V1).
template <class T>
Task<WaitResult<T>> wait(std::vector<JoinHandle<T>> handles, WaitOptions options = {}) {
  handles = without_duplicates(handles);
  if (handles.empty()) throw UsageError("wait for no tasks");
  Completions completions(handles.size());
  for (std::size_t i = 0; i < handles.size(); ++i) completions.watch(i, handles[i].state());
  const auto satisfied = [&](std::size_t index) {
    if (options.until == WaitUntil::first_completed) return true;
    return options.until == WaitUntil::first_exception && handles[index].state().failed();
  };
  const std::optional<Instant> deadline =
      options.timeout ? std::optional(Loop::current().deadline_after(*options.timeout))
                      : std::nullopt;
  bool enough = false;
  for (std::size_t ended = 0; !enough && ended < handles.size();) {
    auto next = co_await as_outcome(timeout_at(deadline, completions.next()));
    if (!next && next.error().is_cancelled()) co_await fail(std::move(next.error()));
    if (!next) break;
    while (!completions.empty()) {
      enough |= satisfied(completions.pop());
      ++ended;
    }
  }
  WaitResult<T> result;
  for (auto& handle : handles) (handle.done() ? result.done : result.pending).push_back(handle);
  co_return result;
}

struct CompletedOptions {
  std::optional<AnyDuration> timeout = std::nullopt;
};

// The handles in the order in which their tasks end.
template <class T>
class AsCompleted {
 public:
  AsCompleted(const std::vector<JoinHandle<T>>& handles, CompletedOptions options)
      : handles_(without_duplicates(handles)),
        completions_(std::make_unique<Completions>(handles_.size())) {
    if (options.timeout) deadline_ = Loop::current().deadline_after(*options.timeout);
    for (std::size_t i = 0; i < handles_.size(); ++i) completions_->watch(i, handles_[i].state());
  }

  // No value when all have come. Throws TimeoutError when the time is over; cancelled: none is
  // lost.
  Task<std::optional<JoinHandle<T>>> next() {
    if (given_ == handles_.size()) co_return std::nullopt;
    auto ended = co_await as_outcome(timeout_at(deadline_, completions_->next()));
    if (!ended) co_await fail(std::move(ended.error()));
    ++given_;
    co_return std::optional<JoinHandle<T>>(handles_[completions_->pop()]);
  }

 private:
  std::vector<JoinHandle<T>> handles_;
  std::unique_ptr<Completions> completions_;
  std::optional<Instant> deadline_;
  std::size_t given_ = 0;
};

template <class T>
AsCompleted<T> as_completed(const std::vector<JoinHandle<T>>& handles,
                            CompletedOptions options = {}) {
  return AsCompleted<T>(handles, options);
}

}  // namespace eddy
