#include <eddy/file/directory_entry.hpp>

#include <eddy/core/internal/misuse.hpp>

namespace eddy {

fs::Call<FileStat> DirectoryEntry::stat() const { return fs::stat(path_); }
fs::Call<FileStat> DirectoryEntry::lstat() const { return fs::lstat(path_); }

void internal::refuse_next(const EntrySource* source) {
  if (source) throw UsageError("the entries of a directory have one consumer at a time");
  throw_misuse("next() of the entries of a directory that were moved from");
}

}  // namespace eddy
