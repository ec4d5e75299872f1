#include <eddy/file/internal/directory_stack.hpp>

#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/file_call.hpp>

#include <fcntl.h>

#include <algorithm>

namespace eddy::internal {

// A path that is longer by a name, until the directory of that name is there or is not.
class DirectoryStack::Longer {
 public:
  Longer(std::string& path, std::string_view name) : path_(path), before_(path.size()) {
    path.reserve(path.size() + 1 + name.size());
    if (!path.empty() && !path.ends_with('/')) path += '/';
    path += name;
  }
  Longer(const Longer&) = delete;
  Longer& operator=(const Longer&) = delete;
  ~Longer() { if (!kept_) path_.resize(before_); }
  void keep() noexcept { kept_ = true; }
  std::size_t before() const noexcept { return before_; }

 private:
  std::string& path_;
  std::size_t before_;
  bool kept_ = false;
};

FileType type_of_mode(std::uint32_t mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG: return FileType::file;
    case S_IFDIR: return FileType::directory;
    case S_IFLNK: return FileType::symlink;
    case S_IFIFO: return FileType::fifo;
    case S_IFSOCK: return FileType::socket;
    case S_IFBLK: return FileType::block_device;
    case S_IFCHR: return FileType::character_device;
    default: return FileType::unknown;
  }
}

FileType told_type(const dirent64& entry) noexcept { return type_of_mode(DTTOIF(entry.d_type)); }

Text DirectoryStack::path_of(std::string_view name) {
  if (name.empty()) return Text(path_);
  const Longer longer(path_, name);
  return Text(path_);
}

DirectoryEntry DirectoryStack::entry_of(std::string_view name, FileType type,
                                        std::uint64_t inode) {
  return DirectoryEntry(path_of(name), name.size(), type, inode);
}

// Where there is no descriptor left, one of the outer ones is closed for it.
Task<UniqueFd> DirectoryStack::open(int directory, const char* name, int flags) {
  for (;;) {
    auto opened = co_await as_outcome(open_directory_at(directory, name, flags, mount()));
    if (opened) co_return std::move(*opened);
    const bool none_left = opened.error().is_error(EMFILE) || opened.error().is_error(ENFILE);
    if (!none_left || !close_one()) {
      co_await fail(named(std::move(opened.error()), verb_, Text(path_)));
    }
  }
}

Task<> DirectoryStack::enter_root(const Text& path, int flags) {
  EDDY_ASSERT(empty());
  path_.clear();
  Longer longer(path_, path.view());
  EDDY_TRY(auto fd, open(AT_FDCWD, path.c_str(), flags));
  push(std::move(fd), 0);
  longer.keep();
}

Task<> DirectoryStack::enter(const char* name, int flags) {
  const int above = fd();
  Longer longer(path_, name);
  if (levels_.size() - first_open_ >= most_open) close_one();
  EDDY_TRY(auto fd, open(above, name, flags));
  push(std::move(fd), longer.before());
  longer.keep();
}

void DirectoryStack::push(UniqueFd fd, std::size_t above) {
  levels_.push_back({.reader = DirectoryReader(std::move(fd)), .above = above});
}

Task<> DirectoryStack::leave() {
  const std::size_t above = top().above;
  Expected<void> done;
  if (levels_.size() > 1 && first_open_ + 1 == levels_.size()) {
    const std::string whole = path_;
    path_.resize(above);
    Level& parent = levels_[levels_.size() - 2];
    auto opened = co_await as_outcome(open_again(fd(), *parent.id));
    if (!opened && !opened.error().is_error()) {
      path_ = whole;
      co_await fail(std::move(opened.error()));
    }
    parent.lost = !opened;
    if (opened) parent.reader.open_again(std::move(*opened));
    if (!opened) done = std::unexpected(std::move(opened.error()));
    --first_open_;
  }
  path_.resize(above);
  levels_.pop_back();
  if (!done) co_await fail(std::move(done.error()));
}

// From the one `below`, unless that was entered by a link or is somewhere else by now.
Task<UniqueFd> DirectoryStack::open_again(int below, FileId id) {
  if (below >= 0) {
    auto parent = co_await as_outcome(open(below, "..", 0));
    if (parent && id_of(parent->get()) == id) co_return std::move(*parent);
    if (!parent && !parent.error().is_error()) co_await fail(std::move(parent.error()));
  }
  EDDY_TRY(auto found, open(AT_FDCWD, path_.c_str(), 0));
  if (id_of(found.get()) == id) co_return std::move(found);
  co_await fail(Failure::error(ESTALE, verb_, Text(path_)));
  co_return UniqueFd();  // never
}

Task<bool> DirectoryStack::fill() {
  if (is_lost()) co_return false;
  auto filled = co_await as_outcome(top().reader.fill(mount()));
  if (!filled) co_await fail(named(std::move(filled.error()), verb_, Text(path_)));
  co_return *filled;
}

Task<const dirent64*> DirectoryStack::next() {
  for (;;) {
    if (const dirent64* entry = take()) co_return entry;
    EDDY_TRY(const bool filled, fill());
    if (!filled) co_return nullptr;
  }
}

Task<FileType> DirectoryStack::type_of(const dirent64& entry) {
  if (entry.d_type != DT_UNKNOWN) co_return told_type(entry);
  const FilePolicy policy = Storage::current().policy();
  auto found = co_await as_outcome(
      read_stat(fd(), Text(entry.d_name), AT_SYMLINK_NOFOLLOW, mount(), policy, Text()));
  if (found) co_return type_of_mode(found->mode);
  if (found.error().is_error()) co_return FileType::unknown;
  untake(entry);
  co_await fail(std::move(found.error()));
  co_return FileType::unknown;  // never
}

// The outermost one that is open. False: there is none but the innermost.
bool DirectoryStack::close_one() noexcept {
  if (first_open_ + 1 >= levels_.size() || !identify(levels_[first_open_])) return false;
  levels_[first_open_].reader.close();
  ++first_open_;
  return true;
}

bool DirectoryStack::identify(Level& level) noexcept {
  if (!level.id && !level.lost) level.id = id_of(level.reader.fd());
  return level.id.has_value();
}

bool DirectoryStack::is_loop() noexcept {
  if (!identify(top())) return false;
  return std::any_of(levels_.begin(), levels_.end() - 1, [this](Level& level) {
    return identify(level) && level.id == top().id;
  });
}

}  // namespace eddy::internal
