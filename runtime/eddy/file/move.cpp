#include <eddy/file/move.hpp>

#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/copy.hpp>
#include <eddy/file/copy_tree.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/internal/directory_reader.hpp>
#include <eddy/file/internal/path.hpp>
#include <eddy/file/remove_tree.hpp>

#include <optional>

namespace eddy {
using namespace internal;
namespace {

// The last part of a path, without slashes at its end.
std::string_view last_part_of(std::string_view path) noexcept {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);
}

Task<std::optional<FileStat>> find(Text path) {
  auto found = co_await as_outcome(fs::stat(path));
  if (found) co_return *found;
  if (!found.error().is_error()) co_await fail(std::move(found.error()));
  co_return std::nullopt;
}

// Where it goes to, if that is a directory and not what is moved itself.
Task<Text> target_of(Text from, Text to) {
  EDDY_TRY(const auto there, find(to));
  if (!there || !there->is_dir()) co_return to;
  EDDY_TRY(const auto source, find(from));
  if (source && source->device == there->device && source->inode == there->inode) co_return to;
  std::string whole(to.view());
  if (!whole.ends_with('/')) whole += '/';
  whole += last_part_of(from.view());
  const Text inside(whole);
  auto taken = co_await as_outcome(fs::lstat(inside));
  if (taken) co_await fail(Failure::error(EEXIST, "move to", inside));
  if (!taken.error().is_error(ENOENT)) co_await fail(std::move(taken.error()));
  co_return inside;
}

Task<> copy_and_remove(Text from, Text to) {
  EDDY_TRY(const FileStat source, fs::lstat(from));
  if (source.is_dir()) {
    EDDY_DO(fs::copytree(from, to, {.symlinks = true}));
    EDDY_DO(fs::rmtree(from));
  } else {
    EDDY_TRY(const auto copied, fs::copy(from, to, {.follow_symlinks = false}));
    EDDY_ASSERT(copied == to.view());
    EDDY_DO(fs::unlink(from));
  }
}

}  // namespace

Task<std::string> fs::move(Text from, Text to) {
  static_cast<void>(path_of(from));
  static_cast<void>(path_of(to));
  EDDY_TRY(const Text target, target_of(from, to));
  auto renamed = co_await as_outcome(fs::rename(from, target));
  if (!renamed && renamed.error().is_error(EXDEV)) {
    renamed = co_await as_outcome(copy_and_remove(from, target));
    if (!renamed) co_await fail(std::move(renamed.error()));
  }
  if (!renamed) co_await fail(named(std::move(renamed.error()), "move", from));
  co_return std::string(target.view());
}

}  // namespace eddy
