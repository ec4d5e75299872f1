#include <eddy/file/internal/whole_read.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/file/file.hpp>
#include <eddy/file/internal/file_call.hpp>
#include <eddy/file/internal/path.hpp>

#include <linux/io_uring.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace eddy::internal {
namespace {

constexpr int flags_to_read = O_RDONLY | O_CLOEXEC;

// What is larger is read elsewhere: it would hold the loop.
constexpr std::size_t most_now = FileState::default_capacity;
// What a file that is read on the ring gets to begin with.
constexpr std::size_t first_piece = 16 * 1024;
constexpr std::size_t most_at_once = std::size_t{1} << 30;  // Linux moves less than twice that

// An open that does not wait, for a disk or for anybody, has answered no to what is asked for, and
// not that it would wait.
bool is_answer(int error) noexcept {
  return error == ENOENT || error == ENOTDIR || error == EACCES || error == ELOOP ||
         error == ENAMETOOLONG || error == EMFILE || error == ENFILE || error == ENOMEM;
}

}  // namespace

void Pieces::reserve(std::size_t capacity) {
  EDDY_ASSERT(size_ <= capacity_);
  if (capacity <= capacity_) return;
  auto* fresh = static_cast<std::byte*>(Pool::allocate(capacity));
  if (size_ > 0) std::memcpy(fresh, data_, size_);
  if (data_) Pool::release(data_, capacity_);
  data_ = fresh;
  capacity_ = capacity;
}

// -- here --

WholeReader::WholeReader(Text path) : path_(std::move(path)) { path_of(path_); }

bool WholeReader::read_now() {
  EDDY_ASSERT(!held_);
  if (thread_state.task && thread_state.task->cancel_pending()) return false;
  Storage& storage = Storage::current();
  Storage::Mount& mount = storage.mount_of(path_.view());
  if (mount.remote) return false;  // a server that is asked to open it may be dead
  by_ring_ = !storage.inline_better(mount, storage.policy());
  if (by_ring_) return false;
  const Got got = read_cached_file();
  storage.count_quick();
  if (got == Got::nothing) return false;
  gives_way_ = storage.turn_is_over();
  return true;
}

// A read names its place, so that a FIFO refuses it (ESPIPE) and loses nothing.
WholeReader::Got WholeReader::read_cached_file() {
  open_how how{};
  how.flags = flags_to_read | O_NONBLOCK;
  how.resolve = RESOLVE_CACHED;  // 5.12
  UniqueFd fd(sys::openat2(AT_FDCWD, path_.c_str(), how));
  if (!fd) {
    if (!is_answer(errno)) return Got::nothing;
    error_ = errno;
    return Got::error;
  }
  pieces_.reserve(most_now);
  bool refuses_to_wait = true;
  for (;;) {
    const int got = read_cached(fd.get(), pieces_.room(), static_cast<std::int64_t>(pieces_.size()),
                                refuses_to_wait);
    if (got == 0) return Got::all;
    if (got == -EISDIR) {
      error_ = EISDIR;
      return Got::error;
    }
    if (got > 0) pieces_.took(static_cast<std::size_t>(got));
    if (got > 0 && !pieces_.room().empty()) continue;
    pieces_.clear();
    if (got == -ESPIPE) held_ = std::move(fd);
    return Got::nothing;
  }
}

// -- on the ring --

namespace {

// Open, read until there is nothing more, close: each a request, made when the one before has
// ended. REQUIRES: the ring knows OPENAT2
class WholeChain : public Operation {
 public:
  WholeChain(const Text& path, Pieces& pieces, Storage& storage) noexcept
      : Operation("open", &proceed), path_(path), pieces_(pieces), storage_(storage) {
    how_.flags = flags_to_read;
    how_.resolve = RESOLVE_CACHED;  // no worker then, nobody to wait for, and no O_NONBLOCK after
  }
  WholeChain(const WholeChain&) = delete;

  void await_suspend(std::coroutine_handle<> frame) {
    prepare({.opcode = IORING_OP_OPENAT2,
             .fd = AT_FDCWD,
             .offset = address_of(&how_),
             .address = address_of(path_.c_str()),
             .length = sizeof how_});
    Operation::await_suspend(frame);
  }

