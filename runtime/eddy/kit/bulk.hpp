// bulk(items, n, function): the function over many items, so many at a time.
//
//   auto pages = co_await bulk(urls, 20, [&](std::string url) { return fetch(std::move(url)); });
//
// `items` is a Generator or a range; the next item is asked for only when there is room for it, so
// that a source without end is no harm. Each call is a task. All of them belong to the call: none
// outlives it, and cancelling it cancels and awaits them, and closes the generator.
//
//   bulk               values in the order of the items; the first failure cancels the others,
//                      takes no further item, and comes out when all have ended
//   bulk_settled       every Outcome, in the order of the items
//   bulk_as_completed  a Generator of outcomes as they come, each with the number of its item; at
//                      most `n` wait to be taken, and the calls wait for that
//
// In each, a source that fails ends it as a failure of a call ends bulk().
#pragma once

#include <eddy/base/internal/count.hpp>
#include <eddy/base/internal/counted.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/core/try.hpp>
#include <eddy/flow/generator.hpp>
#include <eddy/flow/internal/end_task.hpp>
#include <eddy/flow/outcome.hpp>
#include <eddy/flow/task_group.hpp>
#include <eddy/kit/internal/items_of.hpp>
#include <eddy/sync/queue.hpp>
#include <eddy/sync/semaphore.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddy {

// What became of one item.
template <class R>
struct BulkOutcome {
  BulkOutcome(std::size_t number, Outcome<R> ended) : index(number), outcome(std::move(ended)) {}
  std::size_t index;
  Outcome<R> outcome;
};

namespace internal {

// What is called for an item of type T, and what that gives.
template <class F, class T>
concept ItemBody = Body<std::decay_t<F>, T>;
template <class F, class T>
using ItemResult = BodyValue<std::decay_t<F>, T>;
template <class R>
using BulkValues = std::conditional_t<std::is_void_v<R>, void, std::vector<Value<R>>>;

template <class R>
Outcome<R> outcome_from(Expected<Held<R>> ended) {
  if (!ended) return Outcome<R>(ended.error().exception(), ended.error().is_cancelled());
  if constexpr (std::is_void_v<R>) {
    return Outcome<R>(Value<R>());
  } else {
    return Outcome<R>(std::move(*ended));
  }
}

// The first failure of any ends it.
class Bulk {
 public:
  explicit Bulk(TaskGroup& group, std::optional<Failure>& failed) noexcept
      : group_(group), failed_(failed) {}
  void fail(Failure failure) {
    if (failed_) return;
    failed_.emplace(std::move(failure));
    group_.cancel();
  }

 private:
  TaskGroup& group_;
  std::optional<Failure>& failed_;
};

template <class T, class One>
Task<> bulk_one(Bulk& bulk, One& one, std::size_t index, T item, Semaphore::Guard place) {
  static_cast<void>(place);
  try {
    auto ended = co_await as_outcome(one(index, std::move(item)));
    if (!ended) bulk.fail(std::move(ended.error()));
  } catch (...) {  // before there was a task
    bulk.fail(Failure::current());
  }
}

// Calls `one(index, item)`, a Task<>, for each.
template <class T, class One>
Task<> bulk_each(Generator<T>& items, std::size_t most, One& one) {
  EDDY_ASSERT(most > 0);
  Semaphore places(most);
  std::optional<Failure> failed;
  std::optional<Bulk> bulk;
  auto body = [&](TaskGroup& group) -> Task<> {
    bulk.emplace(group, failed);
    for (std::size_t index = 0;; ++index) {
      EDDY_TRY(auto place, places.scoped());
      auto item = co_await as_outcome(items.next());
      if (!item) bulk->fail(std::move(item.error()));
      if (failed || !*item) co_return;
      try {
        group.spawn(bulk_one(*bulk, one, index, std::move(**item), std::move(place)));
      } catch (...) {  // no memory
        bulk->fail(Failure::current());
      }
    }
  };
  auto ended = co_await as_outcome(task_group(body));
  const bool whole = ended && !failed;
  if (!whole) {
    auto closed = co_await as_outcome(items.aclose());
    const bool cancelled = !closed && closed.error().is_cancelled();
    if (cancelled) co_await eddy::fail(std::move(closed.error()));
  }
  if (!ended) co_await eddy::fail(std::move(ended.error()));
  if (failed) co_await eddy::fail(std::move(*failed));
}

template <class R, class T, class F>
Task<BulkValues<R>> bulk_values(Generator<T> items, std::size_t most, F function) {
  std::vector<std::optional<Value<R>>> found;
  auto one = [&](std::size_t index, T item) -> Task<> {
    if constexpr (std::is_void_v<R>) {
      static_cast<void>(index);
      EDDY_DO(std::invoke(function, std::move(item)));
    } else {
      if (found.size() <= index) found.resize(index + 1);
      EDDY_TRY(auto value, std::invoke(function, std::move(item)));
      found[index].emplace(std::move(value));
    }
  };
  EDDY_DO(bulk_each(items, most, one));
  if constexpr (!std::is_void_v<R>) {
    std::vector<Value<R>> values;
    values.reserve(found.size());
    for (auto& value : found) {
      EDDY_ASSERT(value);
      values.push_back(std::move(*value));
    }
    co_return values;
  }
}

template <class R, class T, class F>
Task<std::vector<Outcome<R>>> bulk_outcomes(Generator<T> items, std::size_t most, F function) {
  std::vector<std::optional<Outcome<R>>> found;
  auto one = [&](std::size_t index, T item) -> Task<> {
    if (found.size() <= index) found.resize(index + 1);
    auto ended = co_await as_outcome(std::invoke(function, std::move(item)));
    found[index].emplace(outcome_from<R>(std::move(ended)));
  };
  EDDY_DO(bulk_each(items, most, one));
  std::vector<Outcome<R>> outcomes;
  outcomes.reserve(found.size());
  for (auto& outcome : found) {
    EDDY_ASSERT(outcome);
    outcomes.push_back(std::move(*outcome));
  }
  co_return outcomes;
}

// What runs beside the generator of bulk_as_completed(), and may end later where that is dropped.
template <class R, class T, class F>
struct BulkFeed : RefCounted<BulkFeed<R, T, F>> {
  template <class G>
  BulkFeed(Generator<T> source, std::size_t most, G&& callable)
      : items(std::move(source)),
        at_once(most),
        function(std::forward<G>(callable)),
        done(static_cast<long>(std::min(most, Queue<BulkOutcome<R>>::most_reserved))) {}

