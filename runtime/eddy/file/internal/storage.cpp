#include <eddy/file/internal/storage.hpp>

#include <eddy/base/internal/kernel_file.hpp>
#include <eddy/base/internal/sys.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <cstdio>
#include <utility>

namespace eddy::internal {
namespace {

// A call on one of these goes over a network, or to another process.
bool is_remote(std::string_view type) noexcept {
  constexpr std::array names = {
      "nfs",    "nfs4",    "cifs",      "smb3",   "smbfs", "9p",    "afs",
      "autofs", "ceph",    "coda",      "fuse",   "gfs2",  "gpfs",  "lustre",
      "ncpfs",  "fuseblk", "glusterfs", "beegfs", "ocfs2", "orangefs", "virtiofs"};
  return type.starts_with("fuse.") || std::ranges::find(names, type) != names.end();
}

// Blanks in mount points are written as \040.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      const auto digit = [&](std::size_t place) { return text[i + place] - '0'; };
      plain += static_cast<char>(digit(1) * 64 + digit(2) * 8 + digit(3));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// Takes the part of `text` before `end`, or all of it.
std::string_view take_until(std::string_view& text, std::string_view end) noexcept {
  const auto place = text.find(end);
  const std::string_view part = text.substr(0, place);
  text.remove_prefix(place == std::string_view::npos ? text.size() : place + end.size());
  return part;
}

bool contains(std::string_view directory, std::string_view path) noexcept {
  if (!path.starts_with(directory)) return false;
  return directory.ends_with('/') || path.size() == directory.size() ||
         path[directory.size()] == '/';
}

// Of the cheapest call there is: a filter and the way into the kernel and back. The least of a few,
// since somebody else may have had the processor.
Duration measure_call() noexcept {
  constexpr int calls = 8;
  Duration least = Duration::max();
  for (int round = 0; round < 3; ++round) {
    const Instant start = sys::now();
    for (int i = 0; i < calls; ++i) static_cast<void>(sys::getppid());
    least = std::min(least, (sys::now() - start) / calls);
  }
  return least;
}

// Of this process; 0 until somebody has looked.
std::atomic<Duration::rep> cost_of_process = 0;

}  // namespace

Storage::Storage(Loop& loop)
    : loop_(loop),
      slow_call_(loop.options().slow_call),
      measures_(!loop.options().virtual_time),  // where a run is to be the same each time
      mounts_(1, Mount{.path = "/"}),
      writes_quietly_(!(loop.options().without & feature_quiet_write)) {
  call_cost_ = Duration(measures_ ? cost_of_process.load(std::memory_order_relaxed) : 0);
  if (call_cost_ == Duration::zero()) look_at_cost();
  load_current();
}

void Storage::load_current() {
  char directory[PATH_MAX];
  const char* here = sys::getcwd(directory, sizeof directory);
  const std::string mountinfo = read_kernel_file("/proc/self/mountinfo");
  // Without a descriptor for it what was known stays: a remote mount is one still.
  load(std::string_view(mountinfo.empty() ? table_ : mountinfo), here ? here : "/");
  if (mountinfo.empty()) stale_at_ = later(loop_.now(), try_table_again);
}

// Each line: id parent major:minor root MOUNT-POINT options [tags] - TYPE source options
void Storage::load(std::string_view mountinfo, std::string_view working_directory) {
  stale_at_ = later(loop_.now(), table_age);
  working_directory_ = working_directory.ends_with('/') ? "" : working_directory;
  if (mountinfo == table_) return;
  std::string table(mountinfo);
  std::vector<std::pair<Mount*, bool>> found;  // ... and whether it is remote
  while (!mountinfo.empty()) {
    std::string_view type = take_until(mountinfo, "\n");
    std::string_view fields = take_until(type, " - ");
    for (int i = 0; i < 4; ++i) take_until(fields, " ");
    const std::string point = unescape(take_until(fields, " "));
    if (!point.starts_with('/')) continue;
    auto mount = std::ranges::find(mounts_, point, &Mount::path);
    if (mount == mounts_.end()) {
      mount = mounts_.insert(mount, Mount{.path = point, .present = false});
    }
    found.emplace_back(&*mount, is_remote(take_until(type, " ")));
  }
  special_.reserve(mounts_.size());  // so that judge() needs no memory
  // From here on nothing fails: what was known stays until all of the new is.
  table_ = std::move(table);
  for (Mount& mount : mounts_) mount.present = false;
  EDDY_ASSERT(mounts_.front().path == "/");
  mounts_.front().present = true;
  for (const auto& [mount, remote] : found) {
    mount->present = true;
    mount->remote = remote;  // of two on one point the last is on top
  }
  special_.clear();
  for (Mount& mount : mounts_) {
    const bool slow = mount.slow_until != Instant::min();
    if (mount.present && (mount.remote || slow)) special_.push_back(&mount);
  }
}

bool Storage::holds(const Mount& mount, std::string_view path) const noexcept {
  if (!mount.present) return false;
  if (path.starts_with('/')) return contains(mount.path, path);
  if (contains(mount.path, working_directory_)) return true;
  const std::string_view point = mount.path;
  const std::size_t length = working_directory_.size();
  return point.size() > length && point.starts_with(working_directory_) && point[length] == '/' &&
         contains(point.substr(length + 1), path);
}

Storage::Mount& Storage::find(std::string_view path) {
  Mount* best = &mounts_.front();
  // Nearly every path is on none of the few that matter.
  if (std::ranges::none_of(special_, [&](Mount* mount) { return holds(*mount, path); })) {
    return *best;
  }
  for (Mount& mount : mounts_) {
    if (mount.path.size() > best->path.size() && holds(mount, path)) best = &mount;
  }
  EDDY_ASSERT(best->present);
  return *best;
}

Storage::Mount& Storage::mount_of_descriptor(int fd) {
  if (loop_.now() >= stale_at_) load_current();
  if (special_.empty()) return mounts_.front();
  char link[32];
  char path[PATH_MAX];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const auto length = sys::readlink(link, path, sizeof path);
  if (length <= 0 || path[0] != '/') return mounts_.front();  // a pipe; or there is no /proc
  return find(std::string_view(path, static_cast<std::size_t>(length)));
}

void Storage::end_rest(Mount& mount) noexcept {
  EDDY_ASSERT(mount.slow_until != Instant::min());
  if (mount.slow_until > loop_.now()) return;
  mount.slow_until = Instant::min();
  if (!mount.remote) std::erase(special_, &mount);
}

Instant Storage::real_time() noexcept { return sys::now(); }

// A call that was slow, or one on a mount that was.
void Storage::judge(Mount& mount, Duration took) noexcept {
  if (took <= slow_call_) {
    if (mount.slow_streak > 0 && ++mount.quick_streak == quick_calls_again) mount.slow_streak = 0;
    return;
  }
  EDDY_ASSERT(mount.slow_streak <= rest_doublings);
  ++slow_calls_;
  mount.quick_streak = 0;
  if (mount.slow_until == Instant::min() && !mount.remote) special_.push_back(&mount);
  const Duration longest = loop_.options().slow_rest;
  const Duration rest = longest / (1 << (rest_doublings - mount.slow_streak));
  mount.slow_until = later(loop_.now(), rest);
  if (mount.slow_streak < rest_doublings) ++mount.slow_streak;
}

void Storage::look_at_cost() noexcept {
  if (!measures_) return;
  call_cost_ = measure_call();
  cost_of_process.store(call_cost_.count(), std::memory_order_relaxed);
}

// Asked where a call is dearer than a request. Who begins a batch trusts that the tasks that are to
// run in this turn bring requests too; when none came, the next ones are inline, twice as many each
// time.
bool Storage::batch_pays() noexcept {
  const Ring& ring = loop_.ring();
  if (ring.unsubmitted()) return true;
  if (!loop_.more_ready()) return false;
  if (alone_for_ > 0) {
    --alone_for_;
    return false;
  }
  const bool asked = began_at_ != not_begun;
  if (asked && ring.pushed() == began_at_ + 1) {
    doubts_ = std::min(doubts_ + 1, most_doubts);
    alone_for_ = (1u << doubts_) - 1;
    began_at_ = not_begun;
    return false;
  }
  EDDY_ASSERT(doubts_ <= most_doubts);
  if (asked) doubts_ = 0;
  began_at_ = ring.pushed();
  return true;
}

void Storage::spare(int change) noexcept {
  loop_.ring().kernel().add_workers(change);
}

void Storage::count_remote(int change) noexcept {
  const int before = std::exchange(remote_calls_, remote_calls_ + change);
  EDDY_ASSERT(remote_calls_ >= 0);
  const auto counted = [](int calls) { return std::min(calls, most_remote_workers); };
  const int more = counted(remote_calls_) - counted(before);
  if (more != 0) loop_.ring().kernel().add_workers(more);
}

bool Storage::turn_is_over() noexcept {
  if (calls_ < calls_per_turn && held_ < slow_call_) return false;
  calls_ = 0;
  held_ = {};
  return true;
}

void Storage::add_to(Stats& stats) const {
  stats.inline_calls += inline_calls_;
  stats.inline_longest = std::max(stats.inline_longest, longest_);
  stats.slow_calls += slow_calls_;
}

}  // namespace eddy::internal
