#include <eddy/file/file_lock.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/core/sleep.hpp>
#include <eddy/core/try.hpp>
#include <eddy/work/internal/blocking_calls.hpp>

#include <algorithm>
#include <memory>

namespace eddy {
using namespace internal;
namespace {

enum class Wanted { shared, exclusive, none };

// 0, or an errno; EAGAIN: another has it. Waits for nobody, unless the file system is remote.
int set_lock(int fd, const LockedRange& range, Wanted wanted) noexcept {
  const auto pick = [wanted](auto shared, auto exclusive, auto none) {
    if (wanted == Wanted::none) return none;
    return wanted == Wanted::shared ? shared : exclusive;
  };
  int done;
  do {
    if (range.whole) {
      done = sys::flock(fd, pick(LOCK_SH, LOCK_EX, LOCK_UN) | LOCK_NB);
    } else {
      struct flock lock {};
      lock.l_type = static_cast<short>(pick(F_RDLCK, F_WRLCK, F_UNLCK));
      lock.l_whence = SEEK_SET;
      lock.l_start = static_cast<off_t>(range.offset);
      lock.l_len = static_cast<off_t>(range.length);
      done = sys::fcntl(fd, F_OFD_SETLK, &lock);
    }
  } while (done < 0 && errno == EINTR);
  if (done >= 0) return 0;
  return errno == EACCES ? EAGAIN : errno;
}

class LockOnThread : public BlockingCall {
 public:
  LockOnThread(UniqueFd fd, LockedRange range, Wanted wanted) noexcept
      : fd_(std::move(fd)), range_(range), wanted_(wanted) {}
  void run() noexcept override {
    code = set_lock(fd_.get(), range_, wanted_);
    fd_.reset();  // at once: while it is open, the lock is there
  }

  int code = 0;

 private:
  UniqueFd fd_;  // of its own: the file may be closed meanwhile
  LockedRange range_;
  Wanted wanted_;
};

// Waited for to its end: what it locks somebody has to know.
Task<int> try_on_thread(const FileState& file, LockedRange range, Wanted wanted) {
  UniqueFd own(sys::fcntl(file.fd, F_DUPFD_CLOEXEC, 0));
  if (!own) co_return errno;
  const auto call = std::make_shared<LockOnThread>(std::move(own), range, wanted);
  call->may_hang(file.mount->remote);
  EDDY_DO(WaitForCall(call, true));
  co_return call->code;
}

// True: it is locked.
Task<bool> try_once(const Counted<FileState>& file, LockedRange range, Wanted wanted) {
  if (file->fd < 0) co_await fail(file->dropped("lock"));
  FileAccess::check_usable(file);  // another loop may have had it since the try before
  Storage& storage = Storage::current();
  int code;
  if (storage.inline_allowed(*file->mount, file->policy)) {
    storage.measure(*file->mount, [&] { return code = set_lock(file->fd, range, wanted); });
  } else {
    EDDY_TRY(code, try_on_thread(*file, range, wanted));
    // Closed meanwhile: what was locked by the descriptor of the thread has ended with it.
    if (file->fd < 0) co_await fail(file->dropped("lock"));
  }
  if (code != 0 && code != EAGAIN) co_await fail(Failure::error(code, "lock", file->name));
  co_return code == 0;
}

Wanted wanted_for(FileLockMode mode) noexcept {
  return mode == FileLockMode::shared ? Wanted::shared : Wanted::exclusive;
}

// Throws where there is nothing to try.
void check(const Counted<FileState>& file, const LockedRange& range) {
  FileAccess::check_usable(file);
  const bool beyond = !is_offset(range.offset) || !is_offset(range.length) ||
                      !is_offset(range.offset + range.length);
  if (beyond) no_offset(file->name).raise();
}

constexpr Duration first_pause = std::chrono::milliseconds(1);
constexpr Duration longest_pause = std::chrono::milliseconds(50);

}  // namespace

Task<FileLock> internal::lock_file(Counted<FileState> file, LockedRange range, FileLockMode mode) {
  check(file, range);
  for (Duration pause = first_pause;; pause = std::min(2 * pause, longest_pause)) {
    EDDY_TRY(auto locked, try_once(file, range, wanted_for(mode)));
    if (locked) co_return FileLock(std::move(file), range);
    EDDY_DO(sleep(pause));
  }
}

Task<std::optional<FileLock>> internal::try_lock_file(Counted<FileState> file, LockedRange range,
                                                      FileLockMode mode) {
  check(file, range);
  EDDY_TRY(auto locked, try_once(file, range, wanted_for(mode)));
  if (!locked) co_return std::nullopt;
  co_return FileLock(std::move(file), range);
}

void FileLock::release() noexcept {
  if (held() && process_ == process_mark) {
    const int code = set_lock(file_->fd, range_, Wanted::none);
    EDDY_ASSERT(code != EAGAIN);
    static_cast<void>(code);
  }
  file_ = {};
}

}  // namespace eddy
