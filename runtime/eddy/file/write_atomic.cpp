// write_atomic(): a temporary file beside the old one, synced and renamed over it, and then the
// directory synced.
#include <eddy/base/internal/sys.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/internal/path.hpp>
#include <eddy/file/whole_file.hpp>

#include <linux/io_uring.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <optional>

namespace eddy {
using namespace internal;
namespace {

// What is to become the new file. Removed unless it did, by a plain call: that must not wait.
struct Replacement {
  Replacement() = default;
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  ~Replacement() { if (!path.empty()) sys::unlink(path.c_str()); }

  Text path;
  UniqueFd place;             // the directory, for its sync after the rename
  Storage::Mount* mount = nullptr;  // ... that it is on
  bool whole_system = false;  // ... which nobody may read: then a file, and all of its file system
};

std::string_view directory_of(std::string_view path) noexcept {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : path.substr(0, slash + 1);
}

std::uint64_t random_bits() noexcept {
  std::uint64_t bits;
  if (sys::getrandom(&bits, sizeof bits, GRND_NONBLOCK) == sizeof bits) return bits;
  static std::atomic<std::uint64_t> calls = 0;  // refused, or the machine has just been switched on
  const auto now = Loop::current().clock().time_since_epoch().count();
  return (static_cast<std::uint64_t>(now) + ++calls) * 0x9e3779b97f4a7c15u;
}

// Random, so that what a crash left behind is in nobody's way; and short however long the name of
// the file is, which may have as many bytes as a name can.
Text name_beside(std::string_view path) {
  std::string name = ".tmp-";
  for (std::uint64_t bits = random_bits(), letters = 12; letters > 0; --letters, bits >>= 5) {
    name += "abcdefghijklmnopqrstuvwxyz234567"[bits % 32];
  }
  const std::string_view directory = directory_of(path);
  const auto room = PATH_MAX - 1 - static_cast<std::int64_t>(directory.size());
  if (room < static_cast<std::int64_t>(name.size())) {
    name.erase(0, name.size() - static_cast<std::size_t>(std::max<std::int64_t>(room, 1)));
  }
  EDDY_ASSERT(!name.empty());
  return Text(std::string(directory) + name);
}

// The file that is to be replaced, if there is one.
Task<std::optional<FileStat>> find_old(Text path) {
  auto found = co_await as_outcome(fs::stat(path));
  if (!found && found.error().is_error(ENOENT)) co_return std::nullopt;
  if (!found) co_await fail(std::move(found.error()));
  if (!found->is_file()) {
    co_await fail(Failure::error(found->is_dir() ? EISDIR : EINVAL, "replace", path));
  }
  co_return *found;
}

// Before the new file is in its place, so that it cannot fail after that.
Task<> open_place(Text path, Replacement& replacement) {
  const std::string_view name = directory_of(path.view());
  const Text directory(name.empty() ? std::string_view(".") : name);
  Storage& storage = Storage::current();
  replacement.mount = &storage.mount_of(directory.view());
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  const Request request{.opcode = IORING_OP_OPENAT,
                        .fd = AT_FDCWD,
                        .address = address_of(path_of(directory)),
                        .op_flags = flags};
  auto fd = co_await as_outcome(
      perform(request, "open", *replacement.mount, storage.policy(), directory,
              [text = directory.c_str()] { return sys::open(text, flags); }));
  replacement.whole_system = !fd && fd.error().is_error(EACCES);
  if (!fd && !replacement.whole_system) co_await fail(std::move(fd.error()));
  if (fd) replacement.place.reset(*fd);
}

// A file with a name that nobody has. What was made is removed also when opening it fails then.
Task<File> create(Text path, unsigned permissions, Replacement& replacement) {
  for (int tries = 1;; ++tries) {
    replacement.path = name_beside(path.view());
    auto file = co_await as_outcome(
        open(replacement.path, "xb", {.buffering = 0, .permissions = permissions}));
    if (file) co_return std::move(*file);
    const bool taken = file.error().is_error(EEXIST);
    if (taken) replacement.path = Text();
    if (!taken || tries == 100) co_await fail(std::move(file.error()));
  }
}

// The owner and the group as far as this user may give them away, and the permissions, of which
// chown(2) takes some; but not what makes a program run as its owner.
int take_after(int fd, const FileStat& old) {
  struct stat now;
  if (sys::fstat(fd, &now) < 0) return -1;
  if ((now.st_uid != old.user || now.st_gid != old.group) &&
      sys::fchown(fd, old.user, old.group) < 0) {
    static_cast<void>(!sys::fchown(fd, static_cast<uid_t>(-1), old.group));
  }
  const unsigned permissions = old.mode & 0777;
  return (now.st_mode & 0777) == permissions ? 0 : sys::fchmod(fd, permissions);
}

// All but the rename: what is there afterwards is on the disk.
Task<> prepare(Text path, Bytes bytes, Replacement& replacement) {
  EDDY_TRY(auto old, find_old(path));
  EDDY_DO(open_place(path, replacement));
  // Nobody else may open it before it has its owner.
  EDDY_TRY(auto file, create(path, old ? 0600 : 0666, replacement));
  if (old && take_after(file.fileno(), *old) < 0) {
    co_await fail(Failure::error(errno, "chmod", replacement.path));
  }
  EDDY_DO(file.write(bytes));
  EDDY_DO(file.sync());
  if (replacement.whole_system) {
    replacement.place.reset(sys::fcntl(file.fileno(), F_DUPFD_CLOEXEC, 0));
    if (!replacement.place) co_await fail(Failure::error(errno, "open", replacement.path));
  }
  EDDY_DO(file.close());
  EDDY_ASSERT(replacement.place);
  EDDY_ASSERT(!replacement.path.empty());
}

// The sync after the rename, when there is no way back: a cancel stays pending, and what the kernel
// did not sync because of it is synced by a plain call.
class FinalSync : public Operation {
 public:
  explicit FinalSync(const Replacement& replacement) noexcept
      : Operation({.opcode = IORING_OP_FSYNC, .fd = replacement.place.get()}, "sync"),
        replacement_(replacement) {
    EDDY_ASSERT(replacement.place);
    EDDY_ASSERT(replacement.path.empty());  // it is in its place
  }

