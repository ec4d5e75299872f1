// TimerQueue: deadlines in order, as a 4-ary heap in one array. Knows no loop and no task.
//
// Sifting touches no timer: an entry of the heap holds the deadline and the number of a slot, and
// the slot says where the entry stands. Timers lie in the frames of sleeping tasks, each in memory
// that nobody has used for long, so that one look at each would cost more than all the rest.
// Cancelling is a direct removal and leaves nothing behind. Equal deadlines fire in the order in
// which they were armed. The four children of an entry share one cache line.
//
// A timer that will probably be cancelled (a timeout, unlike a sleep) waits in front of the heap,
// unsorted, until the first of those may be due or there are too many: an append and a removal are
// all that most of them cost.
//
// Memory is taken where timers are armed, for the young ones' places in the heap as well: to fire
// takes none.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/base/internal/assert.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace eddy::internal {

// Lives in the frame that waits; disarms itself when it dies only through its owner.
class Timer {
 public:
  using Fire = void (*)(Timer&);

  explicit Timer(Fire fire) noexcept : fire_(fire) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { EDDY_ASSERT(!armed()); }

  bool armed() const noexcept { return slot_ != none; }

 private:
  friend class TimerQueue;
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  Fire fire_;
  std::uint32_t slot_ = none;
};

class TimerQueue {
 public:
  // Timers are counted to tell equal deadlines apart; `armed_before` is where counting starts.
  explicit TimerQueue(std::uint32_t armed_before = 0) : sequence_(armed_before) {
    grow(64 + young_least);
    young_.reserve(young_most);
    keep_for_young(young_least);
  }

  bool empty() const noexcept { return end_ == root && young_.empty(); }
  std::size_t size() const noexcept { return end_ - root + young_.size(); }

  // No timer fires before this; mostly the earliest deadline, and never later. REQUIRES: !empty()
  Instant next() const noexcept {
    EDDY_ASSERT(!empty());
    return end_ == root ? young_from_ : std::min(heap_[root].deadline, young_from_);
  }

  // When `timer` fires. REQUIRES: timer.armed()
  Instant deadline(const Timer& timer) const noexcept {
    EDDY_ASSERT(timer.armed());
    return timer.slot_ & young ? young_[timer.slot_ & ~young].deadline
                               : heap_[slots_[timer.slot_].place].deadline;
  }

  // REQUIRES: !timer.armed(); the timer stays where it is until it fired or was cancelled.
  void arm(Timer& timer, Instant deadline) {
    EDDY_ASSERT(!timer.armed());
    if (++sequence_ == 0) [[unlikely]] count_anew();
    if (end_ == heap_end_most_) [[unlikely]] make_room_in_heap();
    put_in_heap(timer, deadline, sequence_);
  }
  // The same, for one that will probably be cancelled.
  void arm_young(Timer& timer, Instant deadline) {
    EDDY_ASSERT(!timer.armed());
    if (++sequence_ == 0) [[unlikely]] count_anew();
    if (young_.size() == young_places_) [[unlikely]] make_room_for_young();
    EDDY_ASSERT(young_.size() < young_.capacity());
    young_.push_back({deadline, sequence_, &timer});
    timer.slot_ = static_cast<std::uint32_t>(young_.size() - 1) | young;
    if (deadline < young_from_) young_from_ = deadline;
  }

  // Does nothing when the timer is not armed.
  void cancel(Timer& timer) noexcept {
    if (!timer.armed()) return;
    if (timer.slot_ & young) [[likely]] return remove_young(timer);
    EDDY_ASSERT(slots_[timer.slot_].timer == &timer);
    const std::size_t place = slots_[timer.slot_].place;
    release(timer);
    --end_;
    if (place != end_) replace(place, heap_[end_]);
  }

  // Fires every timer whose deadline is not after `now`, in order. A firing timer is disarmed
  // first.
  void fire_until(Instant now) noexcept {
    for (;;) {
      if (young_from_ <= now) [[unlikely]] sort_in_young();
      if (end_ == root || heap_[root].deadline > now) return;
      Timer& timer = *slots_[heap_[root].slot].timer;
      EDDY_ASSERT(timer.slot_ == heap_[root].slot);
      release(timer);
      --end_;
      if (end_ > root) replace_root(heap_[end_]);
      timer.fire_(timer);
    }
  }

