#include <eddy/file/glob.hpp>

#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/directory_stack.hpp>
#include <eddy/file/internal/file_call.hpp>
#include <eddy/file/internal/glob_pattern.hpp>
#include <eddy/file/internal/path.hpp>

#include <fcntl.h>

#include <vector>

namespace eddy {
using namespace internal;
namespace {

// What is not there, or may not be looked at, matches nothing.
bool matches_nothing(const Failure& failure) noexcept {
  constexpr int codes[] = {ENOENT, ENOTDIR, EACCES, EPERM, ELOOP, ENAMETOOLONG};
  return std::ranges::any_of(codes, [&](int code) { return failure.is_error(code); });
}

class GlobSource : public EntrySource {
 public:
  GlobSource(GlobPattern pattern, fs::GlobOptions options)
      : pattern_(std::move(pattern)),
        options_(options),
        root_(pattern_.base().empty() ? "." : pattern_.base()) {}

  bool take(std::optional<DirectoryEntry>& into) override;
  Task<std::optional<DirectoryEntry>> advance() override;

 private:
  using Found = std::optional<DirectoryEntry>;
  using Places = GlobPattern::Places;
  // What is still to be done in a directory on the way.
  struct Level {
    Places listed = 0;    // for each of its names
    Places literals = 0;  // for one name each
  };

  Task<Found> begin();
  Task<Found> step();
  Task<Found> look_for_literal();
  Task<Found> consider(const dirent64& entry);
  Task<std::optional<FileStat>> find(const char* name, int flags);
  Task<bool> is_directory(const char* name, FileType type);
  Task<> enter_below();
  Task<> open(const char* name, int flags);
  Task<> enter(const char* name, Places& places);
  Task<> leave();
  void push(Places places);
  Places places_below(const GlobPattern::Step& step, FileType type) const noexcept;
  DirectoryEntry give(std::string_view name, FileType type, std::uint64_t inode);