  bool await_ready() const noexcept { return replacement_.whole_system; }  // there is no request
  void await_suspend(std::coroutine_handle<> frame) {
    if (replacement_.mount->remote) remote_.begin(Storage::current());
    Operation::await_suspend(frame);
  }
  Expected<int> await_outcome() {
    const int code = replacement_.whole_system || was_not_done() ? sync_now() : -result();
    if (was_cancelled() || cancel_requested()) thread_state.task->keep_cancel_pending();
    if (code > 0) return std::unexpected(Failure::error(code, name()));
    return 0;
  }

 private:
  bool was_not_done() const noexcept {
    const int code = -result();
    return code == ECANCELED || code == EINTR || code == EAGAIN || code == EACCES;
  }
  int sync_now() const noexcept {
    const int fd = replacement_.place.get();
    int done;
    do {
      done = replacement_.whole_system ? sys::syncfs(fd) : sys::fsync(fd);
    } while (done < 0 && errno == EINTR);
    return done < 0 ? errno : 0;
  }

  const Replacement& replacement_;
  Storage::RemoteCall remote_;
};

}  // namespace

Task<> write_atomic(Text path, Bytes bytes) {
  Replacement replacement;
  EDDY_DO(prepare(path, bytes, replacement));
  EDDY_DO(fs::rename(replacement.path, path));
  replacement.path = Text();
  auto safe = co_await as_outcome(FinalSync(replacement));
  // Some file systems cannot sync a directory (EINVAL): then the rename is as safe as it can be.
  if (!safe && safe.error().code() != EINVAL) {
    co_await fail(Failure::error(safe.error().code(), "sync the directory after replacing", path));
  }
}

}  // namespace eddy
