// fs::copyfile: blocks are shared where the file system can; otherwise the data goes through a pipe
// by splice(2), page by page and never to user space: faster than copy_file_range(2) and than
// reading and writing.
#include <eddy/base/internal/sys.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/file.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/internal/path.hpp>

#include <linux/fs.h>
#include <linux/io_uring.h>

#include <memory>

namespace eddy {
using namespace internal;
namespace {

// As much as one step moves while the loop is held: some 60 us from the page cache.
constexpr std::size_t chunk = 256 * 1024;
constexpr int pipe_size = 1024 * 1024;

// Moves up to `size` bytes between a file and a pipe.
Task<std::size_t> splice(int from, int to, std::size_t size, const FileState& owner) {
  EDDY_ASSERT(size > 0);
  constexpr std::uint64_t own_position = ~std::uint64_t{0};
  const Request request{.opcode = IORING_OP_SPLICE,
                        .fd = to,
                        .offset = own_position,
                        .address = own_position,
                        .length = static_cast<std::uint32_t>(size),
                        .op_flags = SPLICE_F_MOVE,
                        .file_index = static_cast<std::uint32_t>(from)};
  const auto call = [from, to, size] {
    return sys::splice(from, nullptr, to, nullptr, size, SPLICE_F_MOVE);
  };
  EDDY_TRY(auto moved, perform(request, "copy", *owner.mount, owner.policy, owner.name, call));
  EDDY_ASSERT(static_cast<std::size_t>(moved) <= size);
  co_return static_cast<std::size_t>(moved);
}

// Shares the blocks where the file system can (btrfs, xfs).
Task<bool> clone(FileState& from, FileState& to) {
  // There is no request for it, and a remote file system must not be asked by a plain call.
  if (!Storage::current().inline_allowed(*to.mount, to.policy)) co_return false;
  auto cloned = co_await as_outcome(
      perform({.opcode = no_opcode}, "copy", *to.mount, to.policy, to.name,
              [source = from.fd, target = to.fd] { return sys::ioctl(target, FICLONE, source); }));
  // Whatever else it is: copying finds out whether that is in its way too.
  if (!cloned && !cloned.error().is_error()) co_await fail(std::move(cloned.error()));
  co_return cloned.has_value();
}

// For what cannot be spliced: some files of /proc, some file systems.
Task<std::uint64_t> copy_through_memory(FileState& from, FileState& to) {
  std::unique_ptr<std::byte[]> memory(new std::byte[chunk]);
  for (std::uint64_t total = 0;;) {
    EDDY_TRY(auto got, from.read_raw(MutableBytes(memory.get(), chunk)));
    if (got == 0) co_return total;
    for (std::size_t done = 0; done < got;) {
      EDDY_TRY(auto put, to.write_raw(Bytes(memory.get() + done, got - done)));
      EDDY_ASSERT(put > 0);
      done += put;
    }
    total += got;
  }
}

Task<std::uint64_t> copy_through_pipe(FileState& from, FileState& to) {
  int ends[2];
  if (sys::pipe2(ends, O_CLOEXEC) < 0) co_await fail(Failure::error(errno, "copy", to.name));
  const UniqueFd out(ends[0]);
  const UniqueFd in(ends[1]);
  static_cast<void>(sys::fcntl(in.get(), F_SETPIPE_SZ, pipe_size));  // smaller where not allowed
  std::uint64_t total = 0;
  for (;;) {
    // A worker holds nobody, and each step costs a way there and back.
    const bool inline_ = Storage::current().inline_allowed(*to.mount, to.policy);
    const std::size_t step = inline_ ? chunk : pipe_size;
    EDDY_TRY(auto loaded, splice(from.fd, in.get(), step, from));
    if (loaded == 0) co_return total;
    for (std::size_t left = loaded; left > 0;) {
      EDDY_TRY(auto stored, splice(out.get(), to.fd, left, to));
      EDDY_ASSERT(stored > 0);
      left -= stored;
      total += stored;
    }
  }
}

// ... or there is no descriptor left for a pipe.
bool cannot_splice(int code) noexcept {
  return code == EINVAL || code == EOPNOTSUPP || code == ENOSYS || code == EPERM ||
         code == EMFILE || code == ENFILE;
}

Task<std::uint64_t> copy_all(FileState& from, FileState& to, std::uint64_t size) {
  EDDY_TRY(auto cloned, clone(from, to));
  if (cloned) co_return size;
  auto copied = co_await as_outcome(copy_through_pipe(from, to));
  if (copied) co_return *copied;
  // Refused by the one end or the other, or by a filter of system calls. Reading begins anew: it
  // names its offsets.
  if (!copied.error().is_error() || !cannot_splice(copied.error().code())) {
    co_await fail(std::move(copied.error()));
  }
  EDDY_TRY(auto again, copy_through_memory(from, to));
  co_return again;
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
  if (there->inode == source.inode && there->device == source.device) {
    co_await fail(Failure::error(EINVAL, "copy a file to itself", path));
  }
  if (S_ISFIFO(there->mode)) co_await fail(Failure::error(EINVAL, "copy to", path));
}

Task<File> open_target(Text path, unsigned permissions) {
  EDDY_TRY(auto file, open_now(path, "wb", {.permissions = permissions}));
  struct stat stat;
  if (sys::fstat(file.fileno(), &stat) < 0) co_await fail(Failure::error(errno, "stat", path));
  if (S_ISFIFO(stat.st_mode)) co_await fail(Failure::error(EINVAL, "copy to", path));
  // There may have been one with others, and open(2) took the umask off. A device keeps its own.
  if (S_ISREG(stat.st_mode) && sys::fchmod(file.fileno(), permissions) < 0) {
    co_await fail(Failure::error(errno, "chmod", path));
  }
  may_wait_again(file.fileno(), O_WRONLY);
  co_return std::move(file);
}

}  // namespace

Task<std::uint64_t> fs::copyfile(Text from, Text to) {
  static_cast<void>(path_of(to));  // before anything is done
  FileStat stat;
  EDDY_TRY(auto source, open_source(from, stat));
  EDDY_ASSERT(stat.is_file());
  EDDY_DO(check_target(to, stat));
  EDDY_TRY(auto target, open_target(to, stat.mode & 0777));
  EDDY_TRY(auto copied, copy_all(FileAccess::of(source), FileAccess::of(target), stat.size));
  EDDY_DO(target.close());
  co_return copied;
}

}  // namespace eddy
