// WatchVisit: begins the watch of one path, then reads the entries of that directory.
//
// In this order, so that nothing is lost between: what comes after the watch began is told by the
// kernel, what was there before is found. Both may wait where the file system is remote: run() is
// called in place, or by a thread.
#pragma once

#include <eddy/base/text.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/file/internal/watch_tree.hpp>
#include <eddy/work/internal/blocking_calls.hpp>

#include <dirent.h>

#include <cstdint>
#include <string_view>

namespace eddy::internal {

class WatchVisit final : public BlockingCall {
 public:
  enum class Of { path, directory, root_directory };  // only the first need not be a directory

  // `inotify` stays open until run() has returned for the last time.
  WatchVisit(int inotify, Text path, std::uint32_t mask, Of of) noexcept
      : inotify_(inotify), path_(std::move(path)), mask_(mask), of_(of) {}
  struct Directory {
    Text path;
    FileId id;
  };
  // It is `name` in `parent`, below `root`. When another stands at the path of the one by now it is
  // ESTALE, and where the root is not at its path any more, EXDEV.
  void is_in(Directory parent, Text name, Directory root) noexcept {
    parent_ = std::move(parent);
    name_ = std::move(name);
    root_ = std::move(root);
  }
  // For a thread, which may be in a call when everybody has let go of this: with a descriptor of
  // its own.
  void keep(UniqueFd inotify) noexcept {
    inotify_ = inotify.get();
    kept_ = std::move(inotify);
  }

  bool has_own_descriptor() const noexcept { return static_cast<bool>(kept_); }

  // The first time: begins the watch. Then, each time: reads more entries.
  void run() noexcept override;

  bool begun() const noexcept { return watch_ != 0; }
  int watch() const noexcept { return watch_; }  // or -errno
  bool is_directory() const noexcept { return static_cast<bool>(directory_); }
  FileId id() const noexcept { return id_; }

  // What was read, one after the other; when nothing is left there is more, unless at_end().
  bool empty() const noexcept { return next_ >= end_; }
  bool at_end() const noexcept { return ended_; }
  std::string_view name() const noexcept;
  bool name_is_dir() const noexcept;
  void pop() noexcept;

 private:
  void begin() noexcept;
  void read() noexcept;
  int add() noexcept;
  int open_directory() noexcept;
  static UniqueFd open_path(const Directory& directory) noexcept;
  const dirent64& entry() const noexcept;
  bool is_dir(const char* name, unsigned char type) const noexcept;

  int inotify_;
  UniqueFd kept_;
  UniqueFd directory_;
  Text path_;
  Text name_;
  std::uint32_t mask_;
  Of of_;
  Directory parent_;
  Directory root_;
  FileId id_;
  int watch_ = 0;  // the kernel's begin at 1
  bool ended_ = false;
  std::size_t next_ = 0;
  std::size_t end_ = 0;
  alignas(8) char entries_[16 * 1024];
};

}  // namespace eddy::internal
