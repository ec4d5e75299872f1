#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/internal/directory_reader.hpp>
#include <eddy/file/internal/path.hpp>

#include <fcntl.h>

namespace eddy {
using namespace internal;

namespace fs {

Task<std::vector<std::string>> listdir(Text path) {
  Storage::Mount& mount = Storage::current().mount_of(path.view());
  auto opened = co_await as_outcome(open_directory_at(AT_FDCWD, path_of(path), O_NONBLOCK, mount));
  if (!opened) co_await fail(named(std::move(opened.error()), "listdir", path));
  DirectoryReader reader(std::move(*opened));
  std::vector<std::string> names;
  for (;;) {
    while (const dirent64* entry = reader.take()) names.emplace_back(entry->d_name);
    auto filled = co_await as_outcome(reader.fill(mount));
    if (!filled) co_await fail(named(std::move(filled.error()), "listdir", path));
    if (!*filled) co_return names;
  }
}

}  // namespace fs
}  // namespace eddy