  // True: all is read. False: nothing is, and what is open is the descriptor().
  Expected<bool> await_resume() {
    if (was_cancelled() || (cancel_requested() && step_ != Step::done)) {
      return std::unexpected(cancelled_midway());
    }
    if (without_memory_) throw std::bad_alloc();
    keep_late_cancel();
    if (step_ == Step::done) return true;
    if (step_ == Step::leaves) return false;
    EDDY_ASSERT(result() < 0);
    const std::string_view verb = step_ == Step::opens ? "open" : "read";
    return std::unexpected(failure_of_call(-result(), verb, path_));
  }
  UniqueFd& descriptor() noexcept { return fd_; }

 private:
  enum class Step : std::uint8_t { opens, waits, reads, closes, done, leaves };

  static bool proceed(Operation& operation) noexcept {
    return static_cast<WholeChain&>(operation).go_on();
  }

  // True: the next request is under way.
  bool go_on() noexcept {
    const int got = result();
    switch (step_) {
      case Step::opens:
        if (got < 0) return ends_without(got);
        EDDY_ASSERT(!fd_);
        fd_.reset(got);
        return read_on();
      case Step::reads:
        if (got < 0) return read_failed(got);
        pieces_.took(static_cast<std::size_t>(got));
        if (got > 0) tries_ = 1;
        if (got > 0) return read_on();
        // Nobody has opened its other end, or has and is gone: open(2) would have waited for that.
        if (pieces_.size() == 0 && !waited_ && is_fifo(fd_.get())) return wait();
        return close();
      case Step::waits:
        return got < 0 ? read_failed(got) : read_on();
      case Step::closes:
        if (got != -ECANCELED) fd_.release();  // what the kernel began to close is gone
        step_ = Step::done;
        break;
      default:
        break;
    }
    return false;
  }

  bool ends_without(int error) noexcept { return is_answer(-error) ? false : leave(); }
  bool leave() noexcept {
    step_ = Step::leaves;
    return false;
  }
  bool read_failed(int error) noexcept {
    if (error == -EISDIR) step_ = Step::opens;  // as which it is told
    const bool restart = error <= -512 && error >= -516;  // EINTR, leaked by a worker
    const bool again = restart || error == -EINTR || error == -EAGAIN || error == -ECANCELED;
    if (!again) return false;
    if (tries_++ < ring_tries) return read_on();
    return pieces_.size() == 0 ? leave() : false;
  }

  bool read_on() noexcept {
    EDDY_ASSERT(fd_);
    step_ = Step::reads;
    if (pieces_.room().empty() && !grow()) return false;
    const MutableBytes room = pieces_.room();
    return submit({.opcode = IORING_OP_READ,
                   .fd = fd_.get(),
                   .offset = ~std::uint64_t{0},  // where it stands
                   .address = address_of(room.data()),
                   .length = static_cast<std::uint32_t>(std::min(room.size(), most_at_once))});
  }
  // poll(2) tells a FIFO that had a writer since it was opened from one that had none.
  bool wait() noexcept {
    EDDY_ASSERT(!waited_);
    step_ = Step::waits;
    waited_ = true;
    return submit({.opcode = IORING_OP_POLL_ADD, .fd = fd_.get(), .op_flags = POLLIN});
  }
  bool grow() noexcept {
    try {
      pieces_.reserve(pieces_.size() == 0 ? first_piece : 4 * pieces_.size());
      return true;
    } catch (const std::bad_alloc&) {
      without_memory_ = true;
      return false;
    }
  }
  bool close() noexcept {
    EDDY_ASSERT(fd_);
    step_ = Step::closes;
    if (submit({.opcode = IORING_OP_CLOSE, .fd = fd_.get()})) return true;
    fd_.reset();
    step_ = Step::done;  // a request to stop has come too late
    return false;
  }
  bool submit(const Request& request) noexcept {
    prepare(request);
    if (!submit_again()) return false;
    storage_.count_step();
    return true;
  }

  const Text& path_;
  Pieces& pieces_;
  Storage& storage_;
  open_how how_{};
  UniqueFd fd_;
  Step step_ = Step::opens;
  std::uint8_t tries_ = 1;
  bool waited_ = false;
  bool without_memory_ = false;
};

}  // namespace

Task<bool> read_by_ring(Text path, Pieces& pieces, UniqueFd& held) {
  EDDY_ASSERT(pieces.size() == 0);
  if (!Loop::current().ring().supports(IORING_OP_OPENAT2)) co_return false;
  WholeChain chain(path, pieces, Storage::current());
  auto read = co_await chain;
  if (!read) co_await fail(std::move(read.error()));
  held = std::move(chain.descriptor());
  co_return *read;
}

}  // namespace eddy::internal
