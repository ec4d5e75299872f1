// WatchTree: which path each watch of an inotify descriptor stands for.
//
// A directory knows its parent and its own name, so that one that is renamed takes along all that
// is below it. One whose name is not known (it was moved away, and whither will be told, or never)
// has none until it is attached again.
#pragma once

#include <eddy/base/internal/standard.hpp>
#include <eddy/file/internal/file_id.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace eddy::internal {

class WatchTree {
 public:
  static constexpr int none = -1;  // no watch

  // How an entry came to stand where it is now.
  enum class Attached { unchanged, moved, fresh };

  // `watch` is that of a path of the user's. False: it was one before, whose name stays.
  bool add_root(int watch, std::string_view path);
  // `watch` stands for `name` in `parent`. Whoever had that name has none. A root stays one. With
  // no memory, nothing has changed.
  Attached attach(int watch, int parent, std::string_view name);
  // Whom the last of these left without a name.
  int displaced() const noexcept { return displaced_; }
  // It has no name any more.
  void detach(int watch) noexcept;
  // Nothing but the roots has a name.
  void detach_all() noexcept;

  int child_of(int parent, std::string_view name) const noexcept;
  bool knows(int watch) const noexcept { return entries_.contains(watch); }
  bool is_root(int watch) const noexcept;
  bool has_place(int watch) const noexcept;  // a root has none
  // Its way up ends at a root.
  bool has_path(int watch) const noexcept;
  // That, or that of `name` in it; empty where there is none.
  std::string path_of(int watch, std::string_view name = {}) const;
  // Where its way up ends. REQUIRES: has_path(watch)
  int root_of(int watch) const noexcept;

  FileId id_of(int watch) const noexcept;
  void set_id(int watch, FileId id) noexcept;

  // All that was in it has been told.
  bool complete(int watch) const noexcept;
  void set_complete(int watch) noexcept;
  // It has not, nor what is in those above it that are no roots.
  void set_incomplete(int watch) noexcept;

  void erase(int watch) noexcept;
  // Appends it and all that is below it.
  void collect(int watch, std::vector<int>& into) const;
  // Appends those without a path.
  void collect_lost(std::vector<int>& into) const;
  void collect_roots(std::vector<int>& into) const;

  std::size_t size() const noexcept { return entries_.size(); }
  std::size_t roots() const noexcept { return roots_; }

 private:
  // Places in order of their parents, so that the children of one stand together.
  struct Place {
    int parent;
    std::string name;
  };
  struct Less {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const noexcept {
      if (a.parent != b.parent) return a.parent < b.parent;
      return std::string_view(a.name) < std::string_view(b.name);
    }
  };
  struct Sought {
    int parent;
    std::string_view name;
  };
  using Places = std::map<Place, int, Less>;
  struct Entry {
    std::string path;  // a root's
    Places::iterator place;
    FileId id;
    bool placed = false;
    bool root = false;
    bool complete = false;
  };
  const Entry* find(int watch) const noexcept;
  void leave_place(Entry& entry) noexcept;

  std::unordered_map<int, Entry> entries_;
  Places places_;
  std::size_t roots_ = 0;
  int displaced_ = none;
};

}  // namespace eddy::internal