  Generator<T> items;
  std::size_t at_once;
  F function;
  Queue<BulkOutcome<R>> done;
  std::optional<Failure> failure;  // of the source, or for want of memory
};

// Does not fail itself: so whoever waits for it tells its own end from the source's.
template <class R, class T, class F>
Task<> feed_bulk(Counted<BulkFeed<R, T, F>> feed) {
  auto one = [&](std::size_t index, T item) -> Task<> {
    auto ended = co_await as_outcome(std::invoke(feed->function, std::move(item)));
    EDDY_DO(feed->done.put(BulkOutcome<R>(index, outcome_from<R>(std::move(ended)))));
  };
  try {
    auto ended = co_await as_outcome(bulk_each(feed->items, feed->at_once, one));
    if (!ended) feed->failure.emplace(std::move(ended.error()));
  } catch (...) {
    feed->failure.emplace(Failure::current());
  }
  feed->done.shutdown();
}

class CancelAtExit {
 public:
  explicit CancelAtExit(JoinHandle<> task) noexcept : task_(std::move(task)) {}
  CancelAtExit(const CancelAtExit&) = delete;
  CancelAtExit& operator=(const CancelAtExit&) = delete;
  ~CancelAtExit() { task_.cancel(); }

 private:
  JoinHandle<> task_;
};

template <class R, class T, class F>
Generator<BulkOutcome<R>> completed_bulk(Counted<BulkFeed<R, T, F>> feed) {
  const JoinHandle<> feeding = spawn(feed_bulk(feed));
  const CancelAtExit at_exit(feeding);
  bool closed = false;
  while (!closed) {
    auto next = co_await as_outcome(feed->done.get());
    if (!next) {
      if (!next.error().is_cancelled()) break;
      static_cast<void>(co_await end_task(feeding));
      co_await fail(std::move(next.error()));
    }
    try {
      co_yield std::move(*next);
    } catch (const GeneratorExit&) {  // what follows may wait
      closed = true;
    }
  }
  auto cancelled = co_await end_task(feeding);
  if (cancelled) co_await fail(std::move(*cancelled));
  const bool failed = feed->failure && !closed;
  if (failed) co_await fail(std::move(*feed->failure));
}

inline std::size_t at_a_time(Count most) {
  if (most.value() == 0) throw UsageError("bulk of none at a time");
  return most.value();
}

}  // namespace internal

// See above. The function is kept; what it returns is a Task. Throws UsageError for none at a time.
template <class T, internal::ItemBody<T> F>
auto bulk(Generator<T> items, internal::Count at_once, F&& function) {
  EDDY_CHECK_KEPT(F);
  using R = internal::ItemResult<F, T>;
  return internal::bulk_values<R, T, std::decay_t<F>>(
      std::move(items), internal::at_a_time(at_once), std::forward<F>(function));
}
template <class T, internal::ItemBody<T> F>
auto bulk_settled(Generator<T> items, internal::Count at_once, F&& function) {
  EDDY_CHECK_KEPT(F);
  using R = internal::ItemResult<F, T>;
  return internal::bulk_outcomes<R, T, std::decay_t<F>>(
      std::move(items), internal::at_a_time(at_once), std::forward<F>(function));
}
template <class T, internal::ItemBody<T> F>
auto bulk_as_completed(Generator<T> items, internal::Count at_once, F&& function) {
  EDDY_CHECK_KEPT(F);
  using R = internal::ItemResult<F, T>;
  using Feed = internal::BulkFeed<R, T, std::decay_t<F>>;
  return internal::completed_bulk(internal::Counted<Feed>(
      new Feed(std::move(items), internal::at_a_time(at_once), std::forward<F>(function))));
}

// The same over a range; one that has a name must stay until the end.
template <internal::ItemRange Range, internal::ItemBody<std::ranges::range_value_t<Range>> F>
auto bulk(Range&& range, internal::Count at_once, F&& function) {
  return bulk(internal::items_of(std::forward<Range>(range)), at_once, std::forward<F>(function));
}
template <internal::ItemRange Range, internal::ItemBody<std::ranges::range_value_t<Range>> F>
auto bulk_settled(Range&& range, internal::Count at_once, F&& function) {
  return bulk_settled(internal::items_of(std::forward<Range>(range)), at_once,
                      std::forward<F>(function));
}
template <internal::ItemRange Range, internal::ItemBody<std::ranges::range_value_t<Range>> F>
auto bulk_as_completed(Range&& range, internal::Count at_once, F&& function) {
  return bulk_as_completed(internal::items_of(std::forward<Range>(range)), at_once,
                           std::forward<F>(function));
}

}  // namespace eddy
