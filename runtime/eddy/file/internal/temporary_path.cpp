#include <eddy/file/internal/temporary_path.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/remove_tree.hpp>

#include <cstdio>

namespace eddy::internal {
namespace {

// Removes a tree without memory: on the stack is a block for each of a few levels, and what lies
// deeper is first moved up into the root, under a name of its own.
class PlainRemoval {
 public:
  void remove(const char* path) noexcept {
    const UniqueFd root = open(AT_FDCWD, path);
    if (root) {
      root_ = root.get();
      do {
        moved_ = false;
        sys::lseek(root_, 0, SEEK_SET);
        remove_entries(root_, 1);
      } while (moved_);
    }
    static_cast<void>(!sys::unlinkat(AT_FDCWD, path, AT_REMOVEDIR));
  }

 private:
  static constexpr int deepest = 16;

  static UniqueFd open(int directory, const char* name) noexcept {
    return UniqueFd(sys::openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
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

  void remove_entry(int directory, const char* name, int depth) noexcept {
    if (sys::unlinkat(directory, name, 0) == 0 || errno != EISDIR) return;
    if (depth == deepest) return move_up(directory, name);
    if (const UniqueFd below = open(directory, name)) remove_entries(below.get(), depth + 1);
    static_cast<void>(!sys::unlinkat(directory, name, AT_REMOVEDIR));
  }

  void move_up(int directory, const char* name) noexcept {
    char unique[32];
    std::snprintf(unique, sizeof unique, ".moved-%u", ++names_);
    if (sys::renameat(directory, name, root_, unique) == 0) moved_ = true;
  }

  int root_ = -1;
  bool moved_ = false;
  unsigned names_ = 0;
};

}  // namespace

void remove_tree_now(const char* path) noexcept { PlainRemoval().remove(path); }

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
