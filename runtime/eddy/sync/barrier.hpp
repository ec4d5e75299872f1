// Barrier: so many tasks wait for each other, round after round (K7).
//
// A task that is cancelled while it waits only lowers the number that wait. Once a round is
// complete its tasks leave it, each with its own index; who comes meanwhile belongs to the next
// round.
#pragma once

#include <eddy/base/internal/count.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <cerrno>
#include <cstddef>

namespace eddy {

class BrokenBarrier : public Error {
 public:
  static constexpr int number = EPIPE;  // of its code()
  BrokenBarrier() : Error(number, "wait at a broken barrier") {}
};

class Barrier {
 public:
  // Throws UsageError for less than one party.
  explicit Barrier(internal::Count parties) : parties_(parties.value()) {
    if (parties_ == 0) throw UsageError("a barrier for nobody");
  }
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  class [[nodiscard]] Wait : public internal::Waiter, public internal::Raises<Wait, std::size_t> {
   public:
    static constexpr const char* died_early = "a Barrier died while a task waited at it";
    explicit Wait(Barrier& barrier) noexcept
        : Waiter(kind<&Wait::describe, &stop>), barrier_(barrier) {}
    Wait(const Wait&) = default;

    bool await_ready() noexcept {
      if (barrier_.broken_) {
        broken_ = true;
        return true;
      }
      if (barrier_.waiting_ + 1 < barrier_.parties_) return false;
      index_ = barrier_.parties_ - 1;
      barrier_.complete();
      return true;
    }
    void await_suspend(std::coroutine_handle<> frame) {
      EDDY_ASSERT(barrier_.waiting_ + 1 < barrier_.parties_);
      barrier_.waiters_.push_back(*this);
      ++barrier_.waiting_;
      park(frame);
    }
    Expected<std::size_t> await_outcome() {
      if (interrupted()) return std::unexpected(cancelled_failure());
      if (broken_) return std::unexpected(Failure::of<BrokenBarrier>());
      return index_;
    }

   private:
    friend class Barrier;
    void describe(internal::WaitNote& note) const {
      note.what = "a Barrier, " + internal::of_so_many(barrier_.waiting_, barrier_.parties_) +
                  " there";
    }
    static bool stop(internal::Waiter& waiter) {
      auto& waiting = static_cast<Wait&>(waiter).barrier_.waiting_;
      EDDY_ASSERT(waiting > 0);
      --waiting;
      return leave(waiter);
    }
    Barrier& barrier_;
    std::size_t index_ = 0;
    bool broken_ = false;
  };

  // Resumes when as many wait as there are parties, with a number of its own below that. Throws
  // BrokenBarrier after reset() and abort(). ∅
  Wait wait() noexcept { return Wait(*this); }

  // Those who wait get BrokenBarrier; the barrier can be used again.
  void reset() noexcept {
    wake_broken();
    broken_ = false;
  }
  // The same for good, until reset().
  void abort() noexcept {
    broken_ = true;
    wake_broken();
  }

  std::size_t parties() const noexcept { return parties_; }
  std::size_t n_waiting() const noexcept { return waiting_; }
  bool broken() const noexcept { return broken_; }

 private:
  void complete() noexcept {
    waiting_ = 0;
    for (std::size_t index = 0; Wait* waiter = waiters_.pop(); ++index) {
      waiter->index_ = index;
      waiter->wake();
    }
  }
  void wake_broken() noexcept {
    waiting_ = 0;
    while (Wait* waiter = waiters_.pop()) {
      waiter->broken_ = true;
      waiter->wake();
    }
  }

  std::size_t parties_;
  std::size_t waiting_ = 0;
  internal::WaitList<Wait> waiters_;
  bool broken_ = false;
};

}  // namespace eddy
