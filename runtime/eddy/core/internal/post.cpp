#include <eddy/core/internal/post.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/process.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/internal/loop_signals.hpp>
#include <eddy/core/loop.hpp>

#include <linux/io_uring.h>

#include <cerrno>

namespace eddy::internal {
namespace {

void signal(int eventfd) noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(!sys::write(eventfd, &one, sizeof one));  // full means signalled already
}

}  // namespace

PostQueue::PostQueue(Loop& loop)
    : Ready(&run),
      CompletionHandler(&on_wake),
      loop_(loop),
      eventfd_(sys::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      process_(process_mark) {
  if (!eventfd_) throw Error(errno, "create an eventfd");
  posted_.reserve(reserved);
  running_.reserve(reserved);
}

void PostQueue::push(Callback callback) {
  // A child has neither the loop's thread nor, perhaps, who holds the lock.
  if (process_ != process_mark) [[unlikely]] {
    throw UsageError("post() to a loop of another process: it was made before fork()");
  }
  std::unique_lock lock(mutex_);
  if (closed_) throw UsageError("post() to a closed loop");
  posted_.push_back(std::move(callback));
  if (pending_.load(std::memory_order_relaxed)) return;  // the loop was told already
  pending_.store(true, std::memory_order_relaxed);
  ++writers_;
  const int embedder = embedder_;
  lock.unlock();  // from here on the callback may run, and begin to close the loop
  signal(eventfd_.get());
  if (embedder >= 0) signal(embedder);
  lock.lock();
  EDDY_ASSERT(writers_ > 0);
  if (--writers_ == 0 && closed_) written_.notify_all();
}

void PostQueue::tell(int eventfd) {
  std::lock_guard lock(mutex_);
  embedder_ = eventfd;
}

// Whoever has found pending_ set writes, or has written, the eventfd. Between setting a signal's
// bit and this, and between clearing this and taking the bits, all must see one order.
void PostQueue::tell_of_signal() noexcept {
  static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);
  if (pending_.exchange(true)) return;
  signal(eventfd_.get());
  const int embedder = embedder_;
  if (embedder >= 0) signal(embedder);
}

void PostQueue::arm() {
  const bool multishot = loop_.ring().has(feature_multishot_poll);
  const Request request{.opcode = IORING_OP_POLL_ADD,
                        .fd = eventfd_.get(),
                        .length = multishot ? IORING_POLL_ADD_MULTI : 0u,
                        .op_flags = POLLIN};
  loop_.submit(request, *this);
}

// Multishot polls report each write; the counter is never read, so nothing else is needed. A poll
// that ended (single-shot, or the completion queue overflowed) would fire at once again on the same
// counter, so it is emptied first.
void PostQueue::on_wake(CompletionHandler& completion, int result, std::uint32_t flags) noexcept {
  auto& queue = static_cast<PostQueue&>(completion);
  if (result == -ECANCELED) return;
  if (!(flags & IORING_CQE_F_MORE)) {
    std::uint64_t count;
    static_cast<void>(!sys::read(queue.eventfd_.get(), &count, sizeof count));
    if (!queue.closed_) queue.arm();
  }
  queue.schedule();
}

void PostQueue::schedule() {
  if (scheduled_ || !pending()) return;
  scheduled_ = true;
  loop_.make_ready(*this);
}

void PostQueue::run(Ready& ready) noexcept {
  auto& queue = static_cast<PostQueue&>(ready);
  EDDY_ASSERT(queue.scheduled_);
  EDDY_ASSERT(queue.running_.empty());
  queue.scheduled_ = false;
  {
    std::lock_guard lock(queue.mutex_);
    // What comes later tells again.
    if (queue.signals_) {
      queue.pending_.store(false);
    } else {
      queue.pending_.store(false, std::memory_order_relaxed);
    }
    std::swap(queue.posted_, queue.running_);
  }
  for (Callback& callback : queue.running_) {
    queue.loop_.count_post();
    try {
      callback();
    } catch (...) {
      queue.loop_.report({.message = "exception in a posted callback",
                          .exception = std::current_exception()});
    }
    callback = nullptr;  // what it holds dies here, not in a later turn
  }
  queue.running_.clear();
  if (queue.signals_) queue.signals_->collect();
}

void PostQueue::close() {
  std::vector<Callback> dropped;
  std::unique_lock lock(mutex_);
  closed_ = true;
  dropped.swap(posted_);
  written_.wait(lock, [this] { return writers_ == 0; });
}

void PostQueue::stop_polling() { loop_.cancel(*this); }

}  // namespace eddy::internal
