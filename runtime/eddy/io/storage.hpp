// Storage: where a file operation runs that the kernel would hand to a worker thread.
//
// Buffered writes, stat, rename, unlink, mkdir and open with O_CREAT cost 2 to 70 times a plain system
// call on the ring, while the plain call holds the loop for as long as the disk takes. `automatic`
// (LoopOptions.file_policy) calls inline on local file systems, uses the ring for remote ones, and
// moves a mount to the ring for a while when a call on it was slow. Which file systems are remote is
// read from /proc/self/mountinfo, which touches none of them.
#pragma once

#include <eddy/core/loop.hpp>

#include <deque>
#include <string>
#include <string_view>

namespace eddy {

class Storage : public LoopService {
 public:
  struct Mount {
    std::string path;
    bool remote = false;
    Instant slow_until = Instant::min();
  };

  explicit Storage(Loop& loop);

  static Storage& current() { return Loop::current().service<Storage>(); }

  // The mount that `path` is on, as far as its name tells; stays valid as long as the loop.
  Mount& mount_of(std::string_view path);

  // True: do it with a plain call, inside of measure().
  bool inline_allowed(Mount& mount, FilePolicy policy) noexcept {
    if (policy != FilePolicy::automatic) return policy == FilePolicy::inline_;
    if (mount.slow_until != Instant::min()) [[unlikely]] refresh(mount);
    return !mount.remote && mount.slow_until == Instant::min();
  }
  FilePolicy policy() const noexcept { return loop_.options().file_policy; }

  // Does `call()` and counts how long it held the loop.
  template <class F>
  int measure(Mount& mount, F&& call) {
    const Instant start = std::chrono::steady_clock::now();
    const int result = call();
    count(mount, std::chrono::steady_clock::now() - start);
    return result;
  }

  // True once in a while: the task that made inline calls gives the others a turn, so that a loop
  // over files that never waits starves nobody.
  bool turn_is_over() noexcept;

  // Reads a table in the format of /proc/self/mountinfo.
  void load(std::string_view mountinfo, std::string_view working_directory);

  void add_to(Stats& stats) const override;

 private:
  void load_current();
  void refresh(Mount& mount) noexcept;
  void count(Mount& mount, Duration took) noexcept;

  static constexpr unsigned calls_per_turn = 16;

  Loop& loop_;
  std::deque<Mount> mounts_;  // the first is the fallback for everything; addresses stay valid
  bool any_special_ = false;  // some mount is remote, or was slow: which one a path is on matters
  std::string working_directory_;
  unsigned calls_ = 0;
  std::uint64_t inline_calls_ = 0;
  std::uint64_t slow_calls_ = 0;
  Duration longest_{};
};

}  // namespace eddy
