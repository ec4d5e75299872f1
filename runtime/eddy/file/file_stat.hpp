// FileStat: what the file system knows of a file.
#pragma once

#include <eddy/base/text.hpp>
#include <eddy/core/task.hpp>
#include <eddy/file/internal/file_id.hpp>
#include <eddy/file/internal/storage.hpp>

#include <chrono>
#include <cstdint>
#include <sys/stat.h>

namespace eddy {

// Nanoseconds, from 1677 to 2262. A time that a file system keeps beyond is the last one of these,
// or the first.
using FileTime = std::chrono::sys_time<std::chrono::nanoseconds>;

struct FileStat {
  std::uint64_t size = 0;
  std::uint64_t inode = 0;
  std::uint64_t blocks = 0;  // of 512 bytes
  std::uint32_t mode = 0;    // type and permissions, as in stat(2)
  std::uint32_t links = 0;
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::uint32_t block_size = 0;
  std::uint64_t device = 0;  // a dev_t: what stat(2) says, and minor(3) takes apart
  FileTime accessed;
  FileTime modified;
  FileTime changed;

  bool is_file() const noexcept { return S_ISREG(mode); }
  bool is_dir() const noexcept { return S_ISDIR(mode); }
  bool is_symlink() const noexcept { return S_ISLNK(mode); }
  bool is_socket() const noexcept { return S_ISSOCK(mode); }
  bool is_fifo() const noexcept { return S_ISFIFO(mode); }
  bool is_block_device() const noexcept { return S_ISBLK(mode); }
  bool is_char_device() const noexcept { return S_ISCHR(mode); }
};

namespace internal {

inline FileId id_of(const FileStat& stat) noexcept { return {stat.device, stat.inode}; }

// statx(2) of `path` below `fd` with those AT_* flags; a failure names `subject`.
Task<FileStat> read_stat(int fd, Text path, int flags, Storage::Mount& mount, FilePolicy policy,
                         Text subject);

// The same as one plain call, by the older one where a filter of system calls does not know it.
int statx_or_older(int fd, const char* path, int flags, struct statx& into);
FileStat to_stat(const struct statx& from);
FileTime to_time(const struct statx_timestamp& stamp);
bool is_fifo(int fd) noexcept;

}  // namespace internal

}  // namespace eddy
