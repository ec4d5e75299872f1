// fs::walk: everything below a directory.
#pragma once

#include <eddy/base/error.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/file/directory_entry.hpp>

#include <concepts>
#include <functional>
#include <string_view>
#include <utility>

namespace eddy {

namespace fs {

struct WalkOptions {
  bool bottom_up = false;        // a directory comes after what is in it
  bool follow_symlinks = false;  // links to directories are entered
};

// The entries of a tree, one by one, without its root:
//
//   auto walk = fs::walk("project");
//   while (auto entry = co_await walk.next()) {
//     if (entry->name() == ".git") walk.skip();
//     ...
//   }
class [[nodiscard]] Walk : public DirectoryEntries {
 public:
  class Source;
  explicit Walk(std::unique_ptr<Source> source) noexcept;

  // What is in the directory that was given last is left out. Nothing, when that was no directory
  // or they go bottom up.
  void skip() noexcept;
  // Of the entry that was given last: 1 in the root.
  std::size_t depth() const noexcept;

 private:
  Source& walk_source() const noexcept;
};

}  // namespace fs

namespace internal {

// Called with what failed and its whole path.
using OnWalkError = std::function<void(const Error& error, std::string_view path)>;

fs::Walk walk_tree(Text path, fs::WalkOptions options, OnWalkError on_error);

}  // namespace internal

namespace fs {

// Trees may be of any depth, and paths longer than the kernel takes; it keeps some 30 descriptors
// and blocks of 8 KiB at most. A link to a directory is entered only where that is wanted, and
// never one to a directory that it leads out of (a loop).
//
// next() throws for a directory that cannot be read, which it names; the one after it goes on with
// the rest. A root that cannot be read is the end.
Walk walk(Text path, WalkOptions options = {});

// The same, but a directory that cannot be read is given to `on_error(const Error&,
// std::string_view path)`, and the walk goes on unless that throws.
template <std::invocable<const Error&, std::string_view> F>
Walk walk(Text path, WalkOptions options, F&& on_error) {
  EDDY_CHECK_KEPT(F);
  return internal::walk_tree(std::move(path), options,
                             internal::OnWalkError(std::forward<F>(on_error)));
}

}  // namespace fs
}  // namespace eddy
