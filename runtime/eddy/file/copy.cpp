// fs::copyfile and fs::copy: the file system shares the blocks where it can; otherwise a Transfer
// moves the data.
#include <eddy/file/copy.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/file.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/internal/path.hpp>
#include <eddy/file/internal/thread_call.hpp>
#include <eddy/file/internal/transfer.hpp>

#include <linux/fs.h>

#include <algorithm>
#include <optional>

namespace eddy {
using namespace internal;
namespace {

// Shares the blocks where the file system can (btrfs, xfs).
Task<bool> clone(FileState& from, FileState& to) {
  auto cloned = co_await as_outcome(
      perform_plainly("copy", *to.mount, to.policy, to.name,
              [source = from.fd, target = to.fd] { return sys::ioctl(target, FICLONE, source); }));
  // Whatever else it is: copying finds out whether that is in its way too.
  if (!cloned && !cloned.error().is_error()) co_await fail(std::move(cloned.error()));
  co_return cloned.has_value();
}

// Where the data at or after `place` begins and ends; from the end of the file on there is none. A
// file system that knows no holes says that all of it is data.
struct Data {
  std::uint64_t begin;
  std::uint64_t end;
};

Task<std::optional<Data>> find_data(FileState& file, std::uint64_t place) {
  off_t begin = 0;
  off_t end = 0;
  const auto call = [fd = file.fd, place = static_cast<off_t>(place), &begin, &end] {
    begin = sys::lseek(fd, place, SEEK_DATA);
    end = begin < 0 ? -1 : sys::lseek(fd, begin, SEEK_HOLE);
    return end < 0 ? -1 : 0;
  };
  auto found = co_await as_outcome(
      perform_plainly("copy", *file.mount, file.policy, file.name, call));
  if (!found && found.error().is_error(ENXIO)) co_return std::nullopt;
  if (!found && found.error().is_error(EINVAL)) co_return Data{place, Transfer::to_the_end};
  if (!found) co_await fail(std::move(found.error()));
  EDDY_ASSERT(end >= begin);  // equal: somebody has made a hole there meanwhile
  co_return Data{static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end)};
}

// The data to their places, and nothing in between; a hole at the end is made by the size.
Task<> copy_data(Transfer& transfer, FileState& from, FileState& to) {
  std::uint64_t place = 0;
  for (;;) {
    EDDY_TRY(auto data, find_data(from, place));
    if (!data) break;
    EDDY_TRY(auto moved, transfer.move(data->begin, data->begin, data->end - data->begin));
    place = data->begin + moved;
    if (place < data->end) break;  // it has become shorter
  }
  EDDY_TRY(auto size, from.end());
  if (static_cast<std::uint64_t>(size) <= place) co_return;
  EDDY_DO(perform_plainly("truncate", *to.mount, to.policy, to.name,
                  [fd = to.fd, size] { return sys::ftruncate(fd, size); }));
}

Task<std::uint64_t> copy_all(FileState& from, FileState& to, FileStat stat,
                             const OnCopied& on_copied) {
  EDDY_TRY(auto cloned, clone(from, to));
  if (cloned) co_return stat.size;
  Transfer::Report report;
  if (on_copied) report = [&](std::uint64_t done) { on_copied(done, std::max(done, stat.size)); };
  Transfer transfer(from, to, report);
  bool sparse = stat.blocks * 512 < stat.size && to.seeks();
  if (sparse) {  // what is in a device would show where nothing is written
    EDDY_TRY(const FileStat target, to.stat());
    sparse = target.is_file();
  }
  if (sparse) {
    EDDY_DO(copy_data(transfer, from, to));
    co_return std::max(stat.size, transfer.done());
  }
  const std::uint64_t place = to.seeks() ? 0 : Transfer::own_position;
  EDDY_DO(transfer.move(0, place, Transfer::to_the_end));
  co_return transfer.done();
}

// Takes O_NONBLOCK back, which makes the ring answer EAGAIN for what is not in the cache.
void may_wait_again(int fd, int flags) noexcept {
  static_cast<void>(sys::fcntl(fd, F_SETFL, flags));
}

// O_NONBLOCK, so that a FIFO that is put there meanwhile holds nobody. What somebody has a lease on
// answers EAGAIN then, which no FIFO does: that waits until he gives it up.
Task<File> open_now(Text path, const char* mode, OpenOptions options) {
  options.flags |= O_NONBLOCK;
  auto file = co_await as_outcome(open(path, mode, options));
  if (!file && file.error().is_error(EAGAIN)) {
    options.flags &= ~O_NONBLOCK;
    file = co_await as_outcome(open(path, mode, options));
  }
  if (!file) co_await fail(std::move(file.error()));
  co_return std::move(*file);
}

// Opening a FIFO would wait for its other end, or let that one go on and then find nobody there:
// looks before.
Task<File> open_source(Text path, FileStat& stat) {
  EDDY_TRY(const FileStat before, fs::stat(path));
  if (before.is_dir()) co_await fail(Failure::error(EISDIR, "copy", path));
  if (!before.is_file()) co_await fail(Failure::error(EINVAL, "copy", path));
  EDDY_TRY(auto file, open_now(path, "rb", {}));
  EDDY_TRY(stat, file.stat());
  if (!stat.is_file()) co_await fail(Failure::error(EINVAL, "copy", path));
  may_wait_again(file.fileno(), O_RDONLY);
  co_return std::move(file);
}

// Fails with EINVAL for the source itself, and for a FIFO, whose reader could take any time.
Task<> check_target(Text path, FileStat source) {
  auto there = co_await as_outcome(fs::stat(path));
  if (!there && there.error().is_error(ENOENT)) co_return;
  if (!there) co_await fail(std::move(there.error()));
  if (id_of(*there) == id_of(source)) {
    co_await fail(Failure::error(EINVAL, "copy a file to itself", path));
  }
  if (S_ISFIFO(there->mode)) co_await fail(Failure::error(EINVAL, "copy to", path));
}

// There may have been one with other permissions, and open(2) took the umask off. A device keeps
// its own. 0, or -1 and errno: EINVAL for a FIFO.
int give_permissions(int fd, mode_t permissions) {
  struct stat stat;
  if (sys::fstat(fd, &stat) < 0) return -1;
  if (S_ISFIFO(stat.st_mode)) return errno = EINVAL, -1;
  const bool has_them = !S_ISREG(stat.st_mode) || (stat.st_mode & 07777) == permissions;
  return has_them ? 0 : sys::fchmod(fd, permissions);
}

Task<File> open_target(Text path, unsigned permissions) {
  EDDY_TRY(auto file, open_now(path, "wb", {.permissions = permissions}));
  FileState& state = FileAccess::of(file);
  EDDY_DO(perform_plainly(
      "copy to", *state.mount, state.policy, path,
      [fd = state.fd, permissions] { return give_permissions(fd, permissions); }));
  may_wait_again(state.fd, O_WRONLY);
  co_return std::move(file);
}

// `stat` is what was known of it before it was read.
Task<std::uint64_t> copy_regular(Text from, Text to, const OnCopied& on_copied, FileStat& stat) {
  static_cast<void>(path_of(to));  // before anything is done
  EDDY_TRY(auto source, open_source(from, stat));
  EDDY_ASSERT(stat.is_file());
  EDDY_DO(check_target(to, stat));
  EDDY_TRY(auto target, open_target(to, stat.mode & 0777));
  FileState& in = FileAccess::of(source);
  FileState& out = FileAccess::of(target);
  EDDY_TRY(auto copied, copy_all(in, out, stat, on_copied));
  EDDY_DO(target.close());
  if (on_copied) on_copied(copied, copied);
  co_return copied;
}

// The last component.
std::string_view name_of(std::string_view path) noexcept {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);
}

