// open() and its own handling of what open(2) can meet.
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/file.hpp>
#include <eddy/file/internal/path.hpp>

#include <linux/io_uring.h>

namespace eddy {
using namespace internal;
namespace {

constexpr int by_lines = 1;  // as a size of the buffer

std::size_t capacity_of(const OpenOptions& options) {
  if (options.buffering < -1) throw UsageError("open with a negative size for the buffer");
  const bool direct = options.flags & O_DIRECT;
  if (direct && options.buffering > 0) throw UsageError("open with O_DIRECT and a buffer");
  if (direct) return 0;
  const bool is_default = options.buffering < 0 || options.buffering == by_lines;
  return is_default ? FileState::default_capacity : static_cast<std::size_t>(options.buffering);
}

// What is asked for besides the mode; of a state that knows whether it is a stream.
void apply(const OpenOptions& options, FileState& state) {
  const bool wanted = options.buffering == by_lines;
  const bool terminal = options.buffering < 0 && state.is_terminal();
  state.by_lines = (wanted || terminal) && !state.mode.binary;
  EDDY_ASSERT(!state.by_lines || state.capacity() > 0);
  if (options.flags & O_DIRECT) state.set_direct();
  if (options.uncached && !state.is_stream()) state.set_uncached();
  if (options.registered) state.place = Loop::current().registered().add_file(state.fd);
}

// The kernel does not even try these without a worker; everything else is left to the ring.
bool is_punted(int flags) {
  return flags & (O_CREAT | O_TRUNC) || (flags & O_TMPFILE) == O_TMPFILE;
}

struct How {
  int flags;
  unsigned permissions;
  FilePolicy policy;
  bool waits = false;  // a worker, from the start: the ring itself opens everything without waiting
  bool plain = false;  // there is no worker

  // A first try never waits, neither for the other end of a FIFO (ENXIO) nor for somebody's lease
  // (EAGAIN).
  int first_flags() const noexcept { return waits ? flags : flags | O_NONBLOCK; }
  bool may_wait() const noexcept { return !(flags & O_NONBLOCK); }
};

// A plain call that also does not wait, where nothing is to be created, for the directories on the
// disk (EAGAIN): the ring does.
int open_now(const char* path, const How& how) {
  if (is_punted(how.flags) || how.plain) return sys::open(path, how.first_flags(), how.permissions);
  open_how wanted{};
  wanted.flags = static_cast<unsigned>(how.first_flags());
  wanted.resolve = RESOLVE_CACHED;  // 5.12
  const int fd = sys::openat2(AT_FDCWD, path, wanted);
  // EPERM: a filter of system calls that does not know it, or else the ring says the same.
  if (fd < 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM)) errno = EAGAIN;
  return fd;
}

// Where nobody has to be waited for, and without a frame: the descriptor, which still has
// O_NONBLOCK, or what the kernel answered; -EAGAIN: it takes more.
int open_at_once(const Text& path, const How& how, Storage& storage, Storage::Mount& mount) {
  if (is_punted(how.flags) || !storage.inline_better(mount, how.policy)) return -EAGAIN;
  if (thread_state.task && thread_state.task->cancel_pending()) return -EAGAIN;
  const int fd = open_now(path_of(path), how);
  storage.count_quick();
  if (fd >= 0) return fd;
  return errno == EINTR || errno == ENXIO ? -EAGAIN : -errno;
}

Task<int> open_descriptor(Text path, How how, Storage::Mount& mount) {
  Request request{.opcode = IORING_OP_OPENAT,
                  .fd = AT_FDCWD,
                  .address = address_of(path_of(path)),
                  .length = how.permissions};
  std::optional<Storage::SpareWorker> spare;
  for (unsigned tries = 1;; ++tries) {
    if (how.waits && !spare) spare.emplace(Storage::current());
    EDDY_ASSERT(how.waits == spare.has_value());
    request.flags = how.waits ? IOSQE_ASYNC : 0;
    request.op_flags = static_cast<std::uint32_t>(how.first_flags());
    auto fd = co_await as_outcome(FileCall(
        request, "open", mount, how.policy,
        [text = path.c_str(), &how] { return open_now(text, how); },
        is_punted(how.flags) || how.plain));
    if (fd) {
      // Regular files must not keep the flag: the ring would answer EAGAIN instead of waiting.
      if (!how.waits && how.may_wait()) sys::fcntl(*fd, F_SETFL, how.flags);
      co_return *fd;
    }
    if (fd.error().is_cancelled()) co_await fail(std::move(fd.error()));
    EDDY_ASSERT(fd.error().is_error());
    const int code = fd.error().code();
    const bool would_wait = code == ENXIO || code == EAGAIN;
    if (would_wait && how.may_wait() && !how.waits) {
      how.policy = FilePolicy::ring;
      how.waits = true;
      tries = 0;
    } else if (!try_again(fd.error()) || (would_wait && !how.may_wait()) || tries > ring_tries) {
      co_await fail(failure_of_call(code, "open", path));
    } else if (tries == ring_tries && !how.waits) {
      how.policy = FilePolicy::inline_;
      how.plain = true;
    }
  }
}

// As a task of its own: what it opened is closed if a cancel makes it drop its value.
Task<UniqueFd> open_owned(Text path, How how, Storage::Mount& mount) {
  EDDY_TRY(auto fd, open_descriptor(path, how, mount));
  co_return UniqueFd(fd);
}

// Ends `opening` when there is something to read, or when a writer has come and gone: poll(2)
// tells a FIFO that had a writer since it was opened from one that had none.
Task<> end_when_written(int fd, JoinHandle<UniqueFd> opening, bool& written) {
  const Request request{.opcode = IORING_OP_POLL_ADD, .fd = fd, .op_flags = POLLIN};
  auto ready = co_await as_outcome(Operation(request, "poll"));
  if (!ready && ready.error().is_cancelled()) co_await fail(std::move(ready.error()));
  opening.cancel();  // also after a failure: nobody would notice the writer
  if (!ready) co_await fail(std::move(ready.error()));
  written = true;
}

// Whatever happens to the one that spawned it, nobody waits for ever in a worker.
struct CancelAtEnd {
  ~CancelAtEnd() { opening.cancel(); }
  JoinHandle<UniqueFd>& opening;
};

// Waits as open(2) does for a writer of the FIFO that `owner` has open without one. A worker opens
// it once more and waits; a writer that is gone before the worker begins would be missed there.
Task<> wait_for_writer(UniqueFd& owner, Text path, How how, Storage::Mount& mount) {
  EDDY_ASSERT(owner);
  EDDY_ASSERT(how.may_wait());
  how.policy = FilePolicy::ring;
  how.waits = true;
  bool written = false;
  const bool asked_already = thread_state.task->cancel_pending();
  const unsigned asked_before = this_task().cancelling();
  auto opening = spawn(open_owned(path, how, mount));
  const CancelAtEnd no_longer{opening};
  auto watching = spawn(end_when_written(owner.get(), opening, written));
  auto opened = co_await as_outcome(opening);
  watching.cancel();
  auto watched = co_await as_outcome(watching);
  // Both end by our own cancels too: whether there was another, the count tells.
  const bool asked = asked_already || this_task().cancelling() > asked_before;
  if (!watched && (asked || !watched.error().is_cancelled())) {
    co_await fail(std::move(watched.error()));
  }
  EDDY_ASSERT(owner);
  if (opened) {
    owner = std::move(*opened);
  } else if (!written || asked) {
    co_await fail(std::move(opened.error()));
  }
}

// 0, or EISDIR, or ESPIPE for a stream. Cheaper than fstat(2), and asks no file system anything.
int probe(int fd, const FileMode& mode) {
  char nothing;
  const auto answer = mode.writable ? sys::lseek(fd, 0, SEEK_CUR) : sys::pread(fd, &nothing, 0, 0);
  return answer < 0 && (errno == EISDIR || errno == ESPIPE) ? errno : 0;
}

}  // namespace

