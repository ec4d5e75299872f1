// write_atomic(): a temporary file beside the old one, synced and renamed over it, and then the
// directory synced.
#include <eddy/file/write_atomic.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/file.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/internal/final_sync.hpp>
#include <eddy/file/internal/temporary_name.hpp>
#include <eddy/file/internal/thread_call.hpp>

#include <optional>

namespace eddy {
using namespace internal;
namespace {

// What is to become the new file. If it did not, it is removed by discard(); where not even that
// can wait any more, by a plain call.
struct Replacement {
  Replacement() = default;
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  ~Replacement() { if (!path.empty()) sys::unlink(path.c_str()); }

  Text path;
  ParentDirectory directory;
};

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

// A file with a name that nobody has. What was made is removed also when opening it fails then.
Task<File> create(Text path, unsigned permissions, Replacement& replacement) {
  for (int tries = 1;; ++tries) {
    replacement.path = name_beside(path.view());
    auto file = co_await as_outcome(
        open(replacement.path, "xb", {.buffering = 0, .permissions = permissions}));
    if (file) co_return std::move(*file);
    const bool taken = file.error().is_error(EEXIST);
    if (taken) replacement.path = Text();
    if (!taken || tries == most_names) {
      co_await fail(named(std::move(file.error()), "make a temporary file beside", path));
    }
  }
}

// The owner and the group as far as this user may give them away, and then the permissions, of
// which chown(2) takes some. With another owner none that make a program run as its owner; the rest
// of these the write takes, where it comes from somebody who may not give them.
int take_after(int fd, const FileStat& old) {
  struct stat now;
  if (sys::fstat(fd, &now) < 0) return -1;
  bool same_owner = now.st_uid == old.user && now.st_gid == old.group;
  if (!same_owner) {
    same_owner = sys::fchown(fd, old.user, old.group) == 0;
    if (!same_owner) static_cast<void>(!sys::fchown(fd, static_cast<uid_t>(-1), old.group));
  }
  const unsigned permissions = old.mode & (same_owner ? 07777 : 0777);
  return (now.st_mode & 07777) == permissions ? 0 : sys::fchmod(fd, permissions);
}

Task<> fill(File& file, Text path, Bytes bytes, std::optional<FileStat> old, bool durable) {
  if (old) {
    FileState& state = FileAccess::of(file);
    EDDY_DO(perform_plainly("chmod", *state.mount, state.policy, path,
                    [fd = state.fd, &old] { return take_after(fd, *old); }));
  }
  EDDY_DO(file.write(bytes));
  if (durable) EDDY_DO(file.sync());
}

// All but the rename: what is there afterwards is on the disk.
Task<> prepare(Text path, Bytes bytes, WriteAtomicOptions options, Replacement& replacement) {
  EDDY_TRY(auto old, find_old(path));
  if (options.durable) EDDY_DO(open_directory_of(path, replacement.directory));
  // Nobody else may open it before it has its owner.
  EDDY_TRY(auto file, create(path, old ? 0600 : options.permissions, replacement));
  auto filled = co_await as_outcome(fill(file, path, bytes, old, options.durable));
  if (filled && replacement.directory.whole_system) {
    const int code = use_instead(replacement.directory, file.fileno());
    if (code) filled = std::unexpected(Failure::error(code, "open"));
  }
  if (filled) filled = co_await as_outcome(file.close());
  if (!filled) {  // told of the file that it is for, not of one that nobody knows
    const std::string_view verb = filled.error().operation();
    co_await fail(named(std::move(filled.error()), verb, path));
  }
  EDDY_ASSERT(!replacement.path.empty());
}

Task<> replace(Text path, Bytes bytes, WriteAtomicOptions options, Replacement& replacement) {
  EDDY_DO(prepare(path, bytes, options, replacement));
  auto renamed = co_await as_outcome(fs::rename(replacement.path, path));
  if (renamed) {
    replacement.path = Text();
    co_return;
  }
  const bool mounted = renamed.error().is_error(EBUSY);
  co_await fail(named(std::move(renamed.error()),
                        mounted ? "replace what is mounted (write_bytes() writes into it)"
                                : "replace",
                        path));
}

// A second cancel ends the wait, and stays pending.
Task<> discard(Replacement& replacement) {
  if (replacement.path.empty()) co_return;
  auto gone = co_await as_outcome(fs::remove(replacement.path));
  // What could not be removed, or is not there, no call that holds the loop is to try again.
  if (gone || gone.error().is_error()) replacement.path = Text();
  if (!gone && gone.error().is_cancelled()) thread_state.task->keep_cancel_pending();
}

}  // namespace

Task<> write_atomic(Text path, Bytes bytes, WriteAtomicOptions options) {
  Replacement replacement;
  auto replaced = co_await as_outcome(replace(path, bytes, options, replacement));
  if (!replaced) {
    EDDY_DO(discard(replacement));
    co_await fail(std::move(replaced.error()));
  }
  EDDY_ASSERT(replacement.path.empty());
  if (!options.durable) co_return;
  const ParentDirectory& directory = replacement.directory;
  Expected<int> safe = 0;
  if (directory.whole_system) {
    safe = co_await as_outcome(sync_whole_system(directory));
  } else {
    safe = co_await as_outcome(FinalSync(directory.fd.get(), *directory.mount));
  }
  // Some file systems cannot sync a directory (EINVAL): then the rename is as safe as it can be.
  if (!safe && safe.error().code() != EINVAL) {
    co_await fail(named(std::move(safe.error()), "sync the directory after replacing", path));
  }
}

}  // namespace eddy
