// race: the first to end wins, the others are cancelled and waited for. first_ok: one after the
// other, until one succeeds.
#pragma once

#include <eddy/flow/exception_group.hpp>
#include <eddy/flow/gather.hpp>
#include <eddy/flow/try_finally.hpp>
#include <eddy/flow/wait.hpp>

#include <functional>
#include <memory>
#include <type_traits>
#include <vector>

namespace eddy {

namespace internal {

// The tasks of a race, and all the memory that it takes to end them.
template <class T>
class Runners {
 public:
  explicit Runners(std::size_t count) : completions_(count), reason_("another one won the race") {
    children_.reserve(count);
  }
  void add(Gathered<T> child) {
    EDDY_ASSERT(children_.size() < children_.capacity());
    children_.push_back(std::move(child));
    completions_.watch(children_.size() - 1, children_.back().handle.state());
  }
  std::size_t count() const noexcept { return children_.size(); }
  const JoinHandle<T>& operator[](std::size_t index) const { return children_[index].handle; }
  DoneQueue& completions() noexcept { return completions_; }
  void cancel() {
    for (auto& child : children_) child.handle.state().cancel(reason_);
  }
  // The race does not come about: what was started for it ends.
  void cancel_started() {
    for (auto& child : children_) {
      if (child.sole) child.handle.state().cancel(reason_);
    }
  }
  void mark_retrieved() noexcept {
    for (auto& child : children_) child.handle.state().mark_retrieved();
  }

 private:
  DoneQueue completions_;
  std::vector<Gathered<T>> children_;
  Text reason_;
};

template <class T>
Task<T> race_of(std::shared_ptr<Runners<T>> runners) {
  std::optional<std::size_t> winner;
  std::optional<std::size_t> failed;
  std::optional<Failure> cancelled;
  // Nothing outlives the race, whatever is cancelled meanwhile.
  for (std::size_t left = runners->count(); left > 0;) {
    auto next = co_await as_outcome(runners->completions().next());
    const bool over = winner || cancelled;
    if (next) {
      for (auto index = *next; index; index = runners->completions().pop(), --left) {
        if (!winner) winner = index;
        if (!failed && (*runners)[*index].state().failed()) failed = index;
      }
    } else {
      cancelled = std::move(next.error());
    }
    if (!over) runners->cancel();
  }
  runners->mark_retrieved();
  if (cancelled && failed) winner = failed;  // as gather() does: a failure is not lost
  if (cancelled && !failed) co_await fail(std::move(*cancelled));
  EDDY_ASSERT(winner);
  auto outcome = co_await as_outcome((*runners)[*winner]);
  if (!outcome) co_await fail(std::move(outcome.error()));
  if constexpr (!std::is_void_v<T>) co_return std::move(*outcome);
}

}  // namespace internal

// The value, or the failure, of the first that ends. All have the same type of result. Cancelled:
// all are, and have ended when it resumes; if one failed, that is what is thrown. Throws UsageError
// for a task of another loop.
template <Awaitable A, Awaitable... As>
  requires(std::is_same_v<AwaitValue<A>, AwaitValue<As>> && ...)
Task<AwaitValue<A>> race(A&& first, As&&... others) {
  internal::require_same_loop_of(first);
  (internal::require_same_loop_of(others), ...);
  auto runners = std::make_shared<internal::Runners<AwaitValue<A>>>(1 + sizeof...(As));
  auto task = internal::race_of(runners);  // its frame is there before anybody runs
  try {
    runners->add(internal::gathered(std::forward<A>(first)));
    (runners->add(internal::gathered(std::forward<As>(others))), ...);
  } catch (...) {
    task.discard();
    runners->cancel_started();
    throw;
  }
  return task;
}

namespace internal {

template <class T, class... Fs>
Task<T> first_ok_of(Fs... factories) {
  ExceptionGroup::List errors;
  std::optional<Expected<Held<T>>> answer;
  const auto attempt = [&](auto& factory) -> Task<> {
    if (answer) co_return;
    auto outcome = co_await as_outcome(call(std::ref(factory)));
    if (outcome || outcome.error().is_cancelled()) {
      answer.emplace(std::move(outcome));
    } else {
      errors.push_back(outcome.error().exception());
    }
  };
  (co_await attempt(factories), ...);
  if (!answer) throw ExceptionGroup("every alternative failed", std::move(errors));
  if (!*answer) co_await fail(std::move(answer->error()));
  if constexpr (!std::is_void_v<T>) co_return std::move(**answer);
}

}  // namespace internal

// The value of the first factory whose task succeeds; each is called only when those before it have
// failed. A cancellation is no failure and ends it. Throws an ExceptionGroup when all have failed.
template <class F, class... Fs>
  requires(Body<std::decay_t<F>> && ... && Body<std::decay_t<Fs>>)
Task<BodyValue<std::decay_t<F>>> first_ok(F&& first, Fs&&... others) {
  EDDY_CHECK_KEPT(F, Fs...);
  return internal::first_ok_of<BodyValue<std::decay_t<F>>, std::decay_t<F>, std::decay_t<Fs>...>(
      std::forward<F>(first), std::forward<Fs>(others)...);
}

}  // namespace eddy
