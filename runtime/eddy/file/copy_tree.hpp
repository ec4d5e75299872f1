// fs::copytree: a directory with all that is in it, once more.
#pragma once

#include <eddy/base/error.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/core/task.hpp>
#include <eddy/file/directory_entry.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace eddy {

namespace fs {

// What of a tree could not be copied; all the rest was. Its code is the first one's.
class CopytreeError : public Error {
 public:
  struct Item {
    std::string from;
    std::string to;
    Error error;
  };

  CopytreeError(std::string_view from, std::vector<Item> items);

  const std::vector<Item>& items() const noexcept { return *items_; }

 private:
  std::shared_ptr<const std::vector<Item>> items_;  // copying an exception must not throw
};

// Trivially copyable.
struct CopytreeOptions {
  bool symlinks = false;  // links stay links; otherwise what they lead to is copied
  bool ignore_dangling_symlinks = false;  // ... and one that leads nowhere is no failure
  bool dirs_exist_ok = false;             // into what is there already
};

// Whether an entry's name matches one of the patterns (fnmatch): for copytree.
class ignore_patterns {
 public:
  ignore_patterns(std::initializer_list<std::string> patterns) : patterns_(patterns) {}
  explicit ignore_patterns(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}

  bool operator()(const DirectoryEntry& entry) const noexcept;

 private:
  std::vector<std::string> patterns_;
};

}  // namespace fs

namespace internal {

using IgnoresEntry = std::function<bool(const DirectoryEntry& entry)>;

// What becomes of `to` where it is found below `from`.
enum class InnerTarget : std::uint8_t { left_out, failure };

Task<> copy_tree(Text from, Text to, fs::CopytreeOptions options, IgnoresEntry ignores,
                 InnerTarget inner = InnerTarget::left_out);

}  // namespace internal

namespace fs {

// Makes the directory `to`, with the parents that are missing, and copies everything below `from`
// into it: files by copy(), directories with their permissions and times. What is there under the
// same name is replaced, as copy() does it. `to` may be below `from`: it is not copied into itself.
// Until a directory is copied wholly, only this user may enter its copy, if that is new (0700). A
// link that leads back to a directory above it is a failure, unless links stay links.
//
// What cannot be copied is left out, and told at the end as a CopytreeError. Only the roots end it
// at once: `from` that cannot be read, and `to` that cannot be made. Cancelled: a part is copied.
Task<> copytree(Text from, Text to, CopytreeOptions options = {});

// The same without those for which `ignores(const DirectoryEntry&)` is true, and what is in them.
template <std::predicate<const DirectoryEntry&> F>
Task<> copytree(Text from, Text to, CopytreeOptions options, F&& ignores) {
  EDDY_CHECK_KEPT(F);
  return internal::copy_tree(std::move(from), std::move(to), options,
                             internal::IgnoresEntry(std::forward<F>(ignores)));
}

}  // namespace fs
}  // namespace eddy
