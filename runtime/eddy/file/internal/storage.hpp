// Storage: where a file operation runs that the kernel would hand to a worker thread.
//
// Buffered writes, stat, rename, unlink, mkdir and open with O_CREAT cost 2 to 70 times a plain
// system call on the ring, while the plain call holds the loop for as long as the disk takes.
// `automatic` (LoopOptions.file_policy) calls inline on local file systems, uses the ring for
// remote ones, and moves a mount to the ring for a while when a call on it was slow: for longer
// each time, so that a hiccup costs little and a slow disk is left alone. Which file systems are
// remote is read from /proc/self/mountinfo, which touches none of them.
//
// What is in the kernel's caches is read and opened inline too, by calls that refuse to wait for a
// disk, as long as a system call is cheap. Where it costs more than a request does, under a filter
// of system calls or on a virtual machine with page tables apart, the ring has it whenever others
// share the call that enters it: requests wait already, or more tasks are to run in this turn and
// the last ones of these brought requests as well. A call that would have the enter to itself stays
// inline on every host. What a call costs is measured once a process, and again after some thousand
// of them.
#pragma once

#include <eddy/core/loop.hpp>

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eddy::internal {

class Storage : public LoopService {
 public:
  struct Mount {
    std::string path;
    bool remote = false;
    bool present = true;  // false: unmounted since
    Instant slow_until = Instant::min();
    std::uint8_t slow_streak = 0;  // slow calls without `quick_calls_again` quick ones in between
    std::uint8_t quick_streak = 0;
  };

  explicit Storage(Loop& loop);

  static Storage& current() { return Loop::current().service<Storage>(); }

  // The mount that `path` is on, as far as its name tells; stays valid as long as the loop.
  Mount& mount_of(std::string_view path) {
    if (loop_.now() >= stale_at_) [[unlikely]] load_current();
    // While no mount is remote or slow it does not matter which one it is.
    EDDY_ASSERT(!mounts_.empty());
    return special_.empty() ? mounts_.front() : find(path);
  }

  // The one that an open file is on, under whatever name it is now: asks no file system.
  Mount& mount_of_descriptor(int fd);

  // True: do it with a plain call, inside of measure().
  bool inline_allowed(Mount& mount, FilePolicy policy) noexcept {
    if (policy != FilePolicy::automatic) return policy == FilePolicy::inline_;
    if (mount.slow_until != Instant::min()) [[unlikely]] end_rest(mount);
    return !mount.remote && mount.slow_until == Instant::min();
  }
  FilePolicy policy() const noexcept { return loop_.options().file_policy; }

  // The same for what the ring does without a worker as well, a cached read, an open or a close:
  // whether the plain call is the cheaper one of the two.
  bool inline_better(Mount& mount, FilePolicy policy) noexcept {
    if (!inline_allowed(mount, policy)) return false;
    return call_cost_ <= request_cost || policy == FilePolicy::inline_ || !batch_pays();
  }
  // A further step of what has begun a batch, perhaps: it is nobody else.
  void count_step() noexcept { if (began_at_ != not_begun) ++began_at_; }
  // What a system call costs here, whatever it does. Said, it is not measured any more.
  Duration call_cost() const noexcept { return call_cost_; }
  void assume_call_cost(Duration cost) noexcept {
    call_cost_ = cost;
    measures_ = false;
  }
  // What a request costs more than the same work by a call, without the call and the enter.
  static constexpr Duration request_cost = std::chrono::nanoseconds(125);

  // Does `call()` and counts how long it held the loop.
  template <class F>
  int measure(Mount& mount, F&& call) {
    const Instant start = real_time();
    const int result = call();
    const Duration took = real_time() - start;
    count_quick();
    held_ += took;
    longest_ = std::max(longest_, took);
    if (took > slow_call_ || mount.slow_streak > 0) [[unlikely]] judge(mount, took);
    return result;
  }

  // A call that cannot wait: counted, and not worth the time of two clocks.
  void count_quick() noexcept {
    if (++inline_calls_ % calls_per_look == 0) [[unlikely]] look_at_cost();
    ++calls_;
  }

  // True once in a while: the task that made inline calls gives the others a turn, so that a loop
  // over files that never waits starves nobody.
  bool turn_is_over() noexcept;

  // One thread of the kernel more, for a call that may wait for ever: it then holds none of the few
  // (LoopOptions.io_workers) that all other calls need. REQUIRES: there before that call begins
  class SpareWorker {
   public:
    explicit SpareWorker(Storage& storage) noexcept : storage_(storage) { storage_.spare(+1); }
    SpareWorker(const SpareWorker&) = delete;
    SpareWorker& operator=(const SpareWorker&) = delete;
    ~SpareWorker() { storage_.spare(-1); }

   private:
    Storage& storage_;
  };

  // The same for a call on a remote file system: while its server is dead none ends. Only for the
  // first `most_remote_workers` of them: more threads than that would cost others theirs.
  class RemoteCall {
   public:
    RemoteCall() = default;
    RemoteCall(RemoteCall&& other) noexcept : storage_(std::exchange(other.storage_, nullptr)) {}
    RemoteCall& operator=(RemoteCall&&) = delete;
    ~RemoteCall() { if (storage_) [[unlikely]] storage_->count_remote(-1); }
    // Before it is submitted, once.
    void begin(Storage& storage) noexcept {
      EDDY_ASSERT(!storage_);
      storage_ = &storage;
      storage.count_remote(+1);
    }

   private:
    Storage* storage_ = nullptr;
  };
  static constexpr int most_remote_workers = 64;

  // Writes to pipes may say RWF_NOSIGNAL, as long as nothing has refused it.
  bool writes_quietly() const noexcept { return writes_quietly_; }
  void write_loudly() noexcept { writes_quietly_ = false; }

  // Reads a table in the format of /proc/self/mountinfo. It is read again when it is older than
  // `table_age`.
  void load(std::string_view mountinfo, std::string_view working_directory);

  void add_to(Stats& stats) const override;

  static constexpr Duration table_age = std::chrono::seconds(30);
  static constexpr Duration try_table_again = std::chrono::seconds(1);  // it could not be read

 private:
  void load_current();
  Mount& find(std::string_view path);
  bool holds(const Mount& mount, std::string_view path) const noexcept;
  void end_rest(Mount& mount) noexcept;
  void spare(int change) noexcept;
  void count_remote(int change) noexcept;
  void judge(Mount& mount, Duration took) noexcept;
  bool batch_pays() noexcept;
  void look_at_cost() noexcept;
  static Instant real_time() noexcept;  // on virtual time none passes during a call

  static constexpr unsigned calls_per_turn = 16;
  static constexpr unsigned calls_per_look = 4096;
  static constexpr unsigned most_doubts = 6;
  static constexpr std::uint64_t not_begun = ~std::uint64_t{0};
  static constexpr unsigned quick_calls_again = 64;
  static constexpr unsigned rest_doublings = 6;

  Loop& loop_;
  Duration slow_call_;  // LoopOptions.slow_call
  Duration call_cost_{};
  bool measures_;
  std::uint64_t began_at_ = not_begun;  // requests so far when somebody began a batch
  unsigned doubts_ = 0;                 // batches in a row to which nobody else came ...
  unsigned alone_for_ = 0;              // ... so that so many do not begin one
  std::deque<Mount> mounts_;     // the first is the one of everything; addresses stay valid
  std::vector<Mount*> special_;  // the remote and the slow ones
  std::string table_;
  std::string working_directory_;  // without a slash at its end
  Instant stale_at_{};
  int remote_calls_ = 0;  // on the ring
  bool writes_quietly_;
  unsigned calls_ = 0;  // since the last turn that was given away
  Duration held_{};
  std::uint64_t inline_calls_ = 0;
  std::uint64_t slow_calls_ = 0;
  Duration longest_{};
};

}  // namespace eddy::internal
