#include <eddy/file/remove_tree.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/directory_stack.hpp>
#include <eddy/file/internal/file_call.hpp>
#include <eddy/file/internal/path.hpp>

#include <linux/io_uring.h>

#include <string>
#include <vector>

namespace eddy {
using namespace internal;
namespace {

// Without slashes at its end, which would lead through a link.
std::string_view without_slashes(std::string_view path) noexcept {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

// "/", and what ends in "." or "..": its name cannot be removed.
bool has_no_name(std::string_view path) noexcept {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return path == "/" || name == "." || name == "..";
}

class RemoveTree {
 public:
  RemoveTree(Text root, bool ignore_errors, OnTreeError on_error) noexcept
      : root_(std::move(root)), ignore_errors_(ignore_errors), on_error_(std::move(on_error)) {}

  Task<> remove();

 private:
  // What has become of a directory's entries since it was entered.
  struct Removed {
    unsigned passes = 1;
    bool any = false;
    bool all = true;
  };
  // So often a directory is entered that is not empty after all its entries were removed: on some
  // file systems a removal makes the reader miss others, and somebody may put new ones there.
  static constexpr unsigned most_passes = 64;

  Task<> remove_entry(const dirent64& entry);
  Task<> remove_innermost();
  Task<> open(const char* name);
  Task<> enter(const char* name, unsigned passes);
  Task<int> unlink(const char* name, int flags) const;
  Expected<void> tell(Failure failure, std::string_view name);
  void note_removed() noexcept { if (!removed_.empty()) removed_.back().any = true; }

  DirectoryStack stack_{"rmtree"};
  std::vector<Removed> removed_;  // one for each of the stack
  std::string name_;              // of the directory that was left last
  Text root_;
  bool ignore_errors_;
  OnTreeError on_error_;
};

bool is_gone(const Expected<int>& done) noexcept {
  return done || done.error().is_error(ENOENT);
}

bool is_not_empty(const Failure& failure) noexcept {
  return failure.is_error(ENOTEMPTY) || failure.is_error(EEXIST);
}

// In the innermost directory; outside of the root it is the root itself.
Task<int> RemoveTree::unlink(const char* name, int flags) const {
  const bool outside = stack_.empty();
  const int directory = outside ? AT_FDCWD : stack_.fd();
  Storage& storage = Storage::current();
  Storage::Mount& mount = outside ? storage.mount_of(root_.view()) : stack_.mount();
  const Request request{.opcode = IORING_OP_UNLINKAT,
                        .fd = directory,
                        .address = address_of(name),
                        .op_flags = static_cast<std::uint32_t>(flags)};
  return perform(request, "rmtree", mount, storage.policy(), Text(),
                 [directory, name, flags] { return sys::unlinkat(directory, name, flags); });
}

// Nothing, where somebody takes the failure for an answer and the rest is to be removed.
Expected<void> RemoveTree::tell(Failure failure, std::string_view name) {
  if (!failure.is_error()) return std::unexpected(std::move(failure));
  if (!removed_.empty()) removed_.back().all = false;
  if (ignore_errors_) return {};
  const Text path = stack_.empty() ? root_ : stack_.path_of(name);
  if (!on_error_) return std::unexpected(named(std::move(failure), "rmtree", path));
  on_error_(Error(failure.code(), "rmtree", path.view()), path.view());
  return {};
}

Task<> RemoveTree::remove() {
  EDDY_DO(enter(root_.c_str(), 1));
  while (!stack_.empty()) {
    if (const dirent64* entry = stack_.take()) {
      EDDY_DO(remove_entry(*entry));
      continue;
    }
    auto filled = co_await as_outcome(stack_.fill());
    if (filled && *filled) continue;
    Expected<void> told;
    if (!filled) told = tell(std::move(filled.error()), {});
    if (!told) co_await fail(std::move(told.error()));
    EDDY_DO(remove_innermost());
  }
  EDDY_ASSERT(removed_.empty());
}

Task<> RemoveTree::remove_entry(const dirent64& entry) {
  if (entry.d_type != DT_DIR) {
    auto done = co_await as_outcome(unlink(entry.d_name, 0));
    if (is_gone(done)) {
      note_removed();
      co_return;
    }
    if (!done.error().is_error(EISDIR)) {
      auto told = tell(std::move(done.error()), entry.d_name);
      if (!told) co_await fail(std::move(told.error()));
      co_return;
    }
  }
  EDDY_DO(enter(entry.d_name, 1));
}

Task<> RemoveTree::open(const char* name) {
  constexpr int flags = O_NOFOLLOW | O_NONBLOCK;
  return stack_.empty() ? stack_.enter_root(root_, flags) : stack_.enter(name, flags);
}

Task<> RemoveTree::enter(const char* name, unsigned passes) {
  auto entered = co_await as_outcome(open(name));
  if (entered) {
    removed_.push_back({.passes = passes});
    co_return;
  }
  Failure& failure = entered.error();
  // No directory any more: whatever it is now. One that cannot be read may be empty all the same.
  const bool replaced = failure.is_error(ENOTDIR) || failure.is_error(ELOOP);
  bool gone = failure.is_error(ENOENT) && !stack_.empty();
  if ((replaced && !stack_.empty()) || failure.is_error(EACCES)) {
    auto done = co_await as_outcome(unlink(name, replaced ? 0 : AT_REMOVEDIR));
    if (!done && !done.error().is_error()) co_await fail(std::move(done.error()));
    gone = is_gone(done);
  }
  if (gone) {
    note_removed();
    co_return;
  }
  auto told = tell(std::move(failure), name);
  if (!told) co_await fail(std::move(told.error()));
}

// The directory whose entries are all removed, or as many of them as can be.
Task<> RemoveTree::remove_innermost() {
  EDDY_ASSERT(removed_.size() == stack_.depth());
  const Removed entries = removed_.back();
  const std::string_view path = stack_.path();
  name_ = path.substr(path.rfind('/') + 1);
  removed_.pop_back();
  auto left = co_await as_outcome(stack_.leave());
  Expected<void> told;
  if (!left) told = tell(std::move(left.error()), {});
  if (!told) co_await fail(std::move(told.error()));
  const bool is_root = stack_.empty();
  if (!is_root && stack_.is_lost()) co_return;  // nothing can be done in there any more
  const char* name = is_root ? root_.c_str() : name_.c_str();
  auto done = co_await as_outcome(unlink(name, AT_REMOVEDIR));
  if (!done && done.error().is_error(ENOTDIR) && !is_root) {
    done = co_await as_outcome(unlink(name, 0));
  }
  if (is_gone(done)) {
    note_removed();
  } else if (is_not_empty(done.error()) && !entries.all) {
    if (!is_root) removed_.back().all = false;  // of what stayed in there somebody has heard
  } else if (is_not_empty(done.error()) && entries.any && entries.passes < most_passes) {
    EDDY_DO(enter(name, entries.passes + 1));
  } else {
    told = tell(std::move(done.error()), name_);
  }
  if (!told) co_await fail(std::move(told.error()));
}

}  // namespace

Task<> internal::remove_tree(Text path, bool ignore_errors, OnTreeError on_error) {
  const Text root(without_slashes(std::string_view(path_of(path))));
  if (has_no_name(root.view())) co_await fail(Failure::error(EINVAL, "rmtree", path));
  RemoveTree tree(root, ignore_errors, std::move(on_error));
  EDDY_DO(tree.remove());
}

Task<> fs::rmtree(Text path, RmtreeOptions options) {
  return internal::remove_tree(std::move(path), options.ignore_errors, nullptr);
}

}  // namespace eddy
