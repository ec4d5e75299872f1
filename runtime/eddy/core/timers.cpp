#include <eddy/core/timers.hpp>

#include <algorithm>

namespace eddy {

// Puts `entry` into the hole at `place`, moving it towards whichever end it belongs to.
void TimerQueue::replace(std::size_t place, const Entry& entry) noexcept {
  if (place > 0 && before(entry, heap_[(place - 1) / arity])) {
    sift_up(place, entry);
    return;
  }
  const std::size_t count = heap_.size();
  for (;;) {
    const std::size_t first = place * arity + 1;
    if (first >= count) break;
    const std::size_t end = std::min(first + arity, count);
    std::size_t least = first;
    for (std::size_t child = first + 1; child < end; ++child) {
      if (before(heap_[child], heap_[least])) least = child;
    }
    if (!before(heap_[least], entry)) break;
    put(place, heap_[least]);
    place = least;
  }
  put(place, entry);
}

// The last entry is nearly always among the latest: sink the hole to a leaf without comparing with
// it, then let it rise the little it must. Fewer comparisons than sifting it down.
void TimerQueue::remove_front() noexcept {
  heap_.front().timer->place_ = Timer::nowhere;
  const Entry last = heap_.back();
  heap_.pop_back();
  const std::size_t count = heap_.size();
  if (count == 0) return;
  std::size_t hole = 0;
  for (;;) {
    const std::size_t first = hole * arity + 1;
    if (first >= count) break;
    const std::size_t end = std::min(first + arity, count);
    std::size_t least = first;
    for (std::size_t child = first + 1; child < end; ++child) {
      if (before(heap_[child], heap_[least])) least = child;
    }
    put(hole, heap_[least]);
    hole = least;
  }
  sift_up(hole, last);
}

}  // namespace eddy
