// fs::copyfile, fs::copy and the like: one file's bytes, and what is known of it. Trees, see
// copytree and move.
#pragma once

#include <eddy/base/text.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/core/task.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace eddy {

class File;

namespace internal {

// Called with how many bytes are copied and how many there are.
using OnCopied = std::function<void(std::uint64_t done, std::uint64_t size)>;

Task<std::uint64_t> copy_bytes(Text from, Text to, bool follow_symlinks, OnCopied on_copied);
Task<std::string> copy_file(Text from, Text to, bool follow_symlinks, OnCopied on_copied);

// What is known of a file besides its bytes.
enum class Known : std::uint8_t { permissions, permissions_and_attributes, all };
Task<> copy_known(Text from, Text to, bool follow_symlinks, Known what);

}  // namespace internal

namespace fs {

// Trivially copyable.
struct CopyOptions {
  // False: where a symbolic link stands at `from`, it is the link that is copied.
  bool follow_symlinks = true;
};

// The bytes and the permissions of a regular file; returns how many bytes. Blocks are shared where
// the file system can, holes stay holes, and otherwise the bytes go from page to page. On failure
// or cancellation `to` is left as far as it got. EINVAL when both are the same file ("copy a file
// to itself"), when `from` is no regular file (EISDIR for a directory), and for a FIFO at `to`:
// nothing is opened then.
Task<std::uint64_t> copyfile(Text from, Text to, CopyOptions options = {});

// The same, and calls `on_copied(done, size)` now and then, at the end with all of it. It may
// throw: then the copy ends with that.
template <std::invocable<std::uint64_t, std::uint64_t> F>
Task<std::uint64_t> copyfile(Text from, Text to, F&& on_copied, CopyOptions options = {}) {
  EDDY_CHECK_KEPT(F);
  return internal::copy_bytes(std::move(from), std::move(to), options.follow_symlinks,
                              internal::OnCopied(std::forward<F>(on_copied)));
}

// The bytes and what copystat() copies, as shutil's copy2; into `to` where that is a directory.
// Returns the path of the copy.
Task<std::string> copy(Text from, Text to, CopyOptions options = {});
template <std::invocable<std::uint64_t, std::uint64_t> F>
Task<std::string> copy(Text from, Text to, F&& on_copied, CopyOptions options = {}) {
  EDDY_CHECK_KEPT(F);
  return internal::copy_file(std::move(from), std::move(to), options.follow_symlinks,
                             internal::OnCopied(std::forward<F>(on_copied)));
}

// The permissions; those that make a program run as its owner only where both have the same. With
// follow_symlinks = false, and a link at both, nothing: links have none.
Task<> copymode(Text from, Text to, CopyOptions options = {});
// The permissions, the times of the last access and change of the bytes, and the extended
// attributes of the user ("user.*"), where the file system has such. Not the owner.
Task<> copystat(Text from, Text to, CopyOptions options = {});

// Writes the bytes [offset, offset + count) of `in`, or as many as there are, where `out` stands,
// and moves that on; returns how many. The position of `in` neither matters nor moves. On failure
// or cancellation a part of them is written, and `out` stands behind it. (To a peer, see
// Stream::send_file.)
Task<std::uint64_t> sendfile(File& out, File& in, std::uint64_t offset, std::uint64_t count);

}  // namespace fs
}  // namespace eddy
