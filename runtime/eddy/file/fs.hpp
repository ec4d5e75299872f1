// fs: what can be done to names in the file system. Each is one operation, inline or on the ring as
// Storage decides; errors are Error with operation and path. Cancelled: either it was not done, or
// it was and is reported as done. Throws UsageError, with nothing done, for a path that holds a
// zero byte.
#pragma once

#include <eddy/base/text.hpp>
#include <eddy/core/task.hpp>
#include <eddy/file/file_stat.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace eddy {

namespace fs {

Task<FileStat> stat(Text path);
Task<FileStat> lstat(Text path);  // of a symbolic link itself

// False, and no error, where the path leads nowhere (ENOENT, ENOTDIR).
Task<bool> exists(Text path);
Task<bool> is_file(Text path);
Task<bool> is_dir(Text path);
Task<std::uint64_t> size(Text path);
// `mode` as in access(2): R_OK, W_OK, X_OK or F_OK; with the real user's rights.
Task<bool> access(Text path, int mode);

// Replaces what stands at `to`, as rename(2) does; replace() is the same.
Task<> rename(Text from, Text to);
Task<> replace(Text from, Text to);
Task<> remove(Text path);  // a file
Task<> unlink(Text path);  // the same
Task<> rmdir(Text path);   // an empty directory

struct MkdirOptions {
  unsigned permissions = 0777;
  bool exist_ok = false;  // no error where a directory stands already
};
Task<> mkdir(Text path, MkdirOptions options = {});
// Makes the parents that are missing as well.
Task<> makedirs(Text path, MkdirOptions options = {});

// The names in a directory, in any order, without "." and "..".
Task<std::vector<std::string>> listdir(Text path);

Task<> symlink(Text target, Text path);
Task<> link(Text target, Text path);
Task<std::string> readlink(Text path);
Task<> chmod(Text path, unsigned mode);
Task<> utime(Text path, FileTime accessed, FileTime modified);
Task<> truncate(Text path, std::uint64_t size);

// The bytes and the permissions of a regular file; returns how many bytes. On failure or
// cancellation `to` is left as far as it got. EINVAL when both are the same file, when `from` is no
// regular file (EISDIR for a directory), and for a FIFO at `to`: nothing is opened then.
Task<std::uint64_t> copyfile(Text from, Text to);

}  // namespace fs
}  // namespace eddy
