#include <eddy/file/copy_tree.hpp>

#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/copy.hpp>
#include <eddy/file/fnmatch.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/internal/directory_stack.hpp>
#include <eddy/file/internal/path.hpp>

#include <fcntl.h>

#include <algorithm>

namespace eddy {
using namespace internal;
namespace {

// "3 could not be copied: copy 'a': Permission denied; ..."
std::string message_of(const std::vector<fs::CopytreeError::Item>& items) {
  constexpr std::size_t most_named = 5;
  std::string text = std::to_string(items.size()) + " could not be copied: ";
  for (std::size_t i = 0; i < std::min(items.size(), most_named); ++i) {
    if (i > 0) text += "; ";
    text += items[i].error.what();
  }
  if (items.size() > most_named) text += "; ...";
  return text;
}

class CopyTree {
 public:
  CopyTree(Text from, Text to, fs::CopytreeOptions options, IgnoresEntry ignores,
           InnerTarget inner) noexcept
      : from_(std::move(from)), to_(std::move(to)), options_(options),
        ignores_(std::move(ignores)), inner_(inner) {}

  Task<> copy();

 private:
  Task<> begin();
  Task<> copy_entry(const dirent64& entry);
  Task<> copy_link(Text from, Text to);
  Task<> copy_directory(const char* name, Text to);
  Task<> leave();
  // What it holds is for those whom its permissions name, which come last.
  fs::MkdirOptions new_directory() const noexcept {
    return {.permissions = 0700, .exist_ok = options_.dirs_exist_ok};
  }
  Text target_of(std::string_view name) const;
  Expected<void> note(Failure failure, std::string_view from, std::string_view to);

  Text from_;
  Text to_;
  fs::CopytreeOptions options_;
  IgnoresEntry ignores_;
  InnerTarget inner_;
  DirectoryStack stack_{"copytree"};
  std::vector<Text> targets_;  // one for each of the stack
  FileId root_target_;
  std::vector<fs::CopytreeError::Item> items_;
};

Text CopyTree::target_of(std::string_view name) const {
  std::string path(targets_.back().view());
  if (!path.ends_with('/')) path += '/';
  path += name;
  return Text(path);
}

// Nothing, where it is one of the failures that are told at the end.
Expected<void> CopyTree::note(Failure failure, std::string_view from, std::string_view to) {
  if (failure.is_cancelled() || !failure.error_code()) return std::unexpected(std::move(failure));
  try {
    failure.raise();
  } catch (const Error& error) {
    items_.push_back({std::string(from), std::string(to), error});
    return {};
  } catch (...) {
    return std::unexpected(Failure::current());
  }
}

Task<> CopyTree::copy() {
  EDDY_DO(begin());
  while (!stack_.empty()) {
    auto next = co_await as_outcome(stack_.next());
    Expected<void> noted;
    if (!next) noted = note(std::move(next.error()), stack_.path(), targets_.back().view());
    if (!noted) co_await fail(std::move(noted.error()));
    if (next && *next) {
      EDDY_DO(copy_entry(**next));
    } else {
      EDDY_DO(leave());
    }
  }
  if (items_.empty()) co_return;
  co_await fail(Failure::holding(fs::CopytreeError(from_.view(), std::move(items_))));
}

Task<> CopyTree::begin() {
  EDDY_DO(stack_.enter_root(from_, O_NONBLOCK));
  EDDY_DO(fs::makedirs(to_, new_directory()));
  EDDY_TRY(const FileStat target, fs::stat(to_));
  root_target_ = id_of(target);
  targets_.push_back(to_);
}

Task<> CopyTree::copy_entry(const dirent64& raw) {
  EDDY_TRY(FileType type, stack_.type_of(raw));
  const DirectoryEntry entry = stack_.entry_of(raw, type);
  if (ignores_ && ignores_(entry)) co_return;
  const Text from(entry.path());
  const Text to = target_of(entry.name());
  const bool is_link = type == FileType::symlink;
  Expected<void> done;
  if (is_link && !options_.symlinks) {
    auto found = co_await as_outcome(fs::stat(from));
    const bool dangling = !found && found.error().is_error(ENOENT);
    if (dangling && options_.ignore_dangling_symlinks) co_return;
    if (!found) done = std::unexpected(std::move(found.error()));
    if (found && found->is_dir()) type = FileType::directory;
  }
  if (done && is_link && options_.symlinks) {
    done = co_await as_outcome(copy_link(from, to));
  } else if (done && type == FileType::directory) {
    done = co_await as_outcome(copy_directory(raw.d_name, to));
  } else if (done) {
    auto copied = co_await as_outcome(fs::copy(from, to));
    if (!copied) done = std::unexpected(std::move(copied.error()));
  }
  if (!done) done = note(std::move(done.error()), from.view(), to.view());
  if (!done) co_await fail(std::move(done.error()));
}

Task<> CopyTree::copy_link(Text from, Text to) {
  EDDY_TRY(auto target, fs::readlink(from));
  EDDY_DO(fs::symlink(target, to));
  EDDY_DO(fs::copystat(from, to, {.follow_symlinks = false}));
}

// Enters it; what is in it comes next.
Task<> CopyTree::copy_directory(const char* name, Text to) {
  EDDY_DO(stack_.enter(name, O_NONBLOCK | (options_.symlinks ? O_NOFOLLOW : 0)));
  Expected<void> made;
  if (!options_.symlinks && stack_.is_loop()) {
    made = std::unexpected(Failure::error(ELOOP, "copytree", Text(stack_.path())));
  } else if (stack_.is_at(root_target_)) {
    EDDY_DO(stack_.leave());
    if (inner_ == InnerTarget::left_out) co_return;
    co_await fail(Failure::error(EINVAL, "copy a directory into itself", to_));
  } else {
    made = co_await as_outcome(fs::mkdir(to, new_directory()));
  }
  if (made) {
    targets_.push_back(std::move(to));
  } else {
    EDDY_DO(stack_.leave());
    co_await fail(std::move(made.error()));
  }
}

// Permissions and times last: they may forbid what was done in there, and change by it.
Task<> CopyTree::leave() {
  const Text from(stack_.path());
  const Text to = targets_.back();
  auto left = co_await as_outcome(stack_.leave());
  targets_.pop_back();
  Expected<void> noted;
  if (!left) noted = note(std::move(left.error()), from.view(), to.view());
  if (!noted) co_await fail(std::move(noted.error()));
  auto done = co_await as_outcome(fs::copystat(from, to));
  if (!done) noted = note(std::move(done.error()), from.view(), to.view());
  if (!noted) co_await fail(std::move(noted.error()));
}

}  // namespace

fs::CopytreeError::CopytreeError(std::string_view from, std::vector<Item> items)
    : Error(items.front().error.code(), "copytree", from, message_of(items)),
      items_(std::make_shared<const std::vector<Item>>(std::move(items))) {}

bool fs::ignore_patterns::operator()(const DirectoryEntry& entry) const noexcept {
  return std::ranges::any_of(
      patterns_, [&](const std::string& pattern) { return fnmatch(entry.name(), pattern); });
}

Task<> internal::copy_tree(Text from, Text to, fs::CopytreeOptions options, IgnoresEntry ignores,
                          InnerTarget inner) {
  static_cast<void>(path_of(from));
  static_cast<void>(path_of(to));
  CopyTree tree(std::move(from), std::move(to), options, std::move(ignores), inner);
  EDDY_DO(tree.copy());
}

Task<> fs::copytree(Text from, Text to, CopytreeOptions options) {
  return internal::copy_tree(std::move(from), std::move(to), options, nullptr);
}

}  // namespace eddy
