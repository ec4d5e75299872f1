// WatchState: what is behind a fs::Watch: an inotify descriptor, the paths of its watches, and the
// directories that are still to be looked into.
//
// What the kernel tells is taken in order, one event at a time, and only once nothing is left to be
// looked into. By then another thing may stand under a name: a directory is watched as what it is
// and not by its name, and only in the one in which it is expected.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/core/internal/completion_handler.hpp>
#include <eddy/core/internal/operation.hpp>
#include <eddy/file/internal/storage.hpp>
#include <eddy/file/internal/watch_tree.hpp>
#include <eddy/file/internal/watch_visit.hpp>
#include <eddy/file/watch.hpp>
#include <eddy/sync/lock.hpp>

#include <sys/inotify.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace eddy::internal {

class WatchState : public RefCounted<WatchState>, private CompletionHandler {
 public:
  using Told = std::optional<fs::WatchEvent>;

  // Throws Error when there is no descriptor.
  WatchState(Loop& loop, fs::WatchOptions options);
  ~WatchState();

  // Watches `paths`, and what is below them.
  Task<> begin(std::vector<std::string> paths);

  // One step, which may tell something; in the order in which they stand here.
  bool has_visits() const noexcept;
  Task<Told> visit_some();
  bool has_events() const noexcept { return next_ < end_; }
  Told take_event();
  bool at_end() const noexcept { return tree_.roots() == 0; }
  Task<> wait();

  void require_own_loop() const;
  bool dropped() const noexcept { return dropped_; }
  static Failure dropped_failure() noexcept;
  // The handle is closed, or gone. Idempotent.
  void drop() noexcept;
  std::size_t watched() const noexcept { return tree_.size(); }

  // While one is there the descriptor is open.
  class InUse {
   public:
    explicit InUse(WatchState& state) noexcept : state_(state) { ++state_.users_; }
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;
    ~InUse() { if (--state_.users_ == 0 && state_.dropped_) state_.close_now(); }

   private:
    WatchState& state_;
  };

  Lock turn;

 private:
  // A path that is to be watched, and looked into.
  struct Visit {
    int parent = WatchTree::none;  // none: `name` is a root's path
    std::string name;
    int expected = WatchTree::none;
    bool leaves = false;  // or so the kernel says
    bool tells = false;   // all that is in it, though it was told before under another name
  };
  struct Current : Visit {
    Text path;
    Storage::Mount* mount = nullptr;
    int watch = WatchTree::none;
  };
  class Readable;

  static std::uint32_t mask_of(const fs::WatchOptions& options) noexcept;
  void start_visit();
  void start_call();
  Task<> run_call();
  Told arrived();
  void look_into(int watch, bool wanted);
  bool has_left(int watch);
  Told not_watched(int code);
  [[noreturn]] void refuse(int code, const Text& path);
  Told take_entry();
  void end_visit() noexcept;
  void forget_some() noexcept;
  void look_again();
  void let_go_of_lost();
  void let_go(int watch);
  bool forget_displaced() noexcept;

  Told tell(const inotify_event& event, std::string_view name) const;
  Told tell(fs::Change kind, std::string path, bool is_dir, std::uint32_t cookie) const;
  void follow(const inotify_event& event, std::string_view name);
  void follow_move(const inotify_event& event, std::string_view name);

  void close_now() noexcept;
  static void on_closed(CompletionHandler& completion, int result, std::uint32_t flags) noexcept;

  const std::uint64_t loop_id_;
  const fs::WatchOptions options_;
  std::uint32_t mask_;
  int fd_ = -1;
  int closing_ = -1;
  unsigned users_ = 0;
  bool dropped_ = false;
  Operation* waiting_ = nullptr;

  WatchTree tree_;
  std::vector<Visit> visits_;  // the last is the next
  std::optional<Current> current_;
  std::shared_ptr<WatchVisit> call_;  // of that
  bool quiet_ = true;       // what is found was there before
  bool look_again_ = false;
  bool looking_ = false;    // again
  std::vector<int> to_forget_;
  std::vector<Text> refused_;  // found before anybody asked
  std::uint32_t moving_cookie_ = 0;
  int moving_ = WatchTree::none;
  bool crossed_ = false;  // is to be told

  std::size_t next_ = 0;
  std::size_t end_ = 0;
  alignas(inotify_event) char events_[8 * 1024];
};

}  // namespace eddy::internal