// The same, or the link that it is where links are not to be followed.
Task<std::uint64_t> copy_either(Text from, Text to, bool follow_symlinks,
                                const OnCopied& on_copied, FileStat& stat) {
  if (!follow_symlinks) {
    EDDY_TRY(stat, fs::lstat(from));
    if (stat.is_symlink()) {
      EDDY_TRY(auto target, fs::readlink(from));
      EDDY_DO(fs::symlink(target, to));
      co_return 0;
    }
  }
  EDDY_TRY(auto copied, copy_regular(from, to, on_copied, stat));
  co_return copied;
}

}  // namespace

Task<std::uint64_t> internal::copy_bytes(Text from, Text to, bool follow_symlinks,
                                         OnCopied on_copied) {
  FileStat stat;
  EDDY_TRY(auto copied, copy_either(from, to, follow_symlinks, on_copied, stat));
  co_return copied;
}

Task<std::string> internal::copy_file(Text from, Text to, bool follow_symlinks,
                                      OnCopied on_copied) {
  static_cast<void>(path_of(from));
  EDDY_TRY(auto into, fs::is_dir(to));
  if (into) to = Text(std::string(to.view()) + '/' + std::string(name_of(from.view())));
  FileStat stat;
  EDDY_DO(copy_either(from, to, follow_symlinks, on_copied, stat));
  if (stat.is_symlink()) {
    EDDY_DO(copy_known(from, to, false, Known::all));
  } else {
    EDDY_DO(copy_known(from, to, true, Known::permissions_and_attributes));
    EDDY_DO(fs::utime(to, stat.accessed, stat.modified));  // reading has changed the first
  }
  co_return std::string(to.view());
}

Task<std::uint64_t> fs::copyfile(Text from, Text to, CopyOptions options) {
  return copy_bytes(std::move(from), std::move(to), options.follow_symlinks, nullptr);
}
Task<std::string> fs::copy(Text from, Text to, CopyOptions options) {
  return copy_file(std::move(from), std::move(to), options.follow_symlinks, nullptr);
}

}  // namespace eddy
