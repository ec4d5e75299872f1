// SignalRegistry: the signals that some loop of the process waits for, and what else they would do.
//
// The handler runs on any thread, in the middle of anything: it takes no lock and no memory, sets
// one bit in each loop that wants the signal, and writes that loop's eventfd. Signals coalesce: a
// loop learns that one has come, not how often. Not a signalfd: that wants the signal blocked in
// every thread, also in those of libraries, and one loop would take what another waits for.
//
// With the last loop that waits the earlier action is there again, unless somebody has set another
// one meanwhile: it stays. A child of fork() has all of the earlier actions, and no loop.
#pragma once

#include <eddy/base/internal/assert.hpp>

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace eddy::internal {

class PostQueue;

// A set of signals: bit n - 1 for signal n.
using SignalMask = std::uint64_t;
constexpr SignalMask bit_of(int number) noexcept { return SignalMask{1} << (number - 1); }
// Throws UsageError where one of them cannot be waited for, or there is none.
SignalMask signal_mask(std::initializer_list<int> numbers);
std::string name_of_signal(int number);

// What the handler knows of a loop. Never freed, but used again: a handler may just look at it.
class SignalTarget {
 public:
  // What came since this was asked last.
  SignalMask take() noexcept { return came_.exchange(0); }
  SignalMask wanted() const noexcept { return wanted_; }
  void want(SignalMask mask) noexcept { wanted_ = mask; }
  // From now on a second SIGINT, or the first if `came`, does what it does by default, at once.
  void begin_once(bool came) noexcept {
    once_came_ = came;
    once_ = true;
  }
  void end_once() noexcept { once_ = false; }
  bool once() const noexcept { return once_; }

 private:
  friend class SignalRegistry;

  bool tell(int number, bool& default_action) noexcept;

  std::atomic<SignalMask> wanted_ = 0;
  std::atomic<SignalMask> came_ = 0;
  std::atomic<bool> once_ = false;
  std::atomic<bool> once_came_ = false;
  std::atomic<unsigned> handlers_ = 0;  // that look at it
  std::atomic<PostQueue*> posts_ = nullptr;
  SignalTarget* next_ = nullptr;
  bool used_ = true;
};

class SignalRegistry {
 public:
  // For a loop. REQUIRES: released before `posts` is gone
  static SignalTarget& acquire(PostQueue& posts);
  // No handler knows the loop afterwards.
  static void release(SignalTarget& target) noexcept;

  // One more loop wants it. Throws Error where the kernel refuses.
  static void add(int number);
  // One less. False: somebody else had set another action, which stays.
  static bool remove(int number) noexcept;

  // Without eddy it would do what it does by default.
  static bool is_default(int number) noexcept;
  // Does what the signal does by default. Returns where it is blocked, or handled just now.
  static void act_by_default(int number) noexcept;

  // What fork() is to find, and to leave, unlocked; a child meets no signal before it has the
  // earlier actions.
  static void before_fork() noexcept;
  static void after_fork() noexcept;
  static void enter_child() noexcept;

 private:
  static void handle(int number) noexcept;
  static bool is_handled(int number) noexcept;
};

}  // namespace eddy::internal
