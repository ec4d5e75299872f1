#include <eddy/io/file_stat.hpp>

#include <eddy/io/file_call.hpp>

#include <fcntl.h>
#include <linux/io_uring.h>

namespace eddy {
namespace {

FileTime to_time(const struct statx_timestamp& stamp) {
  return FileTime(std::chrono::seconds(stamp.tv_sec) + std::chrono::nanoseconds(stamp.tv_nsec));
}

FileStat to_stat(const struct statx& from) {
  FileStat stat;
  stat.size = from.stx_size;
  stat.inode = from.stx_ino;
  stat.blocks = from.stx_blocks;
  stat.mode = from.stx_mode;
  stat.links = from.stx_nlink;
  stat.user = from.stx_uid;
  stat.group = from.stx_gid;
  stat.block_size = from.stx_blksize;
  stat.device = std::uint64_t{from.stx_dev_major} << 32 | from.stx_dev_minor;
  stat.accessed = to_time(from.stx_atime);
  stat.modified = to_time(from.stx_mtime);
  stat.changed = to_time(from.stx_ctime);
  return stat;
}

}  // namespace

Task<FileStat> read_stat(int fd, Text path, int flags, Storage::Mount& mount, FilePolicy policy,
                         Text subject) {
  struct statx buffer;
  Request request;
  request.opcode = IORING_OP_STATX;
  request.fd = fd;
  request.address = address_of(path.c_str());
  request.length = STATX_BASIC_STATS;
  request.offset = address_of(&buffer);
  request.op_flags = static_cast<std::uint32_t>(flags);
  auto done = co_await as_outcome(perform(
      request, "stat", mount, policy, subject, [fd, text = path.c_str(), flags, into = &buffer] {
        return ::statx(fd, text, flags, STATX_BASIC_STATS, into);
      }));
  if (!done) co_await fail(std::move(done.error()));
  co_return to_stat(buffer);
}

}  // namespace eddy
