// What fs does to a path component by component, by the calls of fs.cpp.
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/internal/path.hpp>

#include <algorithm>
#include <climits>

namespace eddy {
using namespace internal;
namespace {

// Of "a/b//" that is "a"; of what has no parent in its name, nothing.
std::string_view parent_of(std::string_view path) noexcept {
  while (path.ends_with('/')) path.remove_suffix(1);
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  path = path.substr(0, slash + 1);
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

// From the innermost on, until one cannot be removed. A request to cancel ends it too, and stays
// pending: what was done before is told.
Task<> prune(std::string_view path) {
  for (; !path.empty() && path != "/"; path = parent_of(path)) {
    auto done = co_await as_outcome(fs::rmdir(Text(path)));
    if (done) continue;
    if (done.error().is_cancelled()) {
      thread_state.task->keep_cancel_pending();
    } else if (!done.error().is_error()) {
      co_await fail(std::move(done.error()));
    }
    co_return;
  }
}

void drop_last(std::string& path) {
  EDDY_ASSERT(path.starts_with('/'));
  path.resize(std::max<std::size_t>(path.rfind('/'), 1));
}

void append(std::string& path, std::string_view name) {
  EDDY_ASSERT(!path.empty());
  if (!path.ends_with('/')) path += '/';
  path += name;
}

// Takes the first component of `rest`.
std::string take_component(std::string& rest) {
  const auto begin = std::min(rest.find_first_not_of('/'), rest.size());
  const auto end = std::min(rest.find('/', begin), rest.size());
  std::string name = rest.substr(begin, end - begin);
  rest.erase(0, end);
  EDDY_ASSERT(name.find('/') == std::string::npos);
  return name;
}

std::string absolute(std::string_view path) {
  if (path.starts_with('/')) return std::string(path);
  std::string whole = fs::getcwd();
  append(whole, path);
  return whole;
}

}  // namespace

namespace fs {

Task<bool> samefile(Text path, Text other) {
  EDDY_TRY(const FileStat one, stat(path));
  EDDY_TRY(const FileStat two, stat(other));
  co_return id_of(one) == id_of(two);
}

bool sameopenfile(int fd, int other) {
  const auto id = id_of(fd);
  const auto other_id = id ? id_of(other) : std::nullopt;
  if (!other_id) throw Error(errno, "stat");
  return id == other_id;
}

Task<> renames(Text from, Text to) {
  if (const Text parent(parent_of(to.view())); !parent.empty()) {
    EDDY_DO(makedirs(parent, {.exist_ok = true}));
  }
  EDDY_DO(rename(from, to));
  EDDY_DO(prune(parent_of(from.view())));
}

Task<> removedirs(Text path) {
  EDDY_DO(rmdir(path));
  EDDY_DO(prune(parent_of(path.view())));
}

Task<> makedirs(Text path, MkdirOptions options) {
  auto made = co_await as_outcome(mkdir(path, options));
  if (made) co_return;
  const Text parent(parent_of(path.view()));
  if (!made.error().is_error(ENOENT) || parent.empty()) co_await fail(std::move(made.error()));
  EDDY_DO(makedirs(parent, {.exist_ok = true}));
  EDDY_DO(mkdir(path, options));
}

std::string getcwd() {
  char path[PATH_MAX];
  if (!sys::getcwd(path, sizeof path)) throw Error(errno, "getcwd");
  return path;
}

std::string abspath(Text path) {
  std::string rest = absolute(path_of(path));
  std::string whole = "/";
  for (std::string name; name = take_component(rest), !name.empty();) {
    if (name == "..") {
      drop_last(whole);
    } else if (name != ".") {
      append(whole, name);
    }
  }
  return whole;
}

Task<std::string> realpath(Text path, bool strict) {
  constexpr int most_links = 40;  // as the kernel's
  std::string rest = absolute(path_of(path));
  std::string found = "/";
  int links = 0;
  for (std::string name; name = take_component(rest), !name.empty();) {
    if (name == ".") continue;
    if (name == "..") {
      drop_last(found);
      continue;
    }
    append(found, name);
    if (links > most_links) continue;
    const Text here(found);
    auto target = co_await as_outcome(readlink(here));
    const int error = target ? 0 : target.error().code();
    if (target) {
      if (++links > most_links && strict) co_await fail(Failure::error(ELOOP, "realpath", path));
      if (links > most_links) continue;
      rest = *target + "/" + rest;
      drop_last(found);
      if (target->starts_with('/')) found = "/";
    } else if (!target.error().is_error()) {
      co_await fail(std::move(target.error()));
    } else if (strict && error != EINVAL) {  // which says that it is no link
      co_await fail(Failure::error(error, "realpath", path));
    }
  }
  EDDY_ASSERT(found.starts_with('/'));
  co_return found;
}

}  // namespace fs
}  // namespace eddy
