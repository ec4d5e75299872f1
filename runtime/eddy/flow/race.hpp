// race: the first to end wins, the others are cancelled and waited for. first_ok: one after the
// other, until one succeeds.
#pragma once

#include <eddy/flow/exception_group.hpp>
#include <eddy/flow/gather.hpp>
#include <eddy/flow/try_finally.hpp>
#include <eddy/flow/wait.hpp>

#include <functional>
#include <type_traits>
#include <vector>

namespace eddy {

template <class T>
Task<T> race_handles(std::vector<JoinHandle<T>> runners) {
  Completions completions(runners.size());
  for (std::size_t i = 0; i < runners.size(); ++i) completions.watch(i, runners[i].state());
  std::optional<std::size_t> winner;
  std::optional<Failure> cancelled;
  // Nothing outlives the race, whatever is cancelled meanwhile.
  for (std::size_t left = runners.size(); left > 0;) {
    auto next = co_await as_outcome(completions.next());
    const bool over = winner || cancelled;
    if (!next) cancelled = std::move(next.error());
    for (; !completions.empty(); --left) {
      const std::size_t ended = completions.pop();
      if (!winner) winner = ended;
    }
    if (over) continue;
    for (auto& runner : runners) runner.cancel("another one won the race");
  }
  for (auto& runner : runners) runner.state().mark_retrieved();
  if (cancelled) co_await fail(std::move(*cancelled));
  auto outcome = co_await as_outcome(runners[*winner]);
  if (!outcome) co_await fail(std::move(outcome.error()));
  if constexpr (!std::is_void_v<T>) co_return std::move(*outcome);
}

// The value, or the failure, of the first that ends. All have the same type of result. Cancelled:
// all are, and have ended when it resumes.
template <Awaitable A, Awaitable... As>
  requires(std::is_same_v<AwaitValue<A>, AwaitValue<As>> && ...)
Task<AwaitValue<A>> race(A&& first, As&&... others) {
  std::vector<JoinHandle<AwaitValue<A>>> runners;
  runners.reserve(1 + sizeof...(As));
  runners.push_back(gathered(std::forward<A>(first)).handle);
  (runners.push_back(gathered(std::forward<As>(others)).handle), ...);
  return race_handles(std::move(runners));
}

template <class T, class... Fs>
Task<T> first_ok_of(Fs... factories) {
  ExceptionGroup::List errors;
  std::optional<Expected<T>> answer;
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

// The value of the first factory whose task succeeds; each is called only when those before it have
// failed. A cancellation is no failure and ends it. Throws an ExceptionGroup when all have failed.
template <Body F, Body... Fs>
Task<BodyValue<F>> first_ok(F first, Fs... others) {
  return first_ok_of<BodyValue<F>>(std::move(first), std::move(others)...);
}

}  // namespace eddy
