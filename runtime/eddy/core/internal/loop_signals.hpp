// LoopSignals: who waits for signals on one loop.
#pragma once

#include <eddy/core/internal/signal_registry.hpp>
#include <eddy/core/loop.hpp>

namespace eddy::internal {

class LoopSignals;

// Some signals, and who is told of them on the loop. Of the loop that runs when it is made; it may
// outlive that.
class SignalSubscription : public Link<SignalSubscription> {
 public:
  SignalSubscription(const SignalSubscription&) = delete;
  SignalSubscription& operator=(const SignalSubscription&) = delete;

 protected:
  // Called in a turn: it may wake, and resumes nothing.
  using Tell = void (*)(SignalSubscription&, SignalMask came) noexcept;

  SignalSubscription(Loop& loop, SignalMask mask, Tell tell, bool once = false);
  ~SignalSubscription();

 private:
  friend class LoopSignals;

  LoopSignals* signals_ = nullptr;
  SignalMask mask_;
  Tell tell_;
  bool once_;  // of Ctrl-C: while nobody else of this loop waits for SIGINT
};

// Where nobody catches it, the process ends by SIGINT.
[[noreturn]] void throw_keyboard_interrupt();

class LoopSignals final : public LoopService {
 public:
  explicit LoopSignals(Loop& loop);
  ~LoopSignals() override { stop(); }

  // Nobody of this loop is told any more.
  void stop() noexcept override;
  // Tells of what came.
  void collect() noexcept;

 private:
  friend class SignalSubscription;

  void add(SignalSubscription& subscription);
  void remove(SignalSubscription& subscription) noexcept;
  void want(SignalMask mask);
  void want_no_more_than(SignalMask mask) noexcept;
  SignalMask wanted(bool once) noexcept;
  void choose_once() noexcept;
  void report_replaced(int number) noexcept;

  Loop& loop_;
  SignalTarget* target_;
  std::uint32_t process_;
  bool once_told_ = false;  // the first SIGINT, in this run()
  List<SignalSubscription> subscriptions_;
};

}  // namespace eddy::internal
