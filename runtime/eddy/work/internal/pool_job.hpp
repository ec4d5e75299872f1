// PoolJob: what a task has a pool's thread run, and its way there and back.
//
// It lives where the task waits, or by itself once the task has left it; the loop has it until it
// is submitted, then the pool, and after it ran the loop again.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/intrusive.hpp>
#include <eddy/core/context.hpp>

#include <atomic>

namespace eddy::internal {

class PoolThreads;
class ThreadCalls;

class PoolJob : public Link<PoolJob> {
 public:
  PoolJob() = default;
  // May be moved until it is submitted.
  PoolJob(const PoolJob& other) noexcept : Link<PoolJob>(other) {
    EDDY_ASSERT(other.state_ == State::idle);
  }
  PoolJob& operator=(const PoolJob&) = delete;

  // On a thread of the pool.
  virtual void run() noexcept = 0;
  // On its loop, after it ran.
  virtual void came_back() noexcept = 0;

 protected:
  virtual ~PoolJob() {
    EDDY_VERIFY(state_ == State::idle);  // a thread would write to what is gone
    EDDY_ASSERT(!linked());
  }

 private:
  friend class PoolThreads;
  friend class ThreadCalls;
  enum class State : std::uint8_t { idle, queued, running };

  State state_ = State::idle;  // guarded by the pool's lock while it is not idle
  PoolThreads* pool_ = nullptr;
  ThreadCalls* calls_ = nullptr;      // where it comes back to
  const Context* context_ = nullptr;  // the task's
  PoolJob* next_back_ = nullptr;      // on the way back
  Instant queued_at_{};
};

}  // namespace eddy::internal
