// task_group(body): tasks that end with the scope that started them. Nothing outlives its group.
//
// The scope ends when the body and every child have ended, those included that were spawned
// meanwhile. The first failure of a child cancels the others and the body; all failures come out
// together as an ExceptionGroup. A cancellation from outside cancels everything, and comes out as
// Cancelled when all have ended. The count of requests of the task is what it was (G1 to G13).
//
// supervisor(body): the same, but that children fail alone.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/plain_wait.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/core/try.hpp>
#include <eddy/flow/exception_group.hpp>
#include <eddy/sync/future.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>

namespace eddy {

class TaskGroup;

namespace internal {

// What a child's failure does.
struct OnFailure {
  bool cancels_others = true;
  // Is told of it, and then it is forgotten; without, it is kept until the end.
  void (*call)(void* to, const TaskHandle& child) noexcept = nullptr;
  void* to = nullptr;
};

template <class F>
Task<BodyValue<F, TaskGroup&>> task_group_scope(F body, OnFailure on_failure = {});

// The task whose group that is, if the hook is that of a group's child.
const TaskState* group_above(const DoneHook& hook) noexcept;

}  // namespace internal

class TaskGroup {
 public:
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  // Starts a child, in the next turn. Throws UsageError, and drops the task unrun, once the group
  // is being cancelled or over, and from another loop. Children may spawn into their group.
  template <class T>
  JoinHandle<T> spawn(Task<T> task, SpawnOptions options = {}) {
    if (refuses()) {
      task.discard();
      throw_refused();
    }
    NewChild child = new_child();  // first: no task runs outside of its group
    auto handle = eddy::spawn(std::move(task), options);
    adopt(std::move(child), handle.state());
    return handle;
  }
  // Any other awaitable, in a task of its own.
  template <internal::BecomesSpawned A>
  auto spawn(A awaitable, SpawnOptions options = {}) {
    return spawn(internal::as_task(std::move(awaitable)), options);
  }
  // The callable is kept until its task ends.
  template <class F>
    requires Body<std::decay_t<F>>
  auto spawn(F&& callable, SpawnOptions options = {}) {
    EDDY_CHECK_KEPT(F);
    if (refuses()) throw_refused();
    NewChild child = new_child();
    auto handle = eddy::spawn(std::forward<F>(callable), options);
    adopt(std::move(child), handle.state());
    return handle;
  }

  // Starts a child, and waits until it says that it is ready: body(ready), and what it gives to
  // ready.set_value(...) is the value here. From then on it is a child like any other. One that
  // fails, ends (BrokenPromise) or is cancelled before never was: that comes out here alone.
  // Cancelled: so is the child, and has ended when this does; one that is ready stays. Throws
  // UsageError as spawn(). (python/cpython#145353, anyio's start)
  //
  //   const int port = co_await group.start<int>([](FutureSetter<int> ready) -> Task<> { ... });
  template <class T = void, class F>
    requires Body<std::decay_t<F>, FutureSetter<T>>
  Task<T> start(F&& body, SpawnOptions options = {}) {
    EDDY_CHECK_KEPT(F);
    return start_child<T>(*this, std::decay_t<F>(std::forward<F>(body)), options);
  }

  // Cancels the children and the body; the scope then ends without an error. Idempotent. A body
  // that should have returned a value leaves none: the scope throws Cancelled.
  void cancel();

 private:
  template <class F>
  friend Task<BodyValue<F, TaskGroup&>> internal::task_group_scope(F body, internal::OnFailure);

  class Child;
  class AllEnded;
  friend const internal::TaskState* internal::group_above(const internal::DoneHook& hook) noexcept;
  struct DeleteChild {
    void operator()(Child* child) const noexcept;
  };
  using NewChild = std::unique_ptr<Child, DeleteChild>;

  explicit TaskGroup(internal::OnFailure on_failure)
      : parent_(this_task()), abort_(*this), on_failure_(on_failure) {}

  // Cancels the others in the turn after a child has failed: siblings that were woken in the same
  // turn end as they would have, and their failures are not lost.
  class Abort : public internal::Ready {
   public:
    explicit Abort(TaskGroup& group) noexcept : internal::Ready(&run), group_(group) {}
    bool scheduled = false;

   private:
    static void run(internal::Ready& ready) noexcept;
    TaskGroup& group_;
  };

  bool of_other_loop() const { return parent_.state().loop_id() != internal::thread_state.loop_id; }
  bool refuses() const { return over_ || aborting_ || of_other_loop(); }
  bool quiet() const noexcept { return children_.empty() && !abort_.scheduled; }
  [[noreturn]] void throw_refused() const;
  template <class T, class F>
  static Task<> run_child(F body, FutureSetter<T> ready) { EDDY_DO(std::invoke(body, ready)); }
  template <class T, class F>
  static Task<T> start_child(TaskGroup& group, F body, SpawnOptions options);
  static Task<> end_child(JoinHandle<> child);
  NewChild new_child();
  void adopt(NewChild child, internal::TaskState& task);
  void child_ended(Child& child) noexcept;
  ExceptionGroup::List errors();
  void wake_if_quiet() noexcept;
  void abort();
  void body_ended(const Failure* failure);
  AllEnded all_ended() noexcept;
  void interrupted(Failure failure);
  std::optional<Failure> finish();

