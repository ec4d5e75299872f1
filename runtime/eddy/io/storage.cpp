#include <eddy/io/storage.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace eddy {
namespace {

// A call on one of these goes over a network, or to another process.
bool is_remote(std::string_view type) noexcept {
  constexpr std::array names = {"nfs",  "nfs4",  "cifs",      "smb3", "smbfs",  "9p",
                                "afs",  "ceph",  "glusterfs", "coda", "lustre", "gpfs",
                                "ncpfs", "ocfs2", "gfs2",     "beegfs", "orangefs"};
  return type.starts_with("fuse") || std::ranges::find(names, type) != names.end();
}

// Blanks in mount points are written as \040.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool contains(std::string_view mount, std::string_view path) noexcept {
  if (!path.starts_with(mount)) return false;
  return mount.ends_with('/') || path.size() == mount.size() || path[mount.size()] == '/';
}

std::string read_whole(const char* path) {
  std::string text;
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  char buffer[4096];
  for (ssize_t count; fd && (count = ::read(fd.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

}  // namespace

Storage::Storage(Loop& loop) : loop_(loop) { load_current(); }

void Storage::load_current() {
  char directory[4096];
  const char* here = ::getcwd(directory, sizeof directory);
  load(read_whole("/proc/self/mountinfo"), here ? here : "/");
}

// Each line: id parent major:minor root MOUNT-POINT options [tags] - TYPE source options
void Storage::load(std::string_view mountinfo, std::string_view working_directory) {
  mounts_.clear();
  mounts_.push_back({.path = "/"});
  working_directory_ = working_directory;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    const auto separator = line.find(" - ");
    if (separator == std::string::npos) continue;
    std::istringstream fields(line);
    std::string field, point, type;
    for (int i = 0; i < 5; ++i) fields >> field;
    point = unescape(field);
    std::istringstream(line.substr(separator + 3)) >> type;
    if (point == "/") {
      mounts_.front().remote = is_remote(type);
    } else {
      mounts_.push_back({.path = point, .remote = is_remote(type)});
    }
  }
  any_special_ = std::ranges::any_of(mounts_, &Mount::remote);
}

Storage::Mount& Storage::mount_of(std::string_view path) {
  Mount* best = &mounts_.front();
  // Local mounts share the fallback until one of them is slow: then which is which matters.
  if (!any_special_) return *best;
  std::string absolute;
  if (!path.starts_with('/')) {
    absolute = working_directory_ + "/" + std::string(path);
    path = absolute;
  }
  for (Mount& mount : mounts_) {
    if (mount.path.size() > best->path.size() && contains(mount.path, path)) best = &mount;
  }
  return *best;
}

void Storage::refresh(Mount& mount) noexcept {
  if (mount.slow_until != Instant::min() && mount.slow_until <= loop_.now()) {
    mount.slow_until = Instant::min();
  }
}

void Storage::count(Mount& mount, Duration took) noexcept {
  ++inline_calls_;
  ++calls_;
  longest_ = std::max(longest_, took);
  if (took <= loop_.options().slow_call) return;
  ++slow_calls_;
  any_special_ = true;
  mount.slow_until = later(loop_.now(), loop_.options().slow_rest);
}

bool Storage::turn_is_over() noexcept {
  if (calls_ < calls_per_turn) return false;
  calls_ = 0;
  return true;
}

void Storage::add_to(Stats& stats) const {
  stats.inline_calls += inline_calls_;
  stats.inline_longest = std::max(stats.inline_longest, longest_);
  stats.slow_calls += slow_calls_;
}

}  // namespace eddy
