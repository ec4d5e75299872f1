#include <eddy/file/directory.hpp>

#include <eddy/core/as_result.hpp>
#include <eddy/file/internal/directory_reader.hpp>
#include <eddy/file/internal/path.hpp>

#include <fcntl.h>

namespace eddy {
using namespace internal;

Task<Directory> open_directory(Text path) {
  Storage& storage = Storage::current();
  Storage::Mount& mount = storage.mount_of(path.view());
  auto fd = co_await as_outcome(open_directory_at(AT_FDCWD, path_of(path), 0, mount));
  if (!fd) co_await fail(named(std::move(fd.error()), "open", path));
  const FileMode mode = FileMode::from(OpenFlags{O_RDONLY | O_DIRECTORY | O_CLOEXEC});
  const Counted<FileState> state(
      new FileState(fd->get(), true, mode, path, 0, storage.policy(), storage, mount));
  fd->release();
  EDDY_ASSERT(state->mode.readable && !state->mode.writable);
  co_return Directory(FileAccess::file(state));
}

}  // namespace eddy
