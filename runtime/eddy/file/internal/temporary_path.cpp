#include <eddy/file/internal/temporary_path.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/remove_tree.hpp>

namespace eddy::internal {
namespace {

// Deeper ones are left: each level has a descriptor and a block on the stack.
constexpr int deepest = 100;

void remove_entries(int directory, int depth) noexcept;

void remove_entry(int directory, const char* name, int depth) noexcept {
  if (sys::unlinkat(directory, name, 0) == 0 || errno != EISDIR) return;
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const UniqueFd below(depth < deepest ? sys::openat(directory, name, flags) : -1);
  if (below) remove_entries(below.get(), depth + 1);
  static_cast<void>(!sys::unlinkat(directory, name, AT_REMOVEDIR));
}

// What is removed while it is read may move others out of the way: until there is nothing new.
void remove_entries(int directory, int depth) noexcept {
  alignas(dirent64) char block[4096];
  for (;;) {
    const ssize_t size = sys::getdents64(directory, block, sizeof block);
    if (size <= 0) return;
    for (ssize_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(block + at);
      const std::string_view name(entry->d_name);
      if (name != "." && name != "..") remove_entry(directory, entry->d_name, depth);
      at += entry->d_reclen;
    }
  }
}

}  // namespace

void remove_tree_now(const char* path) noexcept { remove_entry(AT_FDCWD, path, 0); }

TemporaryPath::~TemporaryPath() {
  if (removed_ || kind_ == Kind::kept || process_ != process_mark) return;
  if (kind_ == Kind::directory) {
    remove_tree_now(path_.c_str());
  } else {
    static_cast<void>(!sys::unlink(path_.c_str()));
  }
}

Task<> TemporaryPath::remove(Counted<TemporaryPath> what) {
  if (what->removed_ || what->kind_ == Kind::kept) co_return;
  Expected<void> done;
  if (what->kind_ == Kind::directory) {
    done = co_await as_outcome(fs::rmtree(what->path_));
  } else {
    done = co_await as_outcome(fs::remove(what->path_));
  }
  what->removed_ = done || done.error().is_error(ENOENT);
  if (!what->removed_) co_await fail(std::move(done.error()));
}

}  // namespace eddy::internal
