// Directory: an open directory: what was done to the names in it is on the disk after its sync().
#pragma once

#include <eddy/file/file.hpp>

#include <utility>

namespace eddy {

class Directory;

// Fails with ENOTDIR for what is none. Cancelled: nothing is left open.
Task<Directory> open_directory(Text path);

// A handle, as File is one: may be moved while its calls are in progress, which are done in order;
// dropped, it is closed. A call on a closed one throws UsageError.
class Directory {
 public:
  Directory() = default;

  // Files that were made, renamed and removed in it stay so; what is in them needs a sync of its
  // own. EINVAL where the file system cannot.
  Task<> sync() { return file_.sync(); }
  Task<FileStat> stat() { return file_.stat(); }
  // Idempotent.
  Task<> close() { return file_.close(); }

  bool closed() const noexcept { return file_.closed(); }
  std::string_view name() const { return file_.name(); }
  // For calls that take a directory: openat(2) and the like.
  int fileno() const { return file_.fileno(); }

 private:
  friend Task<Directory> open_directory(Text path);
  explicit Directory(File file) noexcept : file_(std::move(file)) {}

  File file_;
};

}  // namespace eddy
