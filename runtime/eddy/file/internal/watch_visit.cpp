#include <eddy/file/internal/watch_visit.hpp>

#include <eddy/base/internal/sys.hpp>

#include <cstdio>

namespace eddy::internal {

void WatchVisit::run() noexcept {
  if (begun()) return read();
  begin();
}

void WatchVisit::begin() noexcept {
  if (of_ != Of::path) {
    directory_.reset(open_directory());
    if (!directory_ && (of_ == Of::directory || errno != ENOTDIR)) {
      watch_ = -errno;
      return;
    }
    if (directory_) id_ = id_of(directory_.get()).value_or(FileId());
  }
  watch_ = add();
  if (watch_ < 0) watch_ = -errno;
  EDDY_ASSERT(begun());
}

// None, and ESTALE, where it does not stand any more.
UniqueFd WatchVisit::open_path(const Directory& directory) noexcept {
  UniqueFd fd(sys::open(directory.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd && errno != ENOENT && errno != ENOTDIR && errno != ELOOP) return fd;
  if (fd && id_of(fd.get()) == directory.id) return fd;
  errno = ESTALE;
  return UniqueFd();
}

int WatchVisit::open_directory() noexcept {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  if (of_ == Of::root_directory) return sys::open(path_.c_str(), flags);
  const UniqueFd above = open_path(parent_);
  if (!above && errno == ESTALE && !open_path(root_) && errno == ESTALE) errno = EXDEV;
  if (!above) return -1;
  return sys::openat(above.get(), name_.c_str(), flags | O_NOFOLLOW);
}

// Of what is open, whatever has the name by now; by name where there is no /proc.
int WatchVisit::add() noexcept {
  if (!directory_) return sys::inotify_add_watch(inotify_, path_.c_str(), mask_);
  char link[32];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", directory_.get());
  const int watch = sys::inotify_add_watch(inotify_, link, mask_);
  if (watch >= 0 || (errno != ENOENT && errno != ENOTDIR)) return watch;
  return sys::inotify_add_watch(inotify_, path_.c_str(), mask_ | IN_ONLYDIR);
}

// An error is that of a directory which has gone, or which nobody can read.
void WatchVisit::read() noexcept {
  EDDY_ASSERT(directory_);
  EDDY_ASSERT(empty());
  const ssize_t got = sys::getdents64(directory_.get(), entries_, sizeof entries_);
  next_ = 0;
  end_ = got > 0 ? static_cast<std::size_t>(got) : 0;
  ended_ = got <= 0;
  // Some file systems do not say what they list.
  for (std::size_t at = 0; at < end_;) {
    auto& entry = *reinterpret_cast<dirent64*>(entries_ + at);
    EDDY_VERIFY(entry.d_reclen > 0);
    if (is_dir(entry.d_name, entry.d_type)) entry.d_type = DT_DIR;
    at += entry.d_reclen;
  }
}

bool WatchVisit::is_dir(const char* name, unsigned char type) const noexcept {
  if (type != DT_UNKNOWN) return type == DT_DIR;
  struct stat stat;
  return sys::fstatat(directory_.get(), name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(stat.st_mode);
}

const dirent64& WatchVisit::entry() const noexcept {
  EDDY_ASSERT(!empty());
  return *reinterpret_cast<const dirent64*>(entries_ + next_);
}

std::string_view WatchVisit::name() const noexcept { return entry().d_name; }
bool WatchVisit::name_is_dir() const noexcept { return entry().d_type == DT_DIR; }
void WatchVisit::pop() noexcept { next_ += entry().d_reclen; }

}  // namespace eddy::internal
