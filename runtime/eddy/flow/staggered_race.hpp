// staggered_race: alternatives in their order, each with a head start before the next; the first
// success wins, the others are cancelled and waited for.
#pragma once

#include <eddy/flow/exception_group.hpp>
#include <eddy/flow/outcome.hpp>
#include <eddy/flow/try_finally.hpp>
#include <eddy/flow/wait.hpp>

#include <functional>
#include <optional>
#include <vector>

namespace eddy {

// Calls the factories one by one: the next when `head_start` has passed since the last one, or at
// once when that has failed. The value of the first that succeeds; a factory that was not called by
// then never is. What else had succeeded meanwhile is destroyed. Throws an ExceptionGroup, in the
// order in which they failed, when all have; UsageError when there is none. Cancelled: all that run
// are, and have ended when it resumes. A cancellation that comes out of one of them is no failure
// and ends the race.
template <Body F>
Task<BodyValue<F>> staggered_race(std::vector<F> factories, AnyDuration head_start) {
  using T = BodyValue<F>;
  if (factories.empty()) throw UsageError("a race of nobody");
  std::vector<JoinHandle<T>> runners;
  runners.reserve(factories.size());
  internal::DoneQueue completions(factories.size());
  ExceptionGroup::List errors;
  errors.reserve(factories.size());
  const Text reason("another one won the race");
  std::optional<std::size_t> winner;
  std::optional<Failure> stopped;  // cancelled, or out of memory
  std::optional<Instant> next_start;
  std::size_t ended = 0;
  bool timely = true;  // one more may start
  bool over = false;

  // Nothing outlives the race, whatever is cancelled meanwhile, and whatever memory there is.
  for (;;) {
    try {
      if (!over && timely && runners.size() < factories.size()) {
        runners.push_back(spawn(internal::call(std::ref(factories[runners.size()]))));
        completions.watch(runners.size() - 1, runners.back().state());
        next_start = Loop::current().deadline_after(head_start);
      }
      EDDY_ASSERT(ended <= runners.size());
      if (ended == runners.size()) break;
      if (over || runners.size() == factories.size()) next_start.reset();
      auto next = co_await internal::next_until(completions, next_start);
      timely = !next && !next.error().is_cancelled();
      if (!next && !timely) stopped = std::move(next.error());
      for (auto index = next ? *next : std::nullopt; index; index = completions.pop(), ++ended) {
        internal::TaskState& state = runners[*index].state();
        if (state.failed()) {
          errors.push_back(state.failure().exception());
          timely |= *index + 1 == runners.size();
        } else if (!winner && !stopped) {
          winner = index;
        }
      }
    } catch (...) {
      stopped = Failure::current();
    }
    if (over || (!winner && !stopped)) continue;
    over = true;
    for (auto& runner : runners) runner.state().cancel(reason);
  }
  for (auto& runner : runners) runner.state().mark_retrieved();
  if (stopped) co_await fail(std::move(*stopped));
  if (!winner) throw ExceptionGroup("every alternative failed", std::move(errors));
  auto outcome = co_await as_outcome(runners[*winner]);
  if (!outcome) co_await fail(std::move(outcome.error()));
  if constexpr (!std::is_void_v<T>) co_return std::move(*outcome);
}

}  // namespace eddy
