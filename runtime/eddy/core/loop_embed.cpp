// For an event loop that turns this one: when it is due.
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/loop.hpp>

#include <algorithm>
#include <cerrno>

namespace eddy {
using namespace internal;

int Loop::fd() {
  check_thread();
  check_open();
  if (!signal_) {
    // Readable: turn once to begin with.
    UniqueFd signal(sys::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!signal) throw Error(errno, "create an eventfd");
    const int result = ring_.kernel().register_eventfd(signal.get());
    if (result < 0) throw Error(-result, "register an eventfd with the ring");
    signal_ = std::move(signal);
    posts_.tell(signal_.get());
  }
  return signal_.get();
}

std::optional<Instant> Loop::deadline() {
  // One enter runs at most 20 deferred completions (6.13), and the rest is signalled no more.
  const bool kernel_has_more = ring_.unsubmitted() || backlog_ || ring_.work_pending();
  if (!ready_.empty() || posts_.pending() || kernel_has_more) return clock();
  if (timers_.empty() || timers_.next() == Instant::max()) return std::nullopt;
  return std::max(timers_.next(), Instant());  // so that nobody's `deadline - now` overflows
}

}  // namespace eddy
