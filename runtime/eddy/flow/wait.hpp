// wait, as_completed: looking at tasks as they end, without taking what they end with.
//
// Neither cancels anything, nor throws what a task threw: that comes with co_await handle. Both
// throw UsageError for a task of another loop.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/flow/internal/done_queue.hpp>
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

namespace internal {

// The next end, by `deadline`. A request to cancel that is pending is delivered whenever that is: a
// scope whose time is over when it is entered would take the request for its own (T6).
inline auto next_until(DoneQueue& completions, std::optional<Instant> deadline) {
  if (thread_state.task && thread_state.task->cancel_pending()) deadline.reset();
  return as_outcome(timeout_at(deadline, completions.next()));
}

template <class T>
std::vector<JoinHandle<T>> without_duplicates(const std::vector<JoinHandle<T>>& handles) {
  std::vector<JoinHandle<T>> unique;
  std::unordered_set<const TaskState*> seen;
  for (const auto& handle : handles) {
    if (seen.insert(&handle.state()).second) unique.push_back(handle);
  }
  return unique;
}

}  // namespace internal

// Resumes when the condition holds or the time is over; what became done in the same turn is in
// `done`. Throws UsageError for no handles. Cancelled: the tasks run on (V1).
template <class T>
Task<WaitResult<T>> wait(std::vector<JoinHandle<T>> handles, WaitOptions options = {}) {
  handles = internal::without_duplicates(handles);
  if (handles.empty()) throw UsageError("wait for no tasks");
  internal::DoneQueue completions(handles.size());
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
    auto next = co_await internal::next_until(completions, deadline);
    if (!next && next.error().is_cancelled()) co_await fail(std::move(next.error()));
    EDDY_ASSERT(next || deadline);
    if (!next) break;
    for (auto index = *next; index; index = completions.pop()) {
      enough |= satisfied(*index);
      ++ended;
    }
  }
  WaitResult<T> result;
  for (auto& handle : handles) (handle.done() ? result.done : result.pending).push_back(handle);
  EDDY_ASSERT(enough || deadline || result.pending.empty());
  co_return result;
}

struct CompletedOptions {
  std::optional<AnyDuration> timeout = std::nullopt;
};

// The handles in the order in which their tasks end. Several tasks may ask for the next one: they
// are served in order. It may die, or be moved, while one waits.
template <class T>
class AsCompleted {
 public:
  AsCompleted(const std::vector<JoinHandle<T>>& handles, CompletedOptions options)
      : state_(std::make_shared<State>(internal::without_duplicates(handles))) {
    if (options.timeout) {
      state_->length = *options.timeout;
      state_->deadline = Loop::current().deadline_after(*options.timeout);
    }
    for (std::size_t i = 0; i < state_->handles.size(); ++i) {
      state_->completions.watch(i, state_->handles[i].state());
    }
  }
  AsCompleted(AsCompleted&&) noexcept = default;
  AsCompleted& operator=(AsCompleted&&) noexcept = default;

  // No value when all have come. Throws TimeoutError when the time is over; cancelled: none is
  // lost.
  Task<std::optional<JoinHandle<T>>> next() {
    if (!state_) internal::throw_misuse("next() of an as_completed() that was moved from");
    return next_of(state_);
  }

 private:
  struct State {
    explicit State(std::vector<JoinHandle<T>> unique)
        : handles(std::move(unique)), completions(handles.size()) {}
    std::vector<JoinHandle<T>> handles;
    internal::DoneQueue completions;
    std::optional<Instant> deadline;
    Duration length{};  // until then, for messages
  };

  static Task<std::optional<JoinHandle<T>>> next_of(std::shared_ptr<State> state) {
    auto ended = co_await internal::next_until(state->completions, state->deadline);
    if (!ended && ended.error().is_cancelled()) co_await fail(std::move(ended.error()));
    if (!ended) co_await fail(Failure::timed_out({"as_completed"}, state->length));
    if (!*ended) co_return std::nullopt;
    co_return std::optional<JoinHandle<T>>(state->handles[**ended]);
  }

  std::shared_ptr<State> state_;
};

template <class T>
AsCompleted<T> as_completed(const std::vector<JoinHandle<T>>& handles,
                            CompletedOptions options = {}) {
  return AsCompleted<T>(handles, options);
}

}  // namespace eddy
