// TemporaryPath: the name of what is temporary, which is removed at the latest when nobody counts
// any more: the handle is gone, and no call on it is in progress.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/base/internal/process.hpp>
#include <eddy/base/text.hpp>
#include <eddy/core/task.hpp>

#include <string_view>

namespace eddy::internal {

class TemporaryMaker;

class TemporaryPath : public RefCounted<TemporaryPath>, public Pooled {
 public:
  enum class Kind : std::uint8_t { file, directory, kept };

  TemporaryPath(Text path, Kind kind) noexcept : path_(std::move(path)), kind_(kind) {}
  // Without waiting and without a throw: what cannot be removed by plain calls stays. All does in a
  // child after fork(): it is the parent's.
  ~TemporaryPath();

  std::string_view path() const noexcept { return path_.view(); }
  const Text& text() const noexcept { return path_; }

  // Never to be removed: it is not ours, or not temporary any more.
  void keep() noexcept { kind_ = Kind::kept; }

  // Once; what others have removed already is no error. Cancelled: the rest is left to the end.
  static Task<> remove(Counted<TemporaryPath> what);

  // The handle is gone.
  void drop() noexcept {}

 private:
  Text path_;
  Kind kind_;
  bool removed_ = false;
  std::uint32_t process_ = process_mark;
};

// Removes the directory and what is in it by plain calls, relative to what is open, as far as that
// goes.
void remove_tree_now(const char* path) noexcept;

}  // namespace eddy::internal
