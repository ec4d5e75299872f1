// gather_with_progress(tasks, callback): gather() that tells how many are done.
//
//   co_await gather_with_progress(tasks, [](std::size_t done, std::size_t total) { ... });
//   co_await gather_with_progress(tasks, "downloading");   // a bar on stderr
//
// The callback is called with 1, 2 and so on, after each task that ended with a value; what it
// throws counts as thrown by that task. Values, failures and cancelling are gather()'s: the first
// failure comes out at once, the others run on, and the callback is not called any more.
//
// gather_settled_with_progress() waits for all, and gives what gather_settled() does: outcomes. Its
// callback is called after each task that ended, in whatever way.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/core/try.hpp>
#include <eddy/flow/gather.hpp>
#include <eddy/kit/progress.hpp>

#include <concepts>
#include <functional>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

namespace eddy {

namespace internal {

// How many are done, for as long as somebody wants to know.
template <class F>
class Tally : public RefCounted<Tally<F>> {
 public:
  Tally(F callback, std::size_t total) : callback_(std::move(callback)), total_(total) {}
  void one_done() {
    if (!callback_) return;
    ++done_;
    EDDY_ASSERT(done_ <= total_);
    std::invoke(*callback_, done_, total_);
  }
  void end() noexcept { callback_.reset(); }

 private:
  std::optional<F> callback_;
  std::size_t done_ = 0;
  std::size_t total_;
};

template <class F>
class TallyEnd {
 public:
  explicit TallyEnd(Tally<F>& tally) noexcept : tally_(tally) {}
  TallyEnd(const TallyEnd&) = delete;
  TallyEnd& operator=(const TallyEnd&) = delete;
  ~TallyEnd() { tally_.end(); }

 private:
  Tally<F>& tally_;
};

template <bool Settle, class A, class F>
Task<AwaitValue<A>> tallied(A awaitable, Counted<Tally<F>> tally) {
  auto outcome = co_await as_outcome(std::move(awaitable));
  if (!outcome && Settle) tally->one_done();
  if (!outcome) co_await fail(std::move(outcome.error()));
  tally->one_done();
  if constexpr (!std::is_void_v<AwaitValue<A>>) co_return std::move(*outcome);
}

// What gather() or gather_settled() gives for them.
template <bool Settle, class A>
using GatheredValues = AwaitValue<decltype(gather_children_of<Settle>(
    std::declval<std::vector<Task<AwaitValue<A>>>&>()))>;

template <bool Settle, class A, class F>
Task<GatheredValues<Settle, A>> gather_tallied(std::vector<A> awaitables, F callback) {
  const Counted<Tally<F>> tally(new Tally<F>(std::move(callback), awaitables.size()));
  const TallyEnd<F> end(*tally);
  std::vector<Task<AwaitValue<A>>> tasks;
  tasks.reserve(awaitables.size());
  for (auto& awaitable : awaitables) tasks.push_back(tallied<Settle>(std::move(awaitable), tally));
  EDDY_TRY(auto values, gather_children_of<Settle>(tasks));
  co_return values;
}

template <bool Settle, class A>
Task<GatheredValues<Settle, A>> gather_with_bar(std::vector<A> awaitables, std::string description,
                                                ProgressOptions options) {
  Progress bar(awaitables.size(), description, options);
  auto callback = [&bar](std::size_t, std::size_t) { bar.advance(); };
  EDDY_TRY(auto values, gather_tallied<Settle>(std::move(awaitables), callback));
  co_return values;
}

// Moved out of the range, as gather() does.
template <class Range>
auto awaitables_of(Range& range) {
  std::vector<std::ranges::range_value_t<Range>> awaitables;
  if constexpr (std::ranges::sized_range<Range>) awaitables.reserve(std::ranges::size(range));
  for (auto& item : range) awaitables.push_back(std::move(item));
  return awaitables;
}

template <bool Settle, class Range, class F>
auto gather_and_tell(Range& range, F callback) {
  return gather_tallied<Settle>(awaitables_of(range), std::move(callback));
}

}  // namespace internal

template <std::ranges::input_range Range, class F>
  requires std::invocable<std::decay_t<F>&, std::size_t, std::size_t>
auto gather_with_progress(Range&& range, F&& callback) {
  EDDY_CHECK_KEPT(F);
  return internal::gather_and_tell<false, Range, std::decay_t<F>>(range, std::forward<F>(callback));
}
template <std::ranges::input_range Range>
auto gather_with_progress(Range&& range, std::string description = {},
                          ProgressOptions options = {}) {
  return internal::gather_with_bar<false>(internal::awaitables_of(range), std::move(description),
                                          options);
}

template <std::ranges::input_range Range, class F>
  requires std::invocable<std::decay_t<F>&, std::size_t, std::size_t>
auto gather_settled_with_progress(Range&& range, F&& callback) {
  EDDY_CHECK_KEPT(F);
  return internal::gather_and_tell<true, Range, std::decay_t<F>>(range, std::forward<F>(callback));
}
template <std::ranges::input_range Range>
auto gather_settled_with_progress(Range&& range, std::string description = {},
                                  ProgressOptions options = {}) {
  return internal::gather_with_bar<true>(internal::awaitables_of(range), std::move(description),
                                         options);
}

}  // namespace eddy
