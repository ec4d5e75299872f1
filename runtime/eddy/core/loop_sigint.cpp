// Ctrl-C in run(): main is asked to stop.
#include <eddy/core/internal/loop_signals.hpp>
#include <eddy/core/spawn.hpp>

#include <csignal>
#include <new>

namespace eddy {
using namespace internal;
namespace {

class SigintToMain final : public SignalSubscription {
 public:
  SigintToMain(Loop& loop, TaskState& main)
      : SignalSubscription(loop, bit_of(SIGINT), &tell, true), main_(main) {}

  // It has ended main, and nothing else has.
  bool ended_main() const noexcept { return came_ && main_.cancelled() && main_.cancelling() == 1; }

 private:
  static void tell(SignalSubscription& subscription, SignalMask) noexcept {
    auto& self = static_cast<SigintToMain&>(subscription);
    if (self.main_.done()) return;
    self.came_ = true;
    try {
      self.main_.cancel("SIGINT");
    } catch (const std::bad_alloc&) {  // without a reason, then
      self.main_.cancel({});
    }
  }

  TaskState& main_;
  bool came_ = false;
};

}  // namespace

// A shell starts what runs in the background with SIGINT ignored.
void internal::run_until_sigint(Loop& loop, TaskState& main) {
  if (!SignalRegistry::is_default(SIGINT)) return loop.run_until(main);
  const SigintToMain sigint(loop, main);
  loop.run_until(main);
  if (!sigint.ended_main()) return;
  loop.close();
  throw_keyboard_interrupt();
}

}  // namespace eddy
