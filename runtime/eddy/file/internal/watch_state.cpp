#include <eddy/file/internal/watch_state.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/sleep.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/path.hpp>

#include <linux/io_uring.h>

#include <utility>

namespace eddy::internal {

using fs::Change;
using fs::WatchEvent;

namespace {

// Whether one more descriptor could be had.
bool descriptors_left() noexcept {
  return static_cast<bool>(UniqueFd(sys::eventfd(0, EFD_CLOEXEC)));
}

int open_inotify() {
  const int fd = sys::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd >= 0) return fd;
  const int code = errno;
  if (code != EMFILE || !descriptors_left()) throw Error(code, "start a watch");
  throw Error(code, "start one watch more (see fs.inotify.max_user_instances)");
}

// By now; or its path leads elsewhere.
bool has_gone(int code) noexcept {
  return code == ENOENT || code == ENOTDIR || code == ELOOP || code == ESTALE;
}
bool runs_out(int code) noexcept {
  return code == ENOSPC || code == ENOMEM || code == EMFILE || code == ENFILE;
}

}  // namespace

WatchState::WatchState(Loop& loop, fs::WatchOptions options)
    : CompletionHandler(&on_closed),
      loop_id_(loop.id()),
      options_(options),
      mask_(mask_of(options)),
      fd_(open_inotify()) {}

WatchState::~WatchState() {
  EDDY_ASSERT(users_ == 0);
  EDDY_ASSERT(!waiting_);
  if (fd_ >= 0) sys::close(fd_);
}

void WatchState::require_own_loop() const {
  if (loop_id_ != thread_state.loop_id) throw UsageError("next() of a watch of another loop");
}

Failure WatchState::dropped_failure() noexcept { return Failure::error(ECANCELED, "watch"); }

void WatchState::drop() noexcept {
  if (std::exchange(dropped_, true)) return;
  if (waiting_) waiting_->stop();
  if (users_ == 0) close_now();
}

// On a worker of the ring's: the kernel waits until nobody can be looking at the watches any more.
void WatchState::close_now() noexcept {
  EDDY_ASSERT(users_ == 0);
  if (fd_ < 0) return;
  call_.reset();
  const int fd = std::exchange(fd_, -1);
  Loop* const loop = Loop::open(loop_id_);
  if (!loop || tree_.size() == 0 || !loop->ring().supports(IORING_OP_CLOSE)) {
    sys::close(fd);
    return;
  }
  closing_ = fd;
  retain();
  loop->submit(Request{.opcode = IORING_OP_CLOSE, .flags = IOSQE_ASYNC, .fd = fd}, *this);
}

void WatchState::on_closed(CompletionHandler& completion, int result, std::uint32_t) noexcept {
  auto& state = static_cast<WatchState&>(completion);
  EDDY_ASSERT(state.closing_ >= 0);
  // There was no thread for it.
  if (result == -ECANCELED || result == -EAGAIN) sys::close(state.closing_);
  state.release();
}

Task<> WatchState::begin(std::vector<std::string> paths) {
  for (const std::string& path : paths) {
    path_of(Text(path));
  }
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    visits_.push_back({.name = std::move(*path)});
  }
  while (has_visits()) {
    if (Storage::current().turn_is_over()) {
      EDDY_DO(yield());
    }
    EDDY_TRY(auto told, visit_some());
    if (told) refused_.push_back(told->path);
  }
  quiet_ = false;
}

// -- looking into directories --

bool WatchState::has_visits() const noexcept {
  return current_ || !visits_.empty() || look_again_ || looking_ || !to_forget_.empty() ||
         crossed_ || (!quiet_ && !refused_.empty());
}

Task<WatchState::Told> WatchState::visit_some() {
  if (!quiet_ && !refused_.empty()) {
    Text path = std::move(refused_.back());
    refused_.pop_back();
    WatchEvent refused{.path = std::move(path), .kind = Change::ended, .is_dir = true};
    co_return refused;
  }
  if (crossed_) {
    crossed_ = false;
    co_return WatchEvent();
  }
  if (!to_forget_.empty()) {
    forget_some();
    co_return std::nullopt;
  }
  if (!current_) {
    start_visit();
    if (!current_) co_return std::nullopt;
  }
  if (!call_) start_call();
  const bool begins = !call_->begun();
  if (begins || (current_->watch != WatchTree::none && call_->empty())) {
    auto done = co_await as_outcome(run_call());
    if (!done) {
      call_.reset();  // a thread may still be in it
      current_->watch = WatchTree::none;
      co_await fail(std::move(done.error()));
    }
  }
  co_return current_->watch == WatchTree::none ? arrived() : take_entry();
}

// The next one, if there is any and its directory still has a path.
void WatchState::start_visit() {
  EDDY_ASSERT(!call_);
  if (visits_.empty()) return look_again_ ? look_again() : let_go_of_lost();
  Visit& next = visits_.back();
  const bool root = next.parent == WatchTree::none;
  const std::string path = root ? next.name : tree_.path_of(next.parent, next.name);
  if (!path.empty() || root) {
    Text text(path);
    Storage::Mount& mount = Storage::current().mount_of(path);
    current_.emplace(Current{std::move(next), std::move(text), &mount, WatchTree::none});
  }
  visits_.pop_back();
}