 private:
  struct Entry {
    Instant deadline;
    std::uint32_t sequence;
    std::uint32_t slot;
  };
  struct Young {
    Instant deadline;
    std::uint32_t sequence;
    Timer* timer;
  };
  struct Slot {
    Timer* timer;
    std::uint32_t place;  // in the heap; of a free slot: the next free one
  };
  template <class T>
  struct LineAligned {
    using value_type = T;
    static constexpr std::align_val_t line{64};
    T* allocate(std::size_t count) {
      return static_cast<T*>(::operator new(count * sizeof(T), line));
    }
    void deallocate(T* memory, std::size_t) noexcept { ::operator delete(memory, line); }
    bool operator==(const LineAligned&) const = default;
  };

  // In the number of a timer's slot: it is a place among the young ones.
  static constexpr std::uint32_t young = std::uint32_t{1} << 31;

  static constexpr std::size_t young_most = 1024;
  static constexpr std::size_t young_least = 32;

  // Three places in front of the root stay unused: so the children of each place start a line.
  static constexpr std::size_t root = 3;
  static constexpr std::size_t parent_of(std::size_t place) noexcept { return place / 4 + 2; }
  static constexpr std::size_t first_child_of(std::size_t place) noexcept { return 4 * place - 8; }
  static constexpr std::size_t children = 4;

  static bool before(const Entry& a, const Entry& b) noexcept {
    if (a.deadline != b.deadline) [[likely]] return a.deadline < b.deadline;
    return a.sequence < b.sequence;
  }

  void put(std::size_t place, const Entry& entry) noexcept {
    EDDY_ASSERT(place >= root);
    EDDY_ASSERT(place < end_);
    EDDY_ASSERT(entry.slot < slots_.size());
    heap_[place] = entry;
    slots_[entry.slot].place = static_cast<std::uint32_t>(place);
  }

  void release(Timer& timer) noexcept {
    slots_[timer.slot_].place = free_;
    free_ = timer.slot_;
    timer.slot_ = Timer::none;
  }

  void sift_up(std::size_t place, const Entry& entry) noexcept {
    while (place > root) {
      const std::size_t parent = parent_of(place);
      if (!before(entry, heap_[parent])) break;
      put(place, heap_[parent]);
      place = parent;
    }
    put(place, entry);
  }

  void remove_young(Timer& timer) noexcept {
    Young& hole = young_[timer.slot_ & ~young];
    EDDY_ASSERT(hole.timer == &timer);
    hole = young_.back();
    hole.timer->slot_ = timer.slot_;
    timer.slot_ = Timer::none;
    young_.pop_back();
    if (young_.empty()) young_from_ = Instant::max();
  }
  void put_in_heap(Timer& timer, Instant deadline, std::uint32_t sequence) noexcept {
    EDDY_ASSERT(free_ != Timer::none);
    const std::uint32_t slot = free_;
    free_ = slots_[slot].place;
    slots_[slot].timer = &timer;
    timer.slot_ = slot;
    sift_up(end_++, {deadline, sequence, slot});
  }
  void sort_in_young() noexcept;
  void make_room_in_heap();
  void make_room_for_young();
  void keep_for_young(std::size_t places) noexcept;

  // The least of the children from `first` on. REQUIRES: there is one
  std::size_t least_from(std::size_t first) const noexcept;
  void replace(std::size_t place, Entry entry) noexcept;
  void replace_root(Entry entry) noexcept;
  void grow(std::size_t size);
  void count_anew() noexcept;

  std::vector<Entry, LineAligned<Entry>> heap_;  // a place for each slot, behind the unused ones
  std::size_t end_ = root;
  std::vector<Slot> slots_;
  std::vector<Young> young_;
  std::size_t young_places_ = 0;      // so many slots are kept free for them,
  std::size_t heap_end_most_ = root;  // by the heap's going no further than here
  Instant young_from_ = Instant::max();  // none of them is due earlier
  std::uint32_t free_ = Timer::none;
  std::uint32_t sequence_;
};

}  // namespace eddy::internal
