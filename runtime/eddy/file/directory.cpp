#include <eddy/file/directory.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/path.hpp>

#include <linux/io_uring.h>

namespace eddy {
using namespace internal;

Task<Directory> open_directory(Text path) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  Storage& storage = Storage::current();
  Storage::Mount& mount = storage.mount_of(path.view());
  const Request request{.opcode = IORING_OP_OPENAT,
                        .fd = AT_FDCWD,
                        .address = address_of(path_of(path)),
                        .op_flags = flags};
  const auto call = [text = path.c_str()] { return sys::open(text, flags); };
  EDDY_TRY(auto fd, perform(request, "open", mount, storage.policy(), path, call));
  EDDY_ASSERT(fd >= 0);
  UniqueFd owner(fd);
  const FileMode mode = FileMode::from(OpenFlags{flags});
  const Counted<FileState> state(
      new FileState(owner.get(), true, mode, path, 0, storage.policy(), storage, mount));
  owner.release();
  EDDY_ASSERT(state->mode.readable && !state->mode.writable);
  co_return Directory(FileAccess::file(state));
}

}  // namespace eddy
