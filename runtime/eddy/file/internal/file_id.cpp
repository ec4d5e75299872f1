#include <eddy/file/internal/file_id.hpp>

#include <eddy/file/file_stat.hpp>

#include <fcntl.h>
#include <sys/sysmacros.h>

namespace eddy::internal {

std::optional<FileId> id_of(int fd) noexcept {
  struct statx found;
  constexpr int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
  if (statx_or_older(fd, "", flags, found) < 0) return std::nullopt;
  return FileId{::makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino};
}

}  // namespace eddy::internal
