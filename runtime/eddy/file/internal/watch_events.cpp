// What the kernel tells a WatchState, and how its tree follows.
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/watch_state.hpp>

#include <linux/io_uring.h>
#include <poll.h>

#include <cstring>
#include <utility>

namespace eddy::internal {

using fs::Change;
using fs::WatchEvent;

namespace {

struct Kind {
  std::uint32_t mask;
  Change change;
};
// What an event means; each has one of these.
constexpr Kind kinds[] = {
    {IN_CREATE, Change::created},       {IN_MODIFY, Change::modified},
    {IN_CLOSE_WRITE, Change::written},  {IN_ATTRIB, Change::attributes},
    {IN_DELETE, Change::deleted},       {IN_DELETE_SELF, Change::deleted},
    {IN_MOVED_FROM, Change::moved_from}, {IN_MOVE_SELF, Change::moved_from},
    {IN_MOVED_TO, Change::moved_to},    {IN_UNMOUNT, Change::unmounted},
    {IN_IGNORED, Change::ended},
};

}  // namespace

// Waits until there is something to read; ends early when the handle goes.
class [[nodiscard]] WatchState::Readable : public Operation {
 public:
  explicit Readable(WatchState& state) noexcept
      : Operation({.opcode = IORING_OP_POLL_ADD, .fd = state.fd_, .op_flags = POLLIN}, "watch"),
        state_(state) {}
  Readable(const Readable&) = default;
  ~Readable() { leave(); }

  void await_suspend(std::coroutine_handle<> frame) {
    EDDY_ASSERT(!state_.waiting_);
    Operation::await_suspend(frame);
    state_.waiting_ = this;
  }
  Expected<int> await_outcome() {
    leave();
    return Operation::await_outcome();
  }

 private:
  void leave() noexcept { if (state_.waiting_ == this) state_.waiting_ = nullptr; }

  WatchState& state_;
};

std::uint32_t WatchState::mask_of(const fs::WatchOptions& options) noexcept {
  // Nothing of what has no name any more: the path would be that of another file.
  std::uint32_t mask = IN_EXCL_UNLINK;
  for (const Kind& kind : kinds) {
    if (kind.change & options.kinds) mask |= kind.mask;
  }
  if (options.recursive) mask |= IN_CREATE | IN_MOVE | IN_MOVE_SELF;
  if (!(mask & IN_ALL_EVENTS)) mask |= IN_DELETE_SELF;  // the kernel wants one
  return mask;
}

Task<> WatchState::wait() {
  EDDY_ASSERT(!has_events());
  Storage::current().count_quick();
  ssize_t got;
  do {
    got = sys::read(fd_, events_, sizeof events_);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    next_ = 0;
    end_ = static_cast<std::size_t>(got);
    co_return;
  }
  if (got < 0 && errno != EAGAIN) co_await fail(Failure::error(errno, "watch"));
  if (forget_displaced()) co_return;
  auto ready = co_await as_outcome(Readable(*this));
  if (!ready && ready.error().is_error() && dropped_) co_await fail(dropped_failure());
  if (!ready) co_await fail(std::move(ready.error()));
}

// Nothing is left to be told, and somebody whose place another has got is neither gone nor met
// elsewhere: where the names of the past led to, nobody knows.
bool WatchState::forget_displaced() noexcept {
  const int last = tree_.displaced();
  if (!tree_.knows(last) || tree_.is_root(last) || tree_.has_place(last)) return false;
  look_again_ = true;
  return true;
}

// Taken only when all is done that may want memory: what fails comes again.
WatchState::Told WatchState::take_event() {
  EDDY_ASSERT(end_ - next_ >= sizeof(inotify_event));
  const auto& event = *reinterpret_cast<const inotify_event*>(events_ + next_);
  const std::size_t size = sizeof event + event.len;
  EDDY_VERIFY(size <= end_ - next_);
  const std::string_view name(event.name, event.len ? ::strnlen(event.name, event.len) : 0);
  Told told = tell(event, name);
  follow(event, name);
  next_ += size;
  return told;
}

WatchState::Told WatchState::tell(const inotify_event& event, std::string_view name) const {
  if (event.mask & IN_Q_OVERFLOW) return WatchEvent{};
  // The same is told by the watch of the directory above.
  const bool of_itself = name.empty() && !tree_.is_root(event.wd);
  if (of_itself && !(event.mask & IN_UNMOUNT)) return std::nullopt;
  for (const Kind& kind : kinds) {
    if (!(event.mask & kind.mask)) continue;
    return tell(kind.change, tree_.path_of(event.wd, name), event.mask & IN_ISDIR, event.cookie);
  }
  return std::nullopt;
}

WatchState::Told WatchState::tell(Change kind, std::string path, bool is_dir,
                                  std::uint32_t cookie) const {
  constexpr Change always = Change::overflow | Change::unmounted | Change::ended;
  if (path.empty() || !(kind & (options_.kinds | always))) return std::nullopt;
  return WatchEvent{.path = Text(path), .kind = kind, .is_dir = is_dir, .cookie = cookie};
}

void WatchState::follow(const inotify_event& event, std::string_view name) {
  if (event.mask & IN_Q_OVERFLOW) {
    look_again_ = options_.recursive;
  } else if (event.mask & IN_IGNORED) {
    tree_.erase(event.wd);
  } else if (!options_.recursive || !tree_.knows(event.wd)) {
    return;
  } else if (event.mask & IN_MOVE_SELF) {
    // Comes last of a rename: whoever has no place by now is not in the tree.
    if (!tree_.is_root(event.wd) && !tree_.has_place(event.wd)) let_go(event.wd);
  } else if (event.mask & IN_ISDIR && !name.empty()) {
    follow_move(event, name);
  }
}

void WatchState::follow_move(const inotify_event& event, std::string_view name) {
  if (event.mask & IN_MOVED_FROM) {
    const int there = tree_.child_of(event.wd, name);
    if (there == WatchTree::none) return;
    Visit gone{.parent = event.wd, .name = std::string(name), .expected = there, .leaves = true};
    visits_.push_back(std::move(gone));
    moving_ = WatchTree::none;
    moving_cookie_ = event.cookie;
  } else if (event.mask & (IN_CREATE | IN_MOVED_TO)) {
    const bool same = event.mask & IN_MOVED_TO && event.cookie == moving_cookie_ &&
                      tree_.knows(moving_);
    Visit visit{.parent = event.wd, .name = std::string(name), .tells = !same};
    if (same) {
      tree_.attach(moving_, event.wd, name);
      visit.expected = moving_;
    }
    visits_.push_back(std::move(visit));
  }
}

}  // namespace eddy::internal
