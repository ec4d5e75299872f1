#include "root.hpp"

#include <eddy/core/internal/operation.hpp>

#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace http {

using namespace eddy;

Root::Root(const char* directory)
    : directory_(::open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!directory_) throw Error(errno, "open", directory);
}

// What the kernel has in its caches is opened at once, by a call that refuses to wait for a disk;
// for anything else the ring waits. A descriptor, or a negative error.
static Task<int> open_below(int directory, const char* path) {
  struct open_how how {};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;  // a FIFO without a writer keeps nobody waiting
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_CACHED;
  const auto fd = ::syscall(SYS_openat2, directory, path, &how, sizeof how);
  if (fd >= 0) co_return static_cast<int>(fd);
  if (errno != EAGAIN) co_return -errno;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  internal::Request request;  // no verb of eddy's opens so: a request of the program's own
  request.opcode = IORING_OP_OPENAT2;
  request.fd = directory;
  request.address = internal::address_of(path);
  request.length = sizeof how;
  request.offset = internal::address_of(&how);
  const auto opened = co_await as_result(internal::Operation(request, "open"));
  co_return opened ? *opened : -opened.error().value();
}

Task<Found> Root::open(const std::string& path) const {
  Found found;
  const int fd = co_await open_below(directory_.get(), path.c_str());
  UniqueFd owner(fd);
  struct stat stat;
  if (fd < 0 || ::fstat(fd, &stat) < 0) {
    found.error = fd < 0 ? -fd : errno;
  } else if (!S_ISREG(stat.st_mode)) {
    found.error = EACCES;
  } else {
    ::fcntl(fd, F_SETFL, 0);  // with O_NONBLOCK the ring would not wait for the disk
    found.file = File::adopt(owner.release(), "rb", true, {.buffering = 0});
    found.version = {.modified = stat.st_mtim.tv_sec,
                     .nanoseconds = static_cast<std::uint32_t>(stat.st_mtim.tv_nsec),
                     .size = static_cast<std::uint64_t>(stat.st_size)};
  }
  co_return found;
}

}  // namespace http
