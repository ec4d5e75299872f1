// fs: what can be done to names in the file system. Each is one operation, inline, on the ring or
// on a thread as Storage decides; errors are Error with operation and path. Cancelled: either it
// was not done, or it was and is reported as done. Throws UsageError, with nothing done, for a path
// that holds a zero byte.
#pragma once

#include <eddy/base/text.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/core/task.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/copy.hpp>
#include <eddy/file/file_stat.hpp>
#include <eddy/file/internal/name_call.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace eddy {

namespace fs {

// One of the verbs below, to be awaited once: without a frame, and without waiting where it is done
// inline. Wherever a Task can stand it can too. It owns its paths. ∅
template <class T = void>
class [[nodiscard]] Call : public internal::NameOperation, public internal::Raises<Call<T>, T> {
 public:
  using value_type = T;
  explicit Call(const internal::NameVerbOf<T>& verb, Text path, Text other = {},
                std::uint64_t number = 0, std::uint64_t more = 0)
      : NameOperation(verb, std::move(path), std::move(other), number, more) {}

  T await_resume() { return internal::Raises<Call, T>::await_resume(); }
  Expected<T> await_outcome() {
    auto done = this->ended();
    if (!done) [[unlikely]] return std::unexpected(std::move(done.error()));
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return static_cast<const internal::NameVerbOf<T>&>(verb()).value(arguments(), *done);
    }
  }
  operator Task<T>() && { return in_a_task(std::move(*this)); }

 private:
  static Task<T> in_a_task(Call call) {
    if constexpr (std::is_void_v<T>) {
      EDDY_DO(std::move(call));
    } else {
      EDDY_TRY(auto value, std::move(call));
      co_return value;
    }
  }
};

Call<FileStat> stat(Text path);
Call<FileStat> lstat(Text path);  // of a symbolic link itself

// False, and no error, where the path leads nowhere (ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG). What a
// symbolic link leads to counts, but for is_symlink().
Call<bool> exists(Text path);
Call<bool> is_file(Text path);
Call<bool> is_dir(Text path);
Call<bool> is_symlink(Text path);
Call<bool> is_socket(Text path);
Call<bool> is_fifo(Text path);
Call<bool> is_block_device(Text path);
Call<bool> is_char_device(Text path);
// Whether another file system is mounted there; or the root. False for whatever cannot be told.
Call<bool> is_mount(Text path);
// `mode` as in access(2): R_OK, W_OK, X_OK or F_OK; with the real user's rights. False for whatever
// is in the way.
Call<bool> access(Text path, int mode);
// Whether both lead to one file. Throws Error, with its name, for the one that leads nowhere.
Task<bool> samefile(Text path, Text other);
// Whether both descriptors have one file open; asks no file system. Throws Error (EBADF).
bool sameopenfile(int fd, int other);

Call<std::uint64_t> size(Text path);
// Python's getatime, getmtime, getctime.
Call<FileTime> accessed(Text path);
Call<FileTime> modified(Text path);
Call<FileTime> changed(Text path);

// Replaces what stands at `to`, as rename(2) does; replace() is the same.
Call<> rename(Text from, Text to);
Call<> replace(Text from, Text to);
// Makes the parents of `to` that are missing, and afterwards removes those of `from` that are
// empty, from the innermost on, until one cannot be removed.
Task<> renames(Text from, Text to);

struct UnlinkOptions {
  bool missing_ok = false;  // no error where there is nothing (ENOENT)
};
Call<> remove(Text path, UnlinkOptions options = {});  // a file
Call<> unlink(Text path, UnlinkOptions options = {});  // the same
Call<> rmdir(Text path);                               // an empty directory
// And then its parents, as long as they are empty. Only the first has to be there.
Task<> removedirs(Text path);

struct MkdirOptions {
  unsigned permissions = 0777;
  bool exist_ok = false;  // no error where a directory stands already
};
Call<> mkdir(Text path, MkdirOptions options = {});
// Makes the parents that are missing as well.
Task<> makedirs(Text path, MkdirOptions options = {});

struct TouchOptions {
  unsigned permissions = 0666;  // of a file that is created, before umask
  bool exist_ok = true;         // false: EEXIST where there is one
};
// Makes an empty file, or sets the times of the one that is there to now.
Call<> touch(Text path, TouchOptions options = {});

// The names in a directory, in any order, without "." and "..".
Task<std::vector<std::string>> listdir(Text path);

Call<> symlink(Text target, Text path);
Call<> link(Text target, Text path);
Call<std::string> readlink(Text path);
Call<> chmod(Text path, unsigned mode);
// `unchanged` leaves that of the two as it is. lchown(): of a symbolic link itself.
inline constexpr std::uint32_t unchanged = static_cast<std::uint32_t>(-1);
Call<> chown(Text path, std::uint32_t user, std::uint32_t group);
Call<> lchown(Text path, std::uint32_t user, std::uint32_t group);
Call<> utime(Text path, FileTime accessed, FileTime modified);
Call<> truncate(Text path, std::uint64_t size);

// The file system that a path is on: sizes in blocks, as statvfs(3) has them.
struct FileSystem {
  std::uint64_t block_size = 0;
  std::uint64_t fragment_size = 0;  // what the numbers of blocks count
  std::uint64_t blocks = 0;
  std::uint64_t free_blocks = 0;
  std::uint64_t available_blocks = 0;  // ... to who is not root
  std::uint64_t files = 0;             // inodes
  std::uint64_t free_files = 0;
  std::uint64_t available_files = 0;
  std::uint64_t flags = 0;  // ST_RDONLY ...
  std::uint64_t name_max = 0;
};
Call<FileSystem> statvfs(Text path);

// In bytes; `free` is what is left for who is not root.
struct DiskUsage {
  std::uint64_t total = 0;
  std::uint64_t used = 0;
  std::uint64_t free = 0;
};
Call<DiskUsage> disk_usage(Text path);

// The working directory. Throws Error (ENOENT) when it was removed. Never waits.
std::string getcwd();
// `path` below the working directory, without ".", ".." and doubled slashes; looks at no file.
std::string abspath(Text path);
// Where `path` leads once every symbolic link in it is followed, one component after the other.
// What is not there stays as it is written, and so does what follows it, and a link in a circle;
// with `strict`, that is an Error (ENOENT, ELOOP).
Task<std::string> realpath(Text path, bool strict = false);

}  // namespace fs
}  // namespace eddy
