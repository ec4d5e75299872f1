// fs::watch: what changes in the file system, as it changes (inotify(7)).
//
//   fs::Watch changes = co_await fs::watch("spool", {.recursive = true});
//   while (auto change = co_await changes.next()) handle(change->path, change->kind);
//
// A watched path is the thing that stands there when the watch begins, a link's target included: a
// file that is replaced by rename(2) is another one, and only a watch of its directory tells of it.
// Of a directory the entries are told, with their names.
//
// `recursive` watches every directory below as well. What is put into a new one before its watch
// stands is told as created when that is found: once or, in that moment, twice; never not at all.
// A directory that is renamed within the tree goes on under its new name, one that leaves it is
// let go. Once the path of the root leads elsewhere, new directories are told as ended: nobody can
// look into them. Symbolic links are not followed. The memory is that of a name for each directory.
//
// The kernel keeps fs.inotify.max_queued_events, and drops what is more: then `overflow` is told
// where the gap is, and whoever must know everything looks for himself. Below a recursive watch the
// directories that were missed are found again, and told with what they hold as created. The same
// is told where names are no help: two directories have changed places (RENAME_EXCHANGE), which the
// kernel tells as two renames, or one was renamed there and back.
//
// Waits on the ring, with no thread. Watches of remote file systems tell what this host does alone,
// and begin on a thread.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/text.hpp>
#include <eddy/core/task.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace eddy {

namespace internal {
class WatchState;
}

namespace fs {

enum class Change : std::uint16_t {
  created = 1,
  modified = 2,     // its bytes, or its size
  written = 4,      // closed by somebody who could write
  attributes = 8,   // rights, times, owner, number of links
  deleted = 16,
  moved_from = 32,  // the old name; has the cookie of the moved_to, if that is watched too
  moved_to = 64,
  all = 127,

  // Told always:
  overflow = 128,   // what happened here is not known; no path
  unmounted = 256,
  ended = 512,      // nothing more is told of this path: it is gone, or cannot be read
};
constexpr Change operator|(Change a, Change b) noexcept {
  return static_cast<Change>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool operator&(Change a, Change b) noexcept {
  return (static_cast<unsigned>(a) & static_cast<unsigned>(b)) != 0;
}

// Trivially copyable.
struct WatchOptions {
  Change kinds = Change::all;
  bool recursive = false;
};

struct WatchEvent {
  Text path;  // as it was given to watch(), with the name of the entry
  Change kind = Change::overflow;
  bool is_dir = false;
  std::uint32_t cookie = 0;
};

class Watch {
 public:
  Watch() noexcept;
  Watch(Watch&&) noexcept;
  Watch& operator=(Watch&&) noexcept;
  ~Watch();

  // The next change, in the kernel's order. Nothing once all of the paths have ended. Cancelled, or
  // failed for want of memory: none is lost. Several waiters are served in order. Throws Error:
  // ENOSPC where a new directory would be one watch too many, which is then not watched, ECANCELED
  // when the Watch is closed or dropped meanwhile. UsageError on another loop than its own.
  Task<std::optional<WatchEvent>> next();

  // Ends next() in other tasks. The kernel takes some 20 ms to forget the watches of a descriptor:
  // a worker of the ring's waits for that, as when the Watch is dropped. Idempotent.
  void close() noexcept;
  bool closed() const noexcept;
  // How many watches of the kernel's it has: one for each path, and each directory below.
  std::size_t watched() const noexcept;

 private:
  using State = internal::Counted<internal::WatchState>;
  friend Task<Watch> watch(std::vector<std::string> paths, WatchOptions options);
  explicit Watch(State state) noexcept;
  static Task<std::optional<WatchEvent>> next(State state);

  internal::Handle<internal::WatchState> state_;
};

// Resumes when the watch stands: whatever happens from then on is told. Cancelled or failed: there
// is none. Throws Error: ENOENT, EACCES, EMFILE, and ENOSPC, which names the limit to be raised.
// `paths` must be named before: GCC 12 takes no list inside of a co_await.
Task<Watch> watch(std::vector<std::string> paths, WatchOptions options = {});
Task<Watch> watch(Text path, WatchOptions options = {});

}  // namespace fs
}  // namespace eddy