Task<File> internal::open_file(Text path, FileMode mode, OpenOptions options) {
  const std::size_t capacity = capacity_of(options);
  Storage& storage = Storage::current();
  Storage::Mount& mount = storage.mount_of(path.view());
  const FilePolicy policy = options.policy.value_or(storage.policy());
  How how{
      .flags = mode.flags | options.flags, .permissions = options.permissions, .policy = policy};

  int fd = open_at_once(path, how, storage, mount);
  const bool at_once = fd != -EAGAIN;
  bool refuses_to_wait = fd >= 0 && how.may_wait();
  if (!at_once) {
    if (!is_punted(how.flags)) how.policy = FilePolicy::ring;  // that was asked already
    EDDY_TRY(fd, open_descriptor(path, how, mount));
  }
  UniqueFd owner(std::max(fd, -1));
  if (at_once && storage.turn_is_over()) EDDY_DO(yield());
  if (fd < 0) co_await fail(Failure::error(-fd, "open", path));
  const int found = probe(owner.get(), mode);
  if (refuses_to_wait && (found == ESPIPE || mode.writable)) {
    sys::fcntl(fd, F_SETFL, how.flags);
    refuses_to_wait = false;
  }
  if (found == EISDIR) co_await fail(Failure::error(EISDIR, "open", path.view()));
  if (found == ESPIPE && !mode.writable && !(how.flags & O_NONBLOCK) && is_fifo(owner.get())) {
    EDDY_DO(wait_for_writer(owner, path, how, mount));
  }
  const Counted<FileState> state(
      new FileState(owner.get(), true, mode, path, capacity, policy, storage, mount));
  owner.release();
  if (found == ESPIPE) state->set_stream();
  if (refuses_to_wait) state->set_nonblocking();
  apply(options, *state);
  if (mode.append && state->seeks()) {
    EDDY_TRY(auto end, state->end());
    state->move_to(end);
  }
  co_return File(state);
}

File File::adopt(int fd, std::string_view mode, bool owned, OpenOptions options) {
  check_encoding(options);
  Storage& storage = Storage::current();
  const Counted<FileState> state(new FileState(
      fd, owned, FileMode::parse(mode), Text("fd " + std::to_string(fd)), capacity_of(options),
      options.policy.value_or(storage.policy()), storage, storage.mount_of_descriptor(fd)));
  if (sys::lseek(fd, 0, SEEK_CUR) < 0) {
    state->set_stream();
  } else {
    state->use_kernel_position();
  }
  apply(options, *state);
  return File(state);
}

// "UTF-8", "utf8" and "utf_8" are one to Python as well.
static bool is_utf_8(std::string_view encoding) {
  constexpr std::string_view wanted = "utf8";
  std::size_t same = 0;
  for (const char c : encoding) {
    if (c == '-' || c == '_') continue;
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (same == wanted.size() || lower != wanted[same++]) return false;
  }
  return same == wanted.size();
}

void internal::check_encoding(std::string_view encoding) {
  if (is_utf_8(encoding)) return;
  throw UsageError("open with encoding '" + std::string(encoding) +
                   "': a file is bytes, of UTF-8 where it is text; convert what was read, or what "
                   "is to be written");
}

}  // namespace eddy
