#include <eddy/file/file_stat.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/file_call.hpp>
#include <eddy/file/internal/path.hpp>

#include <linux/io_uring.h>
#include <sys/sysmacros.h>

namespace eddy {
using namespace internal;
namespace {

struct statx_timestamp to_stamp(const timespec& time) {
  struct statx_timestamp stamp {};
  stamp.tv_sec = time.tv_sec;
  stamp.tv_nsec = static_cast<std::uint32_t>(time.tv_nsec);
  return stamp;
}

// The same by the older call, for a filter of system calls that does not know the newer one.
int older_statx(int fd, const char* path, int flags, struct statx& into) {
  struct stat found;
  if (sys::fstatat(fd, path, &found, flags & ~AT_STATX_SYNC_TYPE) < 0) return -1;
  into.stx_size = static_cast<std::uint64_t>(found.st_size);
  into.stx_ino = found.st_ino;
  into.stx_blocks = static_cast<std::uint64_t>(found.st_blocks);
  into.stx_mode = static_cast<std::uint16_t>(found.st_mode);
  into.stx_nlink = static_cast<std::uint32_t>(found.st_nlink);
  into.stx_uid = found.st_uid;
  into.stx_gid = found.st_gid;
  into.stx_blksize = static_cast<std::uint32_t>(found.st_blksize);
  into.stx_dev_major = ::major(found.st_dev);
  into.stx_dev_minor = ::minor(found.st_dev);
  into.stx_atime = to_stamp(found.st_atim);
  into.stx_mtime = to_stamp(found.st_mtim);
  into.stx_ctime = to_stamp(found.st_ctim);
  return 0;
}

}  // namespace

FileTime internal::to_time(const struct statx_timestamp& stamp) {
  constexpr std::int64_t second = 1'000'000'000;
  // Of times before 1970 the nanoseconds count from an earlier second: with both of one sign
  // nothing overflows before the sum does.
  const bool before = stamp.tv_sec < 0;
  const std::int64_t rest = stamp.tv_nsec - (before ? second : 0);
  std::int64_t count = 0;
  if (__builtin_mul_overflow(stamp.tv_sec + (before ? 1 : 0), second, &count) ||
      __builtin_add_overflow(count, rest, &count)) {
    return before ? FileTime::min() : FileTime::max();
  }
  return FileTime(std::chrono::nanoseconds(count));
}

FileStat internal::to_stat(const struct statx& from) {
  FileStat stat;
  stat.size = from.stx_size;
  stat.inode = from.stx_ino;
  stat.blocks = from.stx_blocks;
  stat.mode = from.stx_mode;
  stat.links = from.stx_nlink;
  stat.user = from.stx_uid;
  stat.group = from.stx_gid;
  stat.block_size = from.stx_blksize;
  stat.device = ::makedev(from.stx_dev_major, from.stx_dev_minor);
  stat.accessed = to_time(from.stx_atime);
  stat.modified = to_time(from.stx_mtime);
  stat.changed = to_time(from.stx_ctime);
  return stat;
}

int internal::statx_or_older(int fd, const char* path, int flags, struct statx& into) {
  const int done = sys::statx(fd, path, flags, STATX_BASIC_STATS, &into);
  const bool refused = done < 0 && (errno == EPERM || errno == ENOSYS);
  return refused ? older_statx(fd, path, flags, into) : done;
}

bool internal::is_fifo(int fd) noexcept {
  struct stat found;
  return sys::fstat(fd, &found) == 0 && S_ISFIFO(found.st_mode);
}

Task<FileStat> internal::read_stat(int fd, Text path, int flags, Storage::Mount& mount,
                                   FilePolicy policy, Text subject) {
  struct statx buffer;
  const Request request{.opcode = IORING_OP_STATX,
                        .fd = fd,
                        .offset = address_of(&buffer),
                        .address = address_of(path_of(path)),
                        .length = STATX_BASIC_STATS,
                        .op_flags = static_cast<std::uint32_t>(flags)};
  const auto call = [fd, text = path.c_str(), flags, into = &buffer] {
    return statx_or_older(fd, text, flags, *into);
  };
  EDDY_DO(perform(request, "stat", mount, policy, subject, call));
  co_return to_stat(buffer);
}

}  // namespace eddy
