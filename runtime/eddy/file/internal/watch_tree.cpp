#include <eddy/file/internal/watch_tree.hpp>

#include <eddy/base/internal/assert.hpp>

namespace eddy::internal {

const WatchTree::Entry* WatchTree::find(int watch) const noexcept {
  const auto found = entries_.find(watch);
  return found == entries_.end() ? nullptr : &found->second;
}

bool WatchTree::add_root(int watch, std::string_view path) {
  EDDY_ASSERT(watch >= 0);
  if (is_root(watch)) return false;
  std::string own(path);
  Entry& entry = entries_[watch];
  leave_place(entry);
  entry.path = std::move(own);
  entry.root = true;
  ++roots_;
  return true;
}

WatchTree::Attached WatchTree::attach(int watch, int parent, std::string_view name) {
  EDDY_ASSERT(watch >= 0);
  EDDY_ASSERT(knows(parent));
  EDDY_ASSERT(!name.empty());
  if (is_root(watch)) return Attached::unchanged;
  const auto [place, free] = places_.try_emplace(Place{parent, std::string(name)}, watch);
  if (!free && place->second == watch) return Attached::unchanged;
  const bool fresh = !knows(watch);
  try {
    entries_.try_emplace(watch);
  } catch (...) {
    if (free) places_.erase(place);
    throw;
  }
  // From here on nothing fails.
  if (!free) {
    displaced_ = place->second;
    entries_.at(displaced_).placed = false;
  }
  Entry& entry = entries_.at(watch);
  leave_place(entry);
  place->second = watch;
  entry.place = place;
  entry.placed = true;
  return fresh ? Attached::fresh : Attached::moved;
}

void WatchTree::leave_place(Entry& entry) noexcept {
  if (entry.placed) places_.erase(entry.place);
  entry.placed = false;
}

void WatchTree::detach(int watch) noexcept {
  if (const auto found = entries_.find(watch); found != entries_.end()) leave_place(found->second);
}

void WatchTree::detach_all() noexcept {
  for (auto& [watch, entry] : entries_) entry.placed = false;
  places_.clear();
}

int WatchTree::child_of(int parent, std::string_view name) const noexcept {
  const auto place = places_.find(Sought{parent, name});
  return place == places_.end() ? none : place->second;
}

bool WatchTree::is_root(int watch) const noexcept {
  const Entry* const entry = find(watch);
  return entry && entry->root;
}

bool WatchTree::has_place(int watch) const noexcept {
  const Entry* const entry = find(watch);
  return entry && entry->placed;
}

bool WatchTree::has_path(int watch) const noexcept {
  // A directory that was moved into one below it, as far as its events tell, goes in a circle.
  for (std::size_t depth = 0; depth <= entries_.size(); ++depth) {
    const Entry* const entry = find(watch);
    if (!entry || entry->root) return entry != nullptr;
    if (!entry->placed) return false;
    watch = entry->place->first.parent;
  }
  return false;
}

std::string WatchTree::path_of(int watch, std::string_view name) const {
  std::string path;
  if (!has_path(watch)) return path;
  std::vector<std::string_view> parts;  // from below
  if (!name.empty()) parts.push_back(name);
  const Entry* entry = find(watch);
  for (; !entry->root; entry = find(entry->place->first.parent)) {
    parts.push_back(entry->place->first.name);
  }
  path = entry->path;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (!path.ends_with('/')) path += '/';
    path += *part;
  }
  return path;
}

int WatchTree::root_of(int watch) const noexcept {
  EDDY_ASSERT(has_path(watch));
  while (!is_root(watch)) watch = find(watch)->place->first.parent;
  return watch;
}

FileId WatchTree::id_of(int watch) const noexcept {
  const Entry* const entry = find(watch);
  return entry ? entry->id : FileId();
}

void WatchTree::set_id(int watch, FileId id) noexcept {
  if (const auto found = entries_.find(watch); found != entries_.end()) found->second.id = id;
}

bool WatchTree::complete(int watch) const noexcept {
  const Entry* const entry = find(watch);
  return entry && entry->complete;
}

void WatchTree::set_complete(int watch) noexcept {
  if (const auto found = entries_.find(watch); found != entries_.end()) {
    found->second.complete = true;
  }
}

void WatchTree::set_incomplete(int watch) noexcept {
  for (std::size_t depth = 0; depth <= entries_.size(); ++depth) {
    const auto found = entries_.find(watch);
    if (found == entries_.end() || found->second.root) return;
    found->second.complete = false;
    if (!found->second.placed) return;
    watch = found->second.place->first.parent;
  }
}

void WatchTree::erase(int watch) noexcept {
  const auto found = entries_.find(watch);
  if (found == entries_.end()) return;
  leave_place(found->second);
  if (found->second.root) --roots_;
  entries_.erase(found);
}

void WatchTree::collect(int watch, std::vector<int>& into) const {
  EDDY_ASSERT(!has_place(watch));  // so that there is no circle
  std::size_t next = into.size();
  for (into.push_back(watch); next < into.size(); ++next) {
    const int parent = into[next];
    for (auto place = places_.lower_bound(Sought{parent, {}});
         place != places_.end() && place->first.parent == parent; ++place) {
      into.push_back(place->second);
    }
  }
}

void WatchTree::collect_lost(std::vector<int>& into) const {
  for (const auto& [watch, entry] : entries_) {
    if (!entry.root && !has_path(watch)) into.push_back(watch);
  }
}

void WatchTree::collect_roots(std::vector<int>& into) const {
  for (const auto& [watch, entry] : entries_) {
    if (entry.root) into.push_back(watch);
  }
}

}  // namespace eddy::internal
