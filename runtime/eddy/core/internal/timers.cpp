#include <eddy/core/internal/timers.hpp>

#include <algorithm>

namespace eddy::internal {

inline std::size_t TimerQueue::least_from(std::size_t first) const noexcept {
  EDDY_ASSERT(first < end_);
  std::size_t least = first;
  const std::size_t end = std::min(first + children, end_);
  for (std::size_t child = first + 1; child < end; ++child) {
    if (before(heap_[child], heap_[least])) least = child;
  }
  return least;
}

// Puts `entry` into the hole at `place`, moving it towards whichever end it belongs to.
void TimerQueue::replace(std::size_t place, Entry entry) noexcept {
  if (place > root && before(entry, heap_[parent_of(place)])) {
    sift_up(place, entry);
    return;
  }
  while (first_child_of(place) < end_) {
    const std::size_t least = least_from(first_child_of(place));
    if (!before(heap_[least], entry)) break;
    put(place, heap_[least]);
    place = least;
  }
  put(place, entry);
}

// The last entry is nearly always among the latest: sink the hole to a leaf without comparing with
// it, then let it rise the little it must. Fewer comparisons than sifting it down.
void TimerQueue::replace_root(Entry last) noexcept {
  std::size_t hole = root;
  while (first_child_of(hole) < end_) {
    const std::size_t least = least_from(first_child_of(hole));
    put(hole, heap_[least]);
    hole = least;
  }
  sift_up(hole, last);
}

void TimerQueue::grow(std::size_t size) {
  EDDY_ASSERT(size > slots_.size());
  heap_.resize(root + size);
  slots_.reserve(size);
  while (slots_.size() < size) {
    slots_.push_back({nullptr, free_});
    free_ = static_cast<std::uint32_t>(slots_.size() - 1);
  }
}

// The slots that were kept for them are the heap's now.
void TimerQueue::sort_in_young() noexcept {
  for (const Young& entry : young_) put_in_heap(*entry.timer, entry.deadline, entry.sequence);
  young_.clear();
  young_from_ = Instant::max();
  keep_for_young(0);
}

// REQUIRES: so many slots are free, and as many young ones have a place
void TimerQueue::keep_for_young(std::size_t places) noexcept {
  EDDY_ASSERT(places <= slots_.size());
  young_places_ = places;
  heap_end_most_ = root + slots_.size() - places;
  EDDY_ASSERT(end_ <= heap_end_most_);
}

void TimerQueue::make_room_in_heap() {
  grow(2 * slots_.size());
  keep_for_young(young_places_);
}

void TimerQueue::make_room_for_young() {
  if (young_.size() == young_most) sort_in_young();
  const std::size_t places = std::clamp(2 * young_.size(), young_least, young_most);
  const std::size_t wanted = end_ - root + places;
  if (wanted > slots_.size()) grow(std::max(wanted, 2 * slots_.size()));
  keep_for_young(places);
}

// Once in four thousand million: the armed ones get the first numbers, in their order. What is
// sorted is a heap.
void TimerQueue::count_anew() noexcept {
  sort_in_young();
  std::sort(heap_.begin() + root, heap_.begin() + static_cast<std::ptrdiff_t>(end_), before);
  for (std::size_t place = root; place < end_; ++place) {
    heap_[place].sequence = ++sequence_;
    slots_[heap_[place].slot].place = static_cast<std::uint32_t>(place);
  }
  ++sequence_;
}

}  // namespace eddy::internal
