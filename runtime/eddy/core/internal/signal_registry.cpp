#include <eddy/core/internal/signal_registry.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/internal/misuse.hpp>
#include <eddy/core/internal/post.hpp>

#include <cerrno>
#include <mutex>
#include <thread>

namespace eddy::internal {
namespace {

constexpr int most_signals = 64;

struct Handled {
  unsigned loops = 0;
  struct sigaction earlier {};
};

constinit std::mutex registry_mutex;
constinit Handled handled[most_signals + 1];
constinit bool any_handled = false;  // ever
constinit sigset_t mask_before_fork{};
// What the handler reads.
static_assert(std::atomic<SignalMask>::is_always_lock_free);
constinit std::atomic<SignalTarget*> first_target = nullptr;
constinit std::atomic<pid_t> registered_by = 0;

// What a thread does to itself is over before a loop could be told of it, or comes again as soon as
// the handler returns.
bool comes_from_the_thread(int number) noexcept {
  for (const int own : {SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS}) {
    if (number == own) return true;
  }
  return false;
}

// By default.
bool ends_the_process(int number) noexcept {
  for (const int other : {SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU}) {
    if (number == other) return false;
  }
  return true;
}

// Those between the two ranges are libc's.
bool exists(int number) noexcept {
  return (number >= 1 && number <= SIGSYS) || (number >= SIGRTMIN && number <= SIGRTMAX);
}

void check_signal(int number) {
  if (!exists(number)) throw_misuse("there is no signal " + std::to_string(number));
  const bool never = number == SIGKILL || number == SIGSTOP;
  if (!never && !comes_from_the_thread(number)) return;
  throw_misuse(name_of_signal(number) + " cannot be waited for: " +
               (never ? "the kernel tells nobody of it"
                      : "it is for what the thread itself has done, which cannot go on"));
}

}  // namespace

std::string name_of_signal(int number) {
  const char* name = sigabbrev_np(number);
  return name ? std::string("SIG") + name : "signal " + std::to_string(number);
}

SignalMask signal_mask(std::initializer_list<int> numbers) {
  SignalMask mask = 0;
  for (const int number : numbers) {
    check_signal(number);
    mask |= bit_of(number);
  }
  if (mask == 0) throw_misuse("a wait for no signal would never end");
  return mask;
}

// -- in the handler --

// True: its loop wants it.
bool SignalTarget::tell(int number, bool& default_action) noexcept {
  ++handlers_;  // before it looks: release() waits
  const bool wanted = wanted_ & bit_of(number);
  if (wanted) {
    if (number == SIGINT && once_) default_action |= once_came_.exchange(true);
    came_ |= bit_of(number);
    if (PostQueue* posts = posts_) posts->tell_of_signal();
  }
  --handlers_;
  return wanted;
}

// In a process that was made by other means than fork(), and has not found out yet, the signal does
// what it would without eddy: once this returns.
void SignalRegistry::handle(int number) noexcept {
  const int error = errno;
  bool default_action = false;
  if (sys::getpid() != registered_by) {
    sys::sigaction(number, &handled[number].earlier, nullptr);
    sys::raise(number);
  } else {
    bool wanted = false;
    for (SignalTarget* target = first_target; target; target = target->next_) {
      wanted |= target->tell(number, default_action);
    }
    // Put back by who found it while a loop waited (system() in another thread), and none does.
    if (!wanted && ends_the_process(number)) {
      default_action = handled[number].earlier.sa_handler == SIG_DFL;
    }
  }
  if (default_action) act_by_default(number);
  errno = error;
}

void SignalRegistry::act_by_default(int number) noexcept {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sys::sigaction(number, &action, nullptr);
  if (sys::getpid() == 1) sys::exit_at_once(128 + number);
  sys::raise(number);
}

// -- outside of it --

bool SignalRegistry::is_handled(int number) noexcept {
  struct sigaction current {};
  sys::sigaction(number, nullptr, &current);
  return current.sa_handler == &handle;
}

SignalTarget& SignalRegistry::acquire(PostQueue& posts) {
  const std::lock_guard lock(registry_mutex);
  SignalTarget* target = first_target;
  while (target && target->used_) target = target->next_;
  if (!target) {
    target = new SignalTarget;
    target->next_ = first_target;
    first_target = target;
  }
  EDDY_ASSERT(target->wanted_ == 0);
  target->used_ = true;
  target->came_ = 0;
  target->posts_ = &posts;
  return *target;
}

// A handler that interrupts this very thread is over before this goes on.
void SignalRegistry::release(SignalTarget& target) noexcept {
  EDDY_ASSERT(target.wanted_ == 0);
  EDDY_ASSERT(!target.once_);
  target.posts_ = nullptr;
  while (target.handlers_ > 0) std::this_thread::yield();
  const std::lock_guard lock(registry_mutex);
  EDDY_ASSERT(target.used_);
  target.used_ = false;
}

// The handler may be there without a loop: of a library that has put back what it had found.
void SignalRegistry::add(int number) {
  const std::lock_guard lock(registry_mutex);
  registered_by = sys::getpid();
  if (!is_handled(number)) {
    struct sigaction action {};
    action.sa_handler = &handle;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    ::sigfillset(&action.sa_mask);
    if (sys::sigaction(number, &action, &handled[number].earlier) < 0) {
      throw Error(errno, "handle", name_of_signal(number));
    }
  }
  ++handled[number].loops;
  any_handled = true;
}

bool SignalRegistry::remove(int number) noexcept {
  const std::lock_guard lock(registry_mutex);
  EDDY_ASSERT(handled[number].loops > 0);
  if (--handled[number].loops > 0) return true;
  if (!is_handled(number)) return false;
  sys::sigaction(number, &handled[number].earlier, nullptr);
  return true;
}

bool SignalRegistry::is_default(int number) noexcept {
  const std::lock_guard lock(registry_mutex);
  struct sigaction current {};
  sys::sigaction(number, nullptr, &current);
  const bool ours = current.sa_handler == &handle;
  return (ours ? handled[number].earlier.sa_handler : current.sa_handler) == SIG_DFL;
}

// -- fork --

void SignalRegistry::before_fork() noexcept {
  registry_mutex.lock();
  if (!any_handled) return;
  sigset_t all;
  ::sigfillset(&all);
  sys::pthread_sigmask(SIG_SETMASK, &all, &mask_before_fork);
}

void SignalRegistry::after_fork() noexcept {
  if (any_handled) sys::pthread_sigmask(SIG_SETMASK, &mask_before_fork, nullptr);
  registry_mutex.unlock();
}

// A thread that was in the handler is none of the child's.
void SignalRegistry::enter_child() noexcept {
  if (!any_handled) return;
  for (int number = 1; number <= most_signals; ++number) {
    if (handled[number].loops > 0 && is_handled(number)) {
      sys::sigaction(number, &handled[number].earlier, nullptr);
    }
    handled[number].loops = 0;
  }
  for (SignalTarget* target = first_target; target; target = target->next_) {
    target->wanted_ = 0;
    target->once_ = false;
    target->handlers_ = 0;
    target->posts_ = nullptr;
    target->used_ = false;
  }
}

}  // namespace eddy::internal
