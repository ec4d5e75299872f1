// The calls of File about its position, its size and its end.
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/file.hpp>
#include <eddy/file/internal/thread_call.hpp>

#include <linux/io_uring.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace eddy {
using namespace internal;
namespace {

constexpr std::uint8_t opcode_ftruncate = 55;  // 6.9; newer than liburing 2.3

struct Close {
  int fd;
  int operator()() const { return sys::close(fd) < 0 && errno != EINTR ? -1 : 0; }
};

// What the kernel began to close is gone, whatever it says.
class CloseCall : public FileCall<Close> {
 public:
  using value_type = int;
  CloseCall(const Request& request, UniqueFd& fd, FileState& file)
      : FileCall(request, "close", *file.mount, file.policy, Close{fd.get()}, file.mode.writable),
        fd_(fd) {
    EDDY_ASSERT(fd_);
  }
  Expected<int> await_outcome() {
    const bool cancelled = was_cancelled() || cancel_requested();
    if (result() == -ECANCELED && !cancelled) finish(close_now());  // the kernel had no thread
    if (result() != -ECANCELED) fd_.release();
    return Operation::await_outcome();
  }

 private:
  int close_now() const { return Close{fd_.get()}() < 0 ? -errno : 0; }

  UniqueFd& fd_;
};

// The file system looks that up: on the disk perhaps, or by its server. Where a local file ends it
// knows.
bool is_looked_up(const FileState& file, Whence whence) noexcept {
  return whence == Whence::data || whence == Whence::hole ||
         (whence == Whence::end && !file.seeks() && file.mount->remote);
}

// Moves the descriptor there.
Task<std::int64_t> look_up(FileState& file, std::int64_t offset, Whence whence) {
  off_t found = -1;
  const auto call = [fd = file.fd, offset, whence, into = &found] {
    *into = sys::lseek(fd, offset, static_cast<int>(whence));
    return *into < 0 ? -1 : 0;
  };
  EDDY_DO(perform_plainly("seek", *file.mount, file.policy, file.name, call));
  EDDY_ASSERT(found >= offset);
  co_return found;
}

// What only was read, and nobody uses: by a plain call that never waits. -EAGAIN: it takes more.
int close_at_once(FileState& file) noexcept {
  const bool used = file.lock.locked() || file.positional > 0 || file.dirty();
  if (used || file.mode.writable || thread_state.task->cancel_pending()) return -EAGAIN;
  Storage& storage = file.storage();
  if (!storage.inline_better(*file.mount, file.policy)) return -EAGAIN;
  const int fd = file.release_fd();
  EDDY_ASSERT(!file.usable());
  if (fd < 0) return 0;
  storage.count_quick();
  const int error = sys::close(fd) < 0 ? errno : 0;
  return error == EAGAIN || error == EINTR ? 0 : -error;  // gone, whatever the kernel says
}

}  // namespace

bool File::isatty() const { return is_tty(open_state().fd); }

bool File::seekable() const { return sys::lseek(open_state().fd, 0, SEEK_CUR) >= 0; }

Task<std::uint64_t> File::seek(State state, std::int64_t offset, Whence whence) {
  FileState& file = to_use(state);
  EDDY_TRY(auto guard, file.turn());
  EDDY_DO(file.flush());
  EDDY_ASSERT(!file.dirty());
  if (is_looked_up(file, whence)) {
    EDDY_TRY(auto found, look_up(file, offset, whence));
    file.move_to(found);
    co_return static_cast<std::uint64_t>(found);
  }
  if (!file.seeks()) {
    const std::size_t ahead = whence == Whence::current ? file.ahead().size() : 0;
    if (__builtin_sub_overflow(offset, ahead, &offset)) {
      co_await fail(Failure::error(EINVAL, "seek", file.name.view()));
    }
    const auto place = sys::lseek(file.fd, offset, static_cast<int>(whence));
    if (place < 0) co_await fail(Failure::error(errno, "seek", file.name.view()));
    file.move_to(place);
    co_return static_cast<std::uint64_t>(place);
  }
  std::int64_t base = whence == Whence::current ? file.position() : 0;
  if (whence == Whence::end) {
    EDDY_TRY(auto end, file.end());
    base = end;
  }
  std::int64_t place;
  if (__builtin_add_overflow(base, offset, &place) || place < 0) {
    co_await fail(Failure::error(EINVAL, "seek", file.name.view()));
  }
  file.move_to(place);
  co_return static_cast<std::uint64_t>(place);
}

Task<std::uint64_t> File::tell(State state) {
  FileState& file = to_use(state);
  EDDY_TRY(auto guard, file.turn());
  if (file.seeks()) co_return static_cast<std::uint64_t>(file.position());
  EDDY_DO(file.flush());
  const auto place = sys::lseek(file.fd, 0, SEEK_CUR);
  if (place < 0) co_await fail(Failure::error(errno, "tell", file.name.view()));
  const auto at = static_cast<std::uint64_t>(place);
  // Whoever shares the descriptor may have moved it back.
  co_return at - std::min<std::uint64_t>(at, file.ahead().size());
}

