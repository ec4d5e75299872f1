// FinalSync: a sync after which there is no way back: what is to be safe is there already.
#pragma once

#include <eddy/base/text.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/core/internal/operation.hpp>
#include <eddy/core/task.hpp>
#include <eddy/file/internal/storage.hpp>

namespace eddy::internal {

// The directory that a name is made in, open for its sync.
struct ParentDirectory {
  UniqueFd fd;
  Storage::Mount* mount = nullptr;  // that it is on
  // Nobody may read it, so that it cannot be opened: `fd` is a file in it, and all of its file
  // system is synced.
  bool whole_system = false;
};

// Opens that of `path`: before anything is done, so that it cannot fail after that. Where it may
// not be read, use_instead() is to follow.
Task<> open_directory_of(Text path, ParentDirectory& directory);
// 0, or an errno.
int use_instead(ParentDirectory& directory, int file);

// No cancel reaches it: that stays pending. What the kernel has no thread for is a plain call. The
// descriptor must stay open. The subject of a failure is the caller's to add.
class FinalSync : public Operation {
 public:
  FinalSync(int fd, Storage::Mount& mount) noexcept;

  void await_suspend(std::coroutine_handle<> frame);
  Expected<int> await_outcome();

 private:
  static bool refuse(Waiter&);
  bool was_not_done() const noexcept;

  int fd_;
  Storage::Mount& mount_;
  Storage::RemoteCall remote_;
};

// The same by a thread for the file system of a directory that could not be opened. 0. It makes
// frames, which a FinalSync does not: after the deed memory may be missing.
Task<int> sync_whole_system(const ParentDirectory& directory);

}  // namespace eddy::internal
