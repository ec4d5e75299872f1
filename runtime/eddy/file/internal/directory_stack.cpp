#include <eddy/file/internal/directory_stack.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/file_call.hpp>

#include <sys/sysmacros.h>

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

Text DirectoryStack::path_of(std::string_view name) const {
  if (name.empty()) return Text(path_);
  std::string whole;
  whole.reserve(path_.size() + 1 + name.size());
  whole += path_;
  const Longer longer(whole, name);
  return Text(whole);
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
  const Level below = std::move(top());
  levels_.pop_back();
  path_.resize(below.above);
  if (empty() || first_open_ < levels_.size()) co_return;
  EDDY_ASSERT(top().identity);
  first_open_ = levels_.size() - 1;
  auto opened = co_await as_outcome(open_again(below.reader.fd(), *top().identity));
  top().lost = !opened;
  if (!opened) co_await fail(std::move(opened.error()));
  top().reader.open_again(std::move(*opened));
}

// From the one `below`, unless that was entered by a link or is somewhere else by now.
Task<UniqueFd> DirectoryStack::open_again(int below, const Identity& identity) {
  if (below >= 0) {
    auto parent = co_await as_outcome(open(below, "..", 0));
    if (parent && identity_of(parent->get()) == identity) co_return std::move(*parent);
    if (!parent && !parent.error().is_error()) co_await fail(std::move(parent.error()));
  }
  EDDY_TRY(auto found, open(AT_FDCWD, path_.c_str(), 0));
  if (identity_of(found.get()) == identity) co_return std::move(found);
  co_await fail(Failure::error(ESTALE, verb_, Text(path_)));
  co_return UniqueFd();  // never
}

Task<bool> DirectoryStack::fill() {
  if (is_lost()) co_return false;
  auto filled = co_await as_outcome(top().reader.fill(mount()));
  if (!filled) co_await fail(named(std::move(filled.error()), verb_, Text(path_)));
  co_return *filled;
}

// The outermost one that is open. False: there is none but the innermost.
bool DirectoryStack::close_one() noexcept {
  if (first_open_ + 1 >= levels_.size() || !identify(levels_[first_open_])) return false;
  levels_[first_open_].reader.close();
  ++first_open_;
  return true;
}

bool DirectoryStack::identify(Level& level) noexcept {
  if (!level.identity && !level.lost) level.identity = identity_of(level.reader.fd());
  return level.identity.has_value();
}

// By what is known of it here: a server is not asked.
std::optional<DirectoryStack::Identity> DirectoryStack::identity_of(int fd) noexcept {
  struct statx found;
  if (sys::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &found) == 0) {
    return Identity{::makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino};
  }
  struct stat older;
  if (sys::fstat(fd, &older) < 0) return std::nullopt;
  return Identity{older.st_dev, older.st_ino};
}

bool DirectoryStack::is_loop() noexcept {
  if (!identify(top())) return false;
  return std::any_of(levels_.begin(), levels_.end() - 1, [this](Level& level) {
    return identify(level) && level.identity == top().identity;
  });
}

}  // namespace eddy::internal