  GlobPattern pattern_;
  fs::GlobOptions options_;
  Text root_;
  DirectoryStack stack_{"glob"};
  std::vector<Level> levels_;    // one for each of the stack
  const char* below_ = nullptr;  // in the innermost: to be entered next, for ...
  Places below_places_ = 0;
  Places below_link_ = 0;  // ... or these, where it leads back
  bool begun_ = false;
};

bool GlobSource::take(Found& into) {
  if (begun_ && levels_.empty()) return true;
  if (!begun_ || below_ || levels_.back().literals != 0 || levels_.back().listed == 0) return false;
  while (const dirent64* entry = stack_.take()) {
    const FileType type = told_type(*entry);
    if (type == FileType::unknown || type == FileType::symlink) {
      stack_.untake(*entry);
      return false;
    }
    const auto step = pattern_.step(levels_.back().listed, entry->d_name);
    const bool directory = type == FileType::directory;
    const bool matches = (step.matches && (directory || !pattern_.only_directories())) ||
                         (step.matches_as_directory && directory);
    if (matches) into = give(entry->d_name, type, entry->d_ino);
    below_places_ = places_below(step, type);
    below_link_ = step.below_link;
    if (below_places_ != 0) below_ = entry->d_name;
    if (matches || below_) return matches;
  }
  return false;
}

// A link is entered by "**" where that is wanted, and by the other parts always.
GlobSource::Places GlobSource::places_below(const GlobPattern::Step& step,
                                            FileType type) const noexcept {
  if (type == FileType::directory) return step.below;
  if (type != FileType::symlink) return 0;
  return options_.follow_symlinks ? step.below : step.below_link;
}

DirectoryEntry GlobSource::give(std::string_view name, FileType type, std::uint64_t inode) {
  if (!pattern_.only_directories()) return stack_.entry_of(name, type, inode);
  std::string whole(stack_.path_of(name).view());
  whole += '/';
  return DirectoryEntry(Text(whole), name.size(), type, inode);
}

Task<GlobSource::Found> GlobSource::advance() {
  if (!begun_) {
    EDDY_TRY(auto base, begin());
    if (base) co_return base;
  }
  while (!levels_.empty()) {
    EDDY_TRY(auto found, step());
    if (found) co_return found;
  }
  co_return std::nullopt;
}

Task<GlobSource::Found> GlobSource::begin() {
  Found base;
  if (pattern_.matches_base()) {
    auto there = co_await as_outcome(fs::stat(root_));
    if (!there && !matches_nothing(there.error())) co_await fail(std::move(there.error()));
    std::string whole = pattern_.base();
    if (whole.ends_with('/')) whole.pop_back();
    const std::size_t size_of_name = whole.size() - (whole.rfind('/') + 1);
    whole += '/';
    if (there && there->is_dir()) {
      base.emplace(Text(whole), size_of_name, FileType::directory, there->inode);
    }
  }
  Places places = pattern_.first();
  auto entered = co_await as_outcome(enter(nullptr, places));
  if (!entered && !entered.error().is_error()) co_await fail(std::move(entered.error()));
  begun_ = true;
  if (!entered && !matches_nothing(entered.error())) co_await fail(std::move(entered.error()));
  if (!entered) co_return base;
  if (pattern_.base().empty()) stack_.hide_root();
  push(places);
  co_return base;
}

Task<> GlobSource::open(const char* name, int flags) {
  return name ? stack_.enter(name, flags) : stack_.enter_root(root_, flags);
}

// `name` in the innermost one, or the base, for those of `places` for which it can be opened: names
// without magic are found also where nothing may be listed.
Task<> GlobSource::enter(const char* name, Places& places) {
  const Places literals = pattern_.literals(places, false);
  auto entered = co_await as_outcome(open(name, places != literals ? O_NONBLOCK : O_PATH));
  if (!entered && entered.error().is_error(EACCES) && literals != 0 && places != literals) {
    entered = co_await as_outcome(open(name, O_PATH));
    if (entered) places = literals;
  }
  if (!entered) co_await fail(std::move(entered.error()));
}

void GlobSource::push(Places places) {
  const Places literals = pattern_.literals(places, false);
  const bool lists = places != literals;
  levels_.push_back({.listed = lists ? places : 0,
                     .literals = lists ? pattern_.literals(places, true) : literals});
}

// What matches next; or nothing, but one step was made.
Task<GlobSource::Found> GlobSource::step() {
  if (below_) {
    EDDY_DO(enter_below());
    co_return std::nullopt;
  }
  if (levels_.back().literals != 0) {
    const Places all = levels_.back().literals;
    auto found = co_await as_outcome(look_for_literal());
    if (!found && !found.error().is_error()) levels_.back().literals = all;
    if (!found) co_await fail(std::move(found.error()));
    co_return std::move(*found);
  }
  Expected<const dirent64*> next = nullptr;
  if (levels_.back().listed != 0) next = co_await as_outcome(stack_.next());
  if (!next && next.error().is_error()) levels_.back().listed = 0;
  if (!next && !matches_nothing(next.error())) co_await fail(std::move(next.error()));
  if (!next || !*next) {
    EDDY_DO(leave());
    co_return std::nullopt;
  }
  EDDY_TRY(auto found, consider(**next));
  co_return found;
}

Task<GlobSource::Found> GlobSource::consider(const dirent64& entry) {
  EDDY_TRY(const FileType type, stack_.type_of(entry));
  const auto step = pattern_.step(levels_.back().listed, entry.d_name);
  bool matches = step.matches && !pattern_.only_directories();
  if (!matches && (step.matches || step.matches_as_directory)) {
    auto directory = co_await as_outcome(is_directory(entry.d_name, type));
    if (!directory) {
      if (!directory.error().is_error()) stack_.untake(entry);
      co_await fail(std::move(directory.error()));
    }
    matches = *directory;
  }
  Found found;
  if (matches) found = give(entry.d_name, type, entry.d_ino);
  below_places_ = places_below(step, type);
  below_link_ = step.below_link;
  if (below_places_ != 0) below_ = entry.d_name;
  co_return found;
}

// Nothing where nothing can match.
Task<std::optional<FileStat>> GlobSource::find(const char* name, int flags) {
  const FilePolicy policy = Storage::current().policy();
  auto found = co_await as_outcome(
      read_stat(stack_.fd(), Text(name), flags, stack_.mount(), policy, Text()));
  if (found) co_return *found;
  if (matches_nothing(found.error())) co_return std::nullopt;
  co_await fail(named(std::move(found.error()), "glob", stack_.path_of(name)));
  co_return std::nullopt;  // never
}

Task<bool> GlobSource::is_directory(const char* name, FileType type) {
  if (type != FileType::symlink) co_return type == FileType::directory;
  EDDY_TRY(auto found, find(name, 0));
  co_return found && found->is_dir();
}

// Takes it off those that are to be looked for.
Task<GlobSource::Found> GlobSource::look_for_literal() {
  const Places all = levels_.back().literals;
  const Places first = all & -all;
  const char* name = pattern_.text(first).c_str();
  const auto step = pattern_.step(all, name);
  Places done = first;  // and those of the same name
  for (Places left = all; left != 0; left &= left - 1) {
    if (pattern_.text(left) == pattern_.text(first)) done |= left & -left;
  }
  levels_.back().literals &= ~done;
  EDDY_TRY(auto there, find(name, AT_SYMLINK_NOFOLLOW));
  if (!there) co_return std::nullopt;
  const FileType type = type_of_mode(there->mode);
  EDDY_TRY(const bool directory, is_directory(name, type));
  const bool matches = (step.matches && (directory || !pattern_.only_directories())) ||
                       (step.matches_as_directory && directory);
  Found found;
  if (matches) found = give(name, type, there->inode);
  if (directory && step.below != 0) {
    below_ = name;
    below_places_ = below_link_ = step.below;
  }
  co_return found;
}

Task<> GlobSource::enter_below() {
  Places places = below_places_;
  auto entered = co_await as_outcome(enter(below_, places));
  if (!entered && !entered.error().is_error()) co_await fail(std::move(entered.error()));
  below_ = nullptr;
  if (!entered && matches_nothing(entered.error())) co_return;
  if (!entered) co_await fail(std::move(entered.error()));
  const bool leads_back = options_.follow_symlinks && stack_.is_loop();
  push(leads_back ? places & below_link_ : places);
}

Task<> GlobSource::leave() {
  auto left = co_await as_outcome(stack_.leave());
  if (!left && !left.error().is_error()) co_await fail(std::move(left.error()));
  levels_.pop_back();
  if (!left && !matches_nothing(left.error())) co_await fail(std::move(left.error()));
}

DirectoryEntries glob_with(GlobPattern pattern, fs::GlobOptions options) {
  return DirectoryEntries(std::make_unique<GlobSource>(std::move(pattern), options));
}

}  // namespace

DirectoryEntries fs::glob(Text pattern, GlobOptions options) {
  static_cast<void>(path_of(pattern));
  return glob_with(GlobPattern(pattern.view(), options.include_hidden), options);
}

DirectoryEntries fs::rglob(Text root, Text pattern, GlobOptions options) {
  static_cast<void>(path_of(root));
  static_cast<void>(path_of(pattern));
  std::string below("**/");
  below += pattern.view();
  return glob_with(GlobPattern(root.view(), below, options.include_hidden), options);
}

}  // namespace eddy