Task<std::uint64_t> File::truncate(State state, std::optional<std::uint64_t> wanted) {
  FileState& file = to_write(state);
  if (wanted && !is_offset(*wanted)) co_await fail(no_offset(file.name));
  EDDY_TRY(auto guard, file.turn());
  EDDY_DO(file.flush());
  file.drop_ahead();
  EDDY_ASSERT(!file.dirty());
  std::int64_t place = file.position();
  if (!file.seeks() && !wanted) place = sys::lseek(file.fd, 0, SEEK_CUR);
  const auto size = wanted.value_or(static_cast<std::uint64_t>(place));
  if (!is_offset(size)) co_await fail(no_offset(file.name));
  const Request request{.opcode = opcode_ftruncate, .fd = file.fd, .offset = size};
  const auto call = [fd = file.fd, size] { return sys::ftruncate(fd, static_cast<off_t>(size)); };
  EDDY_DO(perform(request, "truncate", *file.mount, file.policy, file.name, call));
  co_return size;
}

Task<> File::allocate(State state, std::uint64_t offset, std::uint64_t length, Allocate how) {
  FileState& file = to_write(state);
  if (!is_offset(offset) || !is_offset(length)) co_await fail(no_offset(file.name));
  EDDY_TRY(auto guard, file.turn());
  if (how == Allocate::punch || how == Allocate::zero) {
    EDDY_DO(file.flush());  // what was written before becomes zeros as well
    file.drop_ahead();
  }
  const auto mode = static_cast<int>(how);
  const Request request{.opcode = IORING_OP_FALLOCATE,
                        .fd = file.fd,
                        .offset = offset,
                        .address = length,
                        .length = static_cast<std::uint32_t>(mode)};
  const auto call = [fd = file.fd, mode, offset, length] {
    return sys::fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(length));
  };
  // It may take long, however fast the disk: always on the ring.
  EDDY_DO(perform(request, "allocate", *file.mount, FilePolicy::ring, file.name, call));
}

Task<> File::advise(State state, std::uint64_t offset, std::uint64_t length, int advice) {
  FileState& file = to_use(state);
  if (!is_offset(offset) || !is_offset(length)) co_await fail(no_offset(file.name));
  EDDY_TRY(auto guard, file.turn());
  const auto call = [fd = file.fd, offset, length, advice] {
    errno = sys::posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(length), advice);
    return errno == 0 ? 0 : -1;
  };
  // A request has 32 bits for the length (64 since 6.10, in a place of which older ones want 0).
  if (length > std::numeric_limits<std::uint32_t>::max()) {
    EDDY_DO(perform_plainly("advise", *file.mount, file.policy, file.name, call));
    co_return;
  }
  const Request request{.opcode = IORING_OP_FADVISE,
                        .fd = file.fd,
                        .offset = offset,
                        .length = static_cast<std::uint32_t>(length),
                        .op_flags = static_cast<std::uint32_t>(advice)};
  EDDY_DO(perform(request, "advise", *file.mount, file.policy, file.name, call));
}

Task<FileStat> File::stat(State state) {
  FileState& file = to_use(state);
  EDDY_TRY(auto guard, file.turn());
  EDDY_DO(file.flush());
  EDDY_TRY(auto stat, file.stat());
  co_return stat;
}

// Where the file stands, the descriptor does: whoever has it goes on there.
static Task<> give_position(FileState& file) {
  EDDY_DO(file.flush());
  file.drop_ahead();
  if (file.seeks() && sys::lseek(file.fd, file.position(), SEEK_SET) < 0) {
    co_await fail(Failure::error(errno, "seek", file.name.view()));
  }
}

Task<UniqueFd> File::detach(State state) {
  FileState& file = to_use(state);
  if (!file.owned) throw UsageError("detach of a descriptor that is not the file's own");
  EDDY_TRY(auto guard, file.turn());
  EDDY_DO(give_position(file));
  if (file.positional > 0) throw UsageError("detach of a file that is read or written at a place");
  if (!file.ahead().empty()) throw UsageError("detach of a stream of which bytes were read ahead");
  static_cast<void>(file.descriptor());  // without what we opened it with
  UniqueFd fd(file.release_fd());
  EDDY_ASSERT(fd);
  EDDY_ASSERT(!file.usable());
  co_return std::move(fd);
}

Task<> File::close(State state) {
  if (!state || state->fd < 0) co_return;
  FileState& file = to_use(state);
  if (const int done = close_at_once(file); done != -EAGAIN) {
    if (done < 0) co_await fail(Failure::error(-done, "close", file.name.view()));
    co_return;
  }
  EDDY_TRY(auto guard, file.lock.scoped());
  if (file.fd < 0) co_return;  // by another close(), or dropped
  if (file.positional > 0) throw UsageError("close of a file that is read or written at a place");
  Expected<void> flushed;
  if (file.dirty()) flushed = co_await as_outcome(file.flush());
  if (!flushed && flushed.error().is_cancelled()) co_await fail(std::move(flushed.error()));
  if (file.positional > 0) throw UsageError("close of a file that is read or written at a place");
  UniqueFd fd(file.release_fd());  // no operation may find the number while it is being closed
  EDDY_ASSERT(!file.usable());
  if (fd) {
    const Request request{.opcode = IORING_OP_CLOSE, .fd = fd.get()};
    auto done = co_await as_outcome(CloseCall(request, fd, file));
    const bool cancelled = !done && done.error().is_cancelled();
    if (cancelled && flushed) co_await fail(std::move(done.error()));
    if (cancelled) thread_state.task->keep_cancel_pending();  // what was lost is told first
    if (!done && flushed) {
      co_await fail(Failure::error(done.error().code(), "close", file.name.view()));
    }
  }
  if (!flushed) co_await fail(std::move(flushed.error()));
}

}  // namespace eddy
