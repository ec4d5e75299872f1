// spawn: starts a task that runs on its own, beside the one that spawns it.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/core/join_handle.hpp>

namespace eddy {

namespace internal {

// A task together with the callable whose captures its frame refers to; they die with the frame.
template <class F>
class CallableHolder {
 protected:
  template <class G>
  explicit CallableHolder(G&& callable) : callable_(std::forward<G>(callable)) {}
  std::optional<F> callable_;
};
template <class F, class T>
class CallableResult : private CallableHolder<F>, public TaskResult<T> {
 public:
  template <class G>
  CallableResult(Loop& loop, G&& callable)
      : CallableHolder<F>(std::forward<G>(callable)),
        TaskResult<T>(loop, std::invoke(*this->callable_)) {}

 private:
  TaskState::State take_result() noexcept override {
    const auto state = TaskResult<T>::take_result();
    this->callable_.reset();
    return state;
  }
  void abandon() noexcept override {
    TaskResult<T>::abandon();
    this->callable_.reset();
  }
};

// A task that awaits it.
template <class A>
Task<AwaitValue<A>> as_task(A awaitable) {
  auto outcome = co_await as_outcome(std::move(awaitable));
  if (!outcome) co_await fail(std::move(outcome.error()));
  if constexpr (!std::is_void_v<AwaitValue<A>>) co_return std::move(*outcome);
}
template <BecomesTask A>
Task<AwaitValue<A>> as_task(A call) {
  return call;
}

// Loop::run_until() with LoopOptions.handle_sigint.
void run_until_sigint(Loop& loop, TaskState& main);

// Hands a new task to its loop. The first step runs in the next turn, or now if eager.
template <class T>
JoinHandle<T> start_task(TaskResult<T>& task) {
  JoinHandle<T> handle(task);
  task.loop().task_started(task);
  task.loop().make_ready(task);
  return handle;
}
template <class T>
JoinHandle<T> start_task(TaskResult<T>& task, const SpawnOptions& options) {
  Loop& loop = task.loop();
  if (!options.name.empty()) [[unlikely]] task.name_or_drop(options.name);
  if (options.context) [[unlikely]] task.context() = *options.context;
  JoinHandle<T> handle(task);
  loop.task_started(task);
  if (options.eager && thread_state.loop == &loop) {
    task.start_eagerly();
  } else {
    loop.make_ready(task);
  }
  return handle;
}

}  // namespace internal

template <class T>
JoinHandle<T> Loop::spawn(Task<T> task, const SpawnOptions& options) {
  check_may_spawn();
  return internal::start_task(*new internal::TaskResult<T>(*this, std::move(task)), options);
}

template <class F>
  requires std::invocable<std::decay_t<F>&>
auto Loop::spawn(F&& callable, const SpawnOptions& options) {
  EDDY_CHECK_KEPT(F);
  using Stored = std::decay_t<F>;
  using T = BodyValue<Stored>;
  check_may_spawn();
  auto* task = new internal::CallableResult<Stored, T>(*this, std::forward<F>(callable));
  return internal::start_task<T>(*task, options);
}

template <internal::BecomesSpawned A>
auto Loop::spawn(A awaitable, const SpawnOptions& options) {
  return spawn(internal::as_task(std::move(awaitable)), options);
}

// Starts `task` on the running loop, in the next turn, in the order of spawning (F10). Its context
// variables are copied now. Throws UsageError outside of a loop. No allocation after warm-up.
//
// Inlined whatever the compiler thinks: half of a call's cost is what it stores to pass the task
// on, and it sees there are no options.
template <class T>
[[gnu::always_inline]] inline JoinHandle<T> spawn(Task<T> task, const SpawnOptions& options = {}) {
  auto* started = new internal::TaskResult<T>(Loop::current(), std::move(task));
  const bool plain = options.name.empty() && !options.eager && !options.context;
  return plain ? internal::start_task(*started) : internal::start_task(*started, options);
}

// The same for a callable that returns a Task. It is kept alive, captures and all, until the task
// is done.
template <class F>
  requires Body<std::decay_t<F>>
auto spawn(F&& callable, const SpawnOptions& options = {}) {
  return Loop::current().spawn(std::forward<F>(callable), options);
}

// The same for a call that needs no frame to be awaited, fs::stat() or File::read_at(): in a task
// that awaits it.
template <internal::BecomesSpawned A>
auto spawn(A awaitable, const SpawnOptions& options = {}) {
  return spawn(internal::as_task(std::move(awaitable)), options);
}

template <class T>
T Loop::run(Task<T> main) {
  if (internal::thread_state.loop) throw UsageError("run() inside of a running loop");
  auto handle = spawn(std::move(main), {.name = "main"});
  if (options_.handle_sigint) [[unlikely]] {
    internal::run_until_sigint(*this, handle.state());
  } else {
    run_until(handle.state());
  }
  if (!handle.done()) throw UsageError("the loop was stopped before its main task was done");
  handle.state().rethrow_from_run();
  if constexpr (std::is_void_v<T> || std::is_reference_v<T>) {
    return handle.result();
  } else {
    return std::move(handle.result());
  }
}

template <class F>
  requires std::invocable<F&>
auto Loop::run(F&& main) {
  EDDY_CHECK_CALLABLE(F);
  return run(std::invoke(main));
}

template <internal::BecomesSpawned A>
auto Loop::run(A main) {
  return run(internal::as_task(std::move(main)));
}

// asyncio.run: makes a loop, runs `main`, cancels what is left, waits for it, closes the loop.
// Returns main's value or throws its exception; where nobody catches that, the process ends as with
// any other, after a report that names the task.
template <class T>
T run(Task<T> main, LoopOptions options = {}) {
  if (internal::thread_state.loop) throw UsageError("run() inside of a running loop");
  Loop loop(options);
  return loop.run(std::move(main));
}
template <class F>
  requires Body<F>
auto run(F&& main, LoopOptions options = {}) {
  EDDY_CHECK_CALLABLE(F);
  return run(std::invoke(main), options);
}

template <internal::BecomesSpawned A>
auto run(A main, LoopOptions options = {}) {
  return run(internal::as_task(std::move(main)), options);
}

// The handle of the running task. Throws UsageError where none runs.
inline JoinHandle<> this_task() {
  if (!internal::thread_state.task) throw UsageError("no task is running");
  return JoinHandle<>(*internal::thread_state.task);
}

// The tasks of the running loop that are not done, in the order in which they were spawned.
inline std::vector<JoinHandle<>> all_tasks() {
  std::vector<JoinHandle<>> all;
  for (internal::TaskState* task : Loop::current().tasks()) all.emplace_back(*task);
  return all;
}

}  // namespace eddy
