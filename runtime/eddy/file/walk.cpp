#include <eddy/file/walk.hpp>

#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/directory_stack.hpp>
#include <eddy/file/internal/file_call.hpp>
#include <eddy/file/internal/path.hpp>

#include <fcntl.h>

#include <vector>

namespace eddy {
using namespace internal;

class fs::Walk::Source : public EntrySource {
 public:
  Source(Text root, WalkOptions options, OnWalkError on_error) noexcept
      : root_(std::move(root)), options_(options), on_error_(std::move(on_error)) {}

  bool take(std::optional<DirectoryEntry>& into) override;
  Task<std::optional<DirectoryEntry>> advance() override;

  void skip() noexcept { if (!options_.bottom_up) below_ = nullptr; }
  std::size_t depth() const noexcept { return depth_; }

 private:
  enum class State : std::uint8_t { begins, walks, ended };
  using Found = std::optional<DirectoryEntry>;

  bool may_enter(FileType type) const noexcept {
    return type == FileType::directory || (options_.follow_symlinks && type == FileType::symlink);
  }
  // Bottom up: what is in the last of entered_ was given, or cannot be.
  bool is_due() const noexcept { return entered_.size() == stack_.depth(); }

  Task<> begin();
  Task<> enter_below();
  Task<Found> step();
  Task<> leave();
  Found give(const dirent64& entry, FileType type);
  Found give_entered();
  Expected<void> tell(Failure failure, std::string_view name);

  Text root_;
  WalkOptions options_;
  OnWalkError on_error_;
  DirectoryStack stack_{"walk"};
  std::vector<DirectoryEntry> entered_;  // bottom up: those on the way down
  std::size_t depth_ = 0;
  const char* below_ = nullptr;  // in the innermost: to be entered next
  FileType below_type_ = FileType::unknown;
  State state_ = State::begins;
  bool unreadable_ = false;  // the innermost
};

bool fs::Walk::Source::take(Found& into) {
  if (state_ == State::ended) return true;
  if (state_ == State::begins || below_ || (options_.bottom_up && is_due())) return false;
  const dirent64* entry = stack_.take();
  if (!entry) return false;
  const FileType type = told_type(*entry);
  if (type == FileType::unknown || (options_.bottom_up && may_enter(type))) {
    stack_.untake(*entry);
    return false;
  }
  into = give(*entry, type);
  return true;
}

Task<fs::Walk::Source::Found> fs::Walk::Source::advance() {
  if (state_ == State::begins) EDDY_DO(begin());
  while (state_ == State::walks) {
    if (below_) EDDY_DO(enter_below());
    EDDY_TRY(auto found, step());
    if (found) co_return found;
  }
  co_return std::nullopt;
}

Task<> fs::Walk::Source::begin() {
  auto entered = co_await as_outcome(stack_.enter_root(root_, O_NONBLOCK));
  if (!entered && !entered.error().is_error()) co_await fail(std::move(entered.error()));
  state_ = entered ? State::walks : State::ended;
  Expected<void> told;
  if (!entered) told = tell(std::move(entered.error()), {});
  if (!told) co_await fail(std::move(told.error()));
}

Expected<void> fs::Walk::Source::tell(Failure failure, std::string_view name) {
  if (!failure.is_error()) return std::unexpected(std::move(failure));
  const Text path = stack_.empty() ? root_ : stack_.path_of(name);
  if (!on_error_) return std::unexpected(named(std::move(failure), "walk", path));
  on_error_(Error(failure.code(), "walk", path.view()), path.view());
  return {};
}

// A link that leads to no directory, or nowhere, is none to be entered.
static bool leads_to_none(const Failure& failure) noexcept {
  return failure.is_error(ENOTDIR) || failure.is_error(ENOENT) || failure.is_error(ELOOP);
}

Task<> fs::Walk::Source::enter_below() {
  const int flags = O_NONBLOCK | (options_.follow_symlinks ? 0 : O_NOFOLLOW);
  const char* name = below_;
  auto entered = co_await as_outcome(stack_.enter(name, flags));
  if (!entered && !entered.error().is_error()) co_await fail(std::move(entered.error()));
  below_ = nullptr;
  if (entered) {
    if (options_.follow_symlinks && stack_.is_loop()) EDDY_DO(stack_.leave());
  } else if (below_type_ != FileType::symlink || !leads_to_none(entered.error())) {
    auto told = tell(std::move(entered.error()), name);
    if (!told) co_await fail(std::move(told.error()));
  }
}

// The next entry; or none, but one step was made.
Task<fs::Walk::Source::Found> fs::Walk::Source::step() {
  if (options_.bottom_up && is_due()) co_return give_entered();
  Expected<const dirent64*> next = nullptr;
  if (!unreadable_) next = co_await as_outcome(stack_.next());
  if (!next) {
    unreadable_ = next.error().is_error();
    auto told = tell(std::move(next.error()), {});
    if (!told) co_await fail(std::move(told.error()));
    co_return std::nullopt;
  }
  if (!*next) {
    EDDY_DO(leave());
    co_return std::nullopt;
  }
  const dirent64& entry = **next;
  EDDY_TRY(const FileType type, stack_.type_of(entry));
  if (!options_.bottom_up || !may_enter(type)) co_return give(entry, type);
  entered_.push_back(stack_.entry_of(entry, type));
  below_ = entry.d_name;
  below_type_ = type;
  co_return std::nullopt;
}

Task<> fs::Walk::Source::leave() {
  auto left = co_await as_outcome(stack_.leave());
  if (!left && !left.error().is_error()) co_await fail(std::move(left.error()));
  unreadable_ = false;
  if (stack_.empty()) state_ = State::ended;
  Expected<void> told;
  if (!left) told = tell(std::move(left.error()), {});
  if (!told) co_await fail(std::move(told.error()));
}

fs::Walk::Source::Found fs::Walk::Source::give(const dirent64& entry, FileType type) {
  Found found = stack_.entry_of(entry, type);
  depth_ = stack_.depth();
  if (may_enter(type) && !options_.bottom_up) {
    below_ = entry.d_name;
    below_type_ = type;
  }
  return found;
}

fs::Walk::Source::Found fs::Walk::Source::give_entered() {
  EDDY_ASSERT(!entered_.empty());
  Found found = std::move(entered_.back());
  entered_.pop_back();
  depth_ = stack_.depth();
  return found;
}

fs::Walk::Walk(std::unique_ptr<Source> source) noexcept : DirectoryEntries(std::move(source)) {}

fs::Walk::Source& fs::Walk::walk_source() const noexcept {
  return static_cast<Source&>(source());
}
void fs::Walk::skip() noexcept { walk_source().skip(); }
std::size_t fs::Walk::depth() const noexcept { return walk_source().depth(); }

fs::Walk internal::walk_tree(Text path, fs::WalkOptions options, OnWalkError on_error) {
  static_cast<void>(path_of(path));
  return fs::Walk(
      std::make_unique<fs::Walk::Source>(std::move(path), options, std::move(on_error)));
}

fs::Walk fs::walk(Text path, WalkOptions options) {
  return internal::walk_tree(std::move(path), options, nullptr);
}

}  // namespace eddy