void WatchState::start_call() {
  using Of = WatchVisit::Of;
  const bool root = current_->parent == WatchTree::none;
  const Of of = !options_.recursive ? Of::path : root ? Of::root_directory : Of::directory;
  auto call = std::make_shared<WatchVisit>(fd_, current_->path, mask_, of);
  call->may_hang(current_->mount->remote);
  if (of == Of::directory) {
    std::string_view above = current_->path.view();
    above.remove_suffix(current_->name.size());  // with the slash
    const int top = tree_.root_of(current_->parent);
    call->is_in({Text(above), tree_.id_of(current_->parent)}, Text(current_->name),
                {Text(tree_.path_of(top)), tree_.id_of(top)});
  }
  Storage& storage = Storage::current();
  if (!storage.inline_allowed(*current_->mount, storage.policy())) {
    UniqueFd own(sys::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
    if (!own) throw Error(errno, "watch", current_->path.view());
    call->keep(std::move(own));
  }
  call_ = std::move(call);
}

Task<> WatchState::run_call() {
  if (call_->has_own_descriptor()) {
    EDDY_DO(WaitForCall(call_));
  } else {
    Storage::current().measure(*current_->mount, [this] {
      call_->run();
      return 0;
    });
  }
}

// The watch stands, or was refused.
WatchState::Told WatchState::arrived() {
  const int watch = call_->watch();
  if (current_->leaves && has_left(watch)) {
    end_visit();
    return std::nullopt;
  }
  if (watch < 0) return not_watched(-watch);
  const bool root = current_->parent == WatchTree::none;
  if (root && looking_ && !tree_.is_root(watch)) {  // another thing stands there by now
    if (!tree_.knows(watch)) to_forget_.push_back(watch);
    end_visit();
  } else if (root) {
    look_into(watch, looking_ || tree_.add_root(watch, current_->name));
  } else {
    tree_.attach(watch, current_->parent, current_->name);
    const bool other = current_->expected != WatchTree::none && current_->expected != watch;
    look_into(watch, !tree_.is_root(watch));  // a root is looked into on its own account
    if (other) {
      look_again_ = true;
      return WatchEvent();  // whoever follows the names has followed a wrong one
    }
  }
  return std::nullopt;
}

// The kernel says that a directory was renamed. Unless it is here by now: it came back, or it has
// changed places with another one, which the kernel tells as two renames, the second one from where
// the first one led.
bool WatchState::has_left(int watch) {
  if (watch == current_->expected) {
    crossed_ = true;
    return true;
  }
  moving_ = std::exchange(current_->expected, WatchTree::none);
  tree_.detach(moving_);
  return watch < 0;
}

void WatchState::look_into(int watch, bool wanted) {
  tree_.set_id(watch, call_->id());
  const bool again = looking_ || current_->tells || !tree_.complete(watch);
  if (wanted && again && call_->is_directory()) {
    current_->watch = watch;
  } else {
    end_visit();
  }
}

WatchState::Told WatchState::not_watched(int code) {
  EDDY_ASSERT(code > 0);
  const bool root = current_->parent == WatchTree::none;
  const Text path = current_->path;
  Told told;
  if (!root && !has_gone(code) && !runs_out(code)) {
    told = WatchEvent{.path = path, .kind = Change::ended, .is_dir = true};
  }
  const bool matters = root ? !looking_ : runs_out(code);
  // What is in it is found when whoever was renamed above it is met under his new name.
  if (code == ESTALE) tree_.set_incomplete(current_->parent);
  end_visit();
  if (matters) refuse(code, path);
  return told;
}

void WatchState::refuse(int code, const Text& path) {
  if (code != ENOSPC) throw Error(code, "watch", path.view());
  throw Error(code, "have one watch more (see fs.inotify.max_user_watches) for", path.view());
}

// One that is told, if there is any among those that were read.
WatchState::Told WatchState::take_entry() {
  EDDY_ASSERT(current_->watch != WatchTree::none);
  const int watch = current_->watch;
  const bool tells = !quiet_ && (current_->tells || !tree_.complete(watch));
  while (!call_->empty()) {
    const std::string_view name = call_->name();
    Told told;
    if (name != "." && name != "..") {
      const bool is_dir = call_->name_is_dir();
      if (tells) told = tell(Change::created, tree_.path_of(watch, name), is_dir, 0);
      if (is_dir) visits_.push_back({.parent = watch, .name = std::string(name), .tells = tells});
    }
    call_->pop();
    if (told) return told;
  }
  if (call_->at_end()) {
    tree_.set_complete(watch);
    end_visit();
  }
  return std::nullopt;
}

void WatchState::end_visit() noexcept {
  call_.reset();
  current_.reset();
}

// Events were lost, or do not tell where a directory is.
void WatchState::look_again() {
  std::vector<int> roots;
  tree_.collect_roots(roots);
  for (const int root : roots) visits_.push_back({.name = tree_.path_of(root)});
  tree_.detach_all();
  look_again_ = false;
  looking_ = true;
}

void WatchState::let_go_of_lost() {
  EDDY_ASSERT(looking_);
  std::vector<int> lost;
  tree_.collect_lost(lost);
  to_forget_.insert(to_forget_.end(), lost.begin(), lost.end());
  for (const int watch : lost) tree_.erase(watch);
  looking_ = false;
}

// It has left the tree, with all that is below it.
void WatchState::let_go(int watch) {
  const std::size_t before = to_forget_.size();
  tree_.collect(watch, to_forget_);
  for (std::size_t i = before; i < to_forget_.size(); ++i) tree_.erase(to_forget_[i]);
}

void WatchState::forget_some() noexcept {
  constexpr int some = 16;
  for (int i = 0; i < some && !to_forget_.empty(); ++i) {
    sys::inotify_rm_watch(fd_, to_forget_.back());  // EINVAL: the kernel was quicker
    to_forget_.pop_back();
  }
  Storage::current().count_quick();
}

}  // namespace eddy::internal
