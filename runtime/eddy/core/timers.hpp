// TimerQueue: deadlines in order, as a 4-ary heap in one array. Knows no loop and no task.
//
// The deadline stands beside the pointer, so that sifting touches no timer but those it moves; each
// timer knows its place, so that cancelling is a direct removal and leaves nothing behind. Equal
// deadlines fire in the order in which they were armed.
#pragma once

#include <eddy/base/assert.hpp>
#include <eddy/base/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace eddy {

// Lives in the frame that waits; disarms itself when it dies only through its owner.
class Timer {
 public:
  using Fire = void (*)(Timer&);

  explicit Timer(Fire fire) noexcept : fire_(fire) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { EDDY_ASSERT(!armed()); }

  bool armed() const noexcept { return place_ != nowhere; }

 private:
  friend class TimerQueue;
  static constexpr std::size_t nowhere = ~std::size_t{0};

  Fire fire_;
  std::size_t place_ = nowhere;
  std::uint64_t sequence_ = 0;
};

class TimerQueue {
 public:
  TimerQueue() { heap_.reserve(64); }

  bool empty() const noexcept { return heap_.empty(); }
  std::size_t size() const noexcept { return heap_.size(); }

  // The earliest deadline. REQUIRES: !empty()
  Instant next() const noexcept { return heap_.front().deadline; }

  // When `timer` fires. REQUIRES: timer.armed()
  Instant deadline(const Timer& timer) const noexcept { return heap_[timer.place_].deadline; }

  // REQUIRES: !timer.armed(); the timer stays where it is until it fired or was cancelled.
  void arm(Timer& timer, Instant deadline) {
    EDDY_ASSERT(!timer.armed());
    timer.sequence_ = ++sequence_;
    heap_.push_back({deadline, &timer});
    sift_up(heap_.size() - 1, {deadline, &timer});
  }

  // Does nothing when the timer is not armed.
  void cancel(Timer& timer) noexcept {
    if (!timer.armed()) return;
    const std::size_t place = timer.place_;
    timer.place_ = Timer::nowhere;
    const Entry last = heap_.back();
    heap_.pop_back();
    if (last.timer == &timer) return;
    replace(place, last);
  }

  // Fires every timer whose deadline is not after `now`, in order. A firing timer is disarmed first.
  void fire_until(Instant now) {
    while (!heap_.empty() && heap_.front().deadline <= now) {
      Timer& timer = *heap_.front().timer;
      remove_front();
      timer.fire_(timer);
    }
  }

 private:
  struct Entry {
    Instant deadline;
    Timer* timer;
  };
  static constexpr std::size_t arity = 4;

  static bool before(const Entry& a, const Entry& b) noexcept {
    if (a.deadline != b.deadline) [[likely]] return a.deadline < b.deadline;
    return a.timer->sequence_ < b.timer->sequence_;
  }

  void put(std::size_t place, const Entry& entry) noexcept {
    heap_[place] = entry;
    entry.timer->place_ = place;
  }

  void sift_up(std::size_t place, Entry entry) noexcept {
    while (place > 0) {
      const std::size_t parent = (place - 1) / arity;
      if (!before(entry, heap_[parent])) break;
      put(place, heap_[parent]);
      place = parent;
    }
    put(place, entry);
  }

  void replace(std::size_t place, const Entry& entry) noexcept;
  void remove_front() noexcept;

  std::vector<Entry> heap_;
  std::uint64_t sequence_ = 0;
};

}  // namespace eddy
