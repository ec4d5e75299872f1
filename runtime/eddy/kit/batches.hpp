// batches(source, size, within): items in groups, by number and by time.
//
//   auto groups = batches(queue, 100, 2s);
//   while (auto group = co_await groups.next()) co_await insert(*group);
//
// A batch is complete with `size` items, or `within` after its first item came, or when the source
// has ended: a Queue that is shut down, a Generator, a range. Without `within` it waits for all.
#pragma once

#include <eddy/base/internal/count.hpp>
#include <eddy/base/internal/counted.hpp>
#include <eddy/flow/internal/end_task.hpp>
#include <eddy/flow/shield.hpp>
#include <eddy/flow/timeout.hpp>
#include <eddy/kit/internal/items_of.hpp>
#include <eddy/sync/queue.hpp>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

namespace eddy {

namespace internal {

// Both kinds of source: the next item, or none at the end; none, and `late`, when the deadline
// passes. Cancelled: no item is lost.
template <class T, class Items>
class QueueSource {
 public:
  using value_type = T;
  explicit QueueSource(BasicQueue<T, Items>& queue) noexcept : queue_(&queue) {}

  Task<std::optional<T>> next(std::optional<AnyInstant> deadline, bool& late) {
    auto item = co_await as_outcome(timeout_at(deadline, queue_->get()));
    if (item) co_return std::move(*item);
    late = item.error().is_error(ETIMEDOUT);
    const bool over = item.error().is_error(QueueShutDown::number);
    if (!late && !over) co_await fail(std::move(item.error()));
    co_return std::nullopt;
  }
  Task<> close() { co_return; }

 private:
  BasicQueue<T, Items>* queue_;
};

// A task of its own waits for the generator: the deadline, and a cancel, do not reach it.
template <class T>
class GeneratorSource {
 public:
  using value_type = T;
  explicit GeneratorSource(Generator<T> items) : state_(new State(std::move(items))) {}
  GeneratorSource(GeneratorSource&&) noexcept = default;
  ~GeneratorSource() { if (pull_.valid()) pull_.cancel(); }

  Task<std::optional<T>> next(std::optional<AnyInstant> deadline, bool& late) {
    if (!pull_.valid()) pull_ = spawn(pull(state_), {.eager = true});
    auto waited = co_await as_outcome(timeout_at(deadline, shield(pull_)));
    late = !waited && waited.error().is_error(ETIMEDOUT);
    if (late) co_return std::nullopt;
    if (!waited) co_await fail(std::move(waited.error()));
    pull_ = {};
    auto failed = std::exchange(state_->failure, std::nullopt);
    if (failed) co_await fail(std::move(*failed));
    co_return std::exchange(state_->item, std::nullopt);
  }
  Task<> close() {
    if (pull_.valid()) {
      const auto cancelled = co_await end_task(pull_);
      if (cancelled) thread_state.task->keep_cancel_pending();
      pull_ = {};
      auto failed = std::exchange(state_->failure, std::nullopt);
      const bool unexpected = failed && !failed->is_cancelled();
      if (unexpected) co_await fail(std::move(*failed));
    }
    co_await state_->items.aclose();
  }

 private:
  struct State : RefCounted<State> {
    explicit State(Generator<T> source) noexcept : items(std::move(source)) {}
    Generator<T> items;
    std::optional<T> item;
    std::optional<Failure> failure;
  };
  // Does not fail itself: so whoever waits for it tells its own end from the generator's.
  static Task<> pull(Counted<State> state) {
    try {
      auto item = co_await as_outcome(state->items.next());
      if (!item) {
        state->failure.emplace(std::move(item.error()));
      } else if (*item) {
        state->item.emplace(std::move(**item));
      }
    } catch (...) {  // an item that cannot be moved
      state->failure.emplace(Failure::current());
    }
  }

  Counted<State> state_;
  JoinHandle<> pull_;  // the one that runs, or whose item nobody has taken yet
};

}  // namespace internal

template <class Source>
class [[nodiscard]] Batches {
 public:
  using Batch = std::vector<typename Source::value_type>;

  Batches(Source source, internal::Count size, AnyDuration within)
      : source_(std::move(source)), size_(size.value()), within_(within) {
    if (size_ == 0) throw UsageError("batches of no items");
  }

  // The next batch, never empty; none at the end. Cancelled: what has come stays for the next call.
  // A source that fails gives what had come before, and its failure to the call after that. One
  // consumer at a time.
  Task<std::optional<Batch>> next() {
    const Use use(in_use_);
    if (failure_) co_await fail(*std::exchange(failure_, std::nullopt));
    while (!ended_ && batch_.size() < size_) {
      make_room();
      bool late = false;
      auto item = co_await as_outcome(source_.next(deadline_, late));
      if (!item) {
        const bool at_once = batch_.empty() || item.error().is_cancelled();
        if (at_once) co_await fail(std::move(item.error()));
        failure_ = std::move(item.error());
        break;
      }
      if (late) break;
      if (*item) {
        add(std::move(**item));
      } else {
        ended_ = true;
      }
    }
    deadline_.reset();
    if (batch_.empty()) co_return std::nullopt;
    co_return std::exchange(batch_, {});
  }

  // Ends a source that is a generator; what has come is dropped.
  Task<> aclose() {
    const Use use(in_use_);
    ended_ = true;
    batch_.clear();
    co_await source_.close();
  }

 private:
  class Use {
   public:
    explicit Use(bool& in_use) : in_use_(in_use) {
      if (std::exchange(in_use_, true)) throw UsageError("batches have one consumer at a time");
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { in_use_ = false; }

   private:
    bool& in_use_;
  };

  // Before an item is taken, which would be lost otherwise.
  void make_room() {
    if (batch_.size() < batch_.capacity()) return;
    batch_.reserve(std::min(size_, std::max<std::size_t>(8, 2 * batch_.size())));
  }
  void add(typename Source::value_type item) {
    EDDY_ASSERT(batch_.size() < batch_.capacity());
    if (batch_.empty() && within_ != Duration::max()) {
      deadline_ = internal::later(Loop::current().now(), within_);
    }
    batch_.push_back(std::move(item));
    EDDY_ASSERT(batch_.size() <= size_);
  }

  Source source_;
  std::size_t size_;
  Duration within_;
  Batch batch_;
  std::optional<AnyInstant> deadline_;  // of that
  std::optional<Failure> failure_;
  bool ended_ = false;
  bool in_use_ = false;
};

// See above. The queue, and a range that has a name, must stay until the end. Throws UsageError for
// a size of zero.
template <class T, class Items>
auto batches(BasicQueue<T, Items>& queue, internal::Count size,
             AnyDuration within = Duration::max()) {
  return Batches<internal::QueueSource<T, Items>>(internal::QueueSource<T, Items>(queue), size,
                                                  within);
}
template <class T>
auto batches(Generator<T> items, internal::Count size, AnyDuration within = Duration::max()) {
  return Batches<internal::GeneratorSource<T>>(internal::GeneratorSource<T>(std::move(items)),
                                               size, within);
}
template <internal::ItemRange Range>
auto batches(Range&& range, internal::Count size) {
  return batches(internal::items_of(std::forward<Range>(range)), size);
}

}  // namespace eddy
