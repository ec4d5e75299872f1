// fs::move: a file or a directory to another place, also on another file system.
#pragma once

#include <eddy/base/text.hpp>
#include <eddy/core/task.hpp>

#include <string>

namespace eddy::fs {

// Renames `from` to `to`, or to that name in it where `to` is a directory; returns the new path. A
// file that is there is replaced as rename() does it; what stands in a directory `to` under that
// name is not (EEXIST). A directory is not moved into itself (EINVAL).
//
// To another file system it is copied with all that is in it, links as links, and removed
// afterwards, by copy(), copytree() and rmtree(). `from` is there as it was until all is copied:
// after a failure or a cancel before that a part of a directory's copy is left, and after one later
// the rest of what is to be removed. A file's copy is made beside `to`, and renamed.
Task<std::string> move(Text from, Text to);

}  // namespace eddy::fs
