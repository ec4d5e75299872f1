#include <eddy/file/scandir.hpp>

#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/internal/directory_stack.hpp>
#include <eddy/file/internal/file_call.hpp>
#include <eddy/file/internal/path.hpp>

#include <fcntl.h>

namespace eddy {
using namespace internal;
namespace {

class ScandirSource : public EntrySource {
 public:
  explicit ScandirSource(Text path) noexcept : path_(std::move(path)) {}

  bool take(std::optional<DirectoryEntry>& into) override {
    if (ended_ || stack_.empty()) return ended_;
    const dirent64* entry = stack_.take();
    if (entry && entry->d_type != DT_UNKNOWN) {
      into = stack_.entry_of(*entry);
      return true;
    }
    if (entry) stack_.untake(*entry);
    return false;
  }

  Task<std::optional<DirectoryEntry>> advance() override {
    auto found = co_await as_outcome(find());
    ended_ = found ? !*found : found.error().is_error();
    if (!found) co_await fail(std::move(found.error()));
    if (ended_) EDDY_DO(stack_.leave());
    co_return std::move(*found);
  }

 private:
  Task<std::optional<DirectoryEntry>> find() {
    if (stack_.empty()) EDDY_DO(stack_.enter_root(path_, O_NONBLOCK));
    EDDY_TRY(const dirent64* entry, stack_.next());
    if (!entry) co_return std::nullopt;
    EDDY_TRY(const FileType type, stack_.type_of(*entry));
    co_return stack_.entry_of(*entry, type);
  }

  Text path_;
  DirectoryStack stack_{"scandir"};
  bool ended_ = false;
};

}  // namespace

namespace fs {

DirectoryEntries scandir(Text path) {
  static_cast<void>(path_of(path));
  return DirectoryEntries(std::make_unique<ScandirSource>(std::move(path)));
}

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