  TaskHandle parent_;
  internal::List<Child> children_;
  internal::List<Child> failed_;  // in the order in which they did
  Abort abort_;
  internal::OnFailure on_failure_;
  AllEnded* waiter_ = nullptr;
  std::exception_ptr body_error_;
  std::optional<Failure> cancelled_;
  bool aborting_ = false;
  bool body_over_ = false;
  bool over_ = false;
  bool cancelled_parent_ = false;
};

// Waits until no child is left.
class [[nodiscard]] TaskGroup::AllEnded : public internal::PlainWait {
 public:
  explicit AllEnded(TaskGroup& group) noexcept
      : PlainWait(kind<&AllEnded::describe, &stop>), group_(group) {}
  AllEnded(const AllEnded&) = default;
  bool await_ready() const noexcept { return group_.quiet(); }
  void await_suspend(std::coroutine_handle<> frame) {
    EDDY_ASSERT(!group_.waiter_);
    group_.waiter_ = this;
    park(frame);
  }

 private:
  void describe(internal::WaitNote& note) const;
  static bool stop(internal::Waiter& waiter) {
    auto& ended = static_cast<AllEnded&>(waiter);
    EDDY_ASSERT(ended.group_.waiter_ == &ended);
    ended.group_.waiter_ = nullptr;
    return leave(waiter);
  }
  TaskGroup& group_;
};

inline TaskGroup::AllEnded TaskGroup::all_ended() noexcept { return AllEnded(*this); }

template <class T, class F>
Task<T> TaskGroup::start_child(TaskGroup& group, F body, SpawnOptions options) {
  if (group.refuses()) group.throw_refused();
  NewChild place = group.new_child();  // first: one that is ready needs no memory
  FutureSetter<T> setter;
  const Future<T> ready = setter.future();
  const JoinHandle<> child =
      eddy::spawn(run_child<T>(std::move(body), std::move(setter)), options);
  auto said = co_await as_outcome(ready);
  if (!said || group.refuses()) {
    EDDY_DO(end_child(child));
    if (said) group.throw_refused();
    co_await fail(std::move(said.error()));
  }
  group.adopt(std::move(place), child.state());
  if constexpr (!std::is_void_v<T>) co_return std::move(*said);
}

namespace internal {

template <class F>
Task<BodyValue<F, TaskGroup&>> task_group_scope(F body, OnFailure on_failure) {
  TaskGroup group(on_failure);
  using T = BodyValue<F, TaskGroup&>;
  std::optional<Expected<Held<T>>> ended;
  try {
    ended.emplace(co_await as_outcome(std::invoke(body, group)));
  } catch (...) {  // before there was a task: what was spawned until then is waited for as well
    ended.emplace(std::unexpect, Failure::current());
  }
  auto& outcome = *ended;
  group.body_ended(outcome ? nullptr : &outcome.error());
  while (!group.quiet()) {
    auto waited = co_await as_outcome(group.all_ended());
    if (!waited) group.interrupted(std::move(waited.error()));
  }
  auto failure = group.finish();
  if (failure) co_await fail(std::move(*failure));
  if constexpr (!std::is_void_v<T>) {
    if (!outcome) co_await fail(std::move(outcome.error()));
    co_return std::move(*outcome);
  }
}

}  // namespace internal

// co_await task_group([&](TaskGroup& group) -> Task<> { group.spawn(...); ... })
template <class F>
  requires Body<std::decay_t<F>, TaskGroup&>
auto task_group(F&& body) {
  EDDY_CHECK_KEPT(F);
  return internal::task_group_scope(std::decay_t<F>(std::forward<F>(body)));
}

namespace internal {

template <class G>
void tell_failure(void* to, const TaskHandle& child) noexcept {
  (*static_cast<G*>(to))(child, child.exception());
}
template <class F, class G>
Task<BodyValue<F, TaskGroup&>> supervisor_scope(F body, G on_failure) {
  co_return co_await task_group_scope(std::move(body), {false, &tell_failure<G>, &on_failure});
}

}  // namespace internal

// A task_group() whose children fail alone: the others and the body go on (python/cpython#101581).
// The failures come out together in the end, unless on_failure(handle, exception) is there: it is
// called in the turn in which a child fails, then that one is forgotten, and the scope ends without
// an error. REQUIRES: on_failure does not throw. A body that fails still cancels its children.
template <class F>
  requires Body<std::decay_t<F>, TaskGroup&>
auto supervisor(F&& body) {
  EDDY_CHECK_KEPT(F);
  return internal::task_group_scope(std::decay_t<F>(std::forward<F>(body)), {false});
}
template <class F, class G>
  requires Body<std::decay_t<F>, TaskGroup&> &&
           std::invocable<std::decay_t<G>&, const TaskHandle&, std::exception_ptr>
auto supervisor(F&& body, G&& on_failure) {
  EDDY_CHECK_KEPT(F);
  return internal::supervisor_scope(std::decay_t<F>(std::forward<F>(body)),
                                    std::decay_t<G>(std::forward<G>(on_failure)));
}

}  // namespace eddy
