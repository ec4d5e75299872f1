#include <eddy/file/move.hpp>

#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/copy.hpp>
#include <eddy/file/copy_tree.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/internal/file_call.hpp>
#include <eddy/file/internal/path.hpp>
#include <eddy/file/internal/temporary_name.hpp>
#include <eddy/file/internal/temporary_path.hpp>
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
  if (source && id_of(*source) == id_of(*there)) co_return to;
  std::string whole(to.view());
  if (!whole.ends_with('/')) whole += '/';
  whole += last_part_of(from.view());
  const Text inside(whole);
  auto taken = co_await as_outcome(fs::lstat(inside));
  if (taken) co_await fail(Failure::error(EEXIST, "move to", inside));
  if (!taken.error().is_error(ENOENT)) co_await fail(std::move(taken.error()));
  co_return inside;
}

// By the way up from there, whatever names have led to it.
Task<bool> is_below(Text to, FileId directory) {
  std::string path(to.view());
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  path.resize(path.rfind('/') + 1);
  if (path.empty()) path = "./";
  for (FileId before;;) {
    auto above = co_await as_outcome(fs::stat(path));
    if (!above && !above.error().is_error()) co_await fail(std::move(above.error()));
    if (!above || id_of(*above) == before) co_return false;
    if (id_of(*above) == directory) co_return true;
    before = id_of(*above);
    path += "../";
  }
}

// What is mounted below `from` is another file system as well: there the copy would be removed with
// all the rest. Where a part of `from` is mounted, the copy meets itself.
Task<> move_directory(Text from, Text to, FileStat source) {
  EDDY_TRY(const bool inside, is_below(to, id_of(source)));
  if (inside) co_await fail(Failure::error(EINVAL, "move", from));
  EDDY_DO(copy_tree(from, to, {.symlinks = true}, nullptr, InnerTarget::failure));
  EDDY_DO(fs::rmtree(from));
}

// By a copy beside it, which takes the place of whatever is there; but not of the same file, which
// would be removed by its other name.
Task<> replace(Text from, Text to, FileStat source, Counted<TemporaryPath> copy) {
  auto there = co_await as_outcome(fs::lstat(to));
  if (!there && !there.error().is_error(ENOENT)) co_await fail(std::move(there.error()));
  if (there && id_of(*there) == id_of(source)) co_await fail(Failure::error(EINVAL, "move", from));
  EDDY_TRY(const auto copied, fs::copy(from, copy->text(), {.follow_symlinks = false}));
  EDDY_ASSERT(copied == copy->path());
  EDDY_DO(fs::rename(copy->text(), to));
  copy->keep();
}

Task<> move_file(Text from, Text to, FileStat source) {
  const Counted<TemporaryPath> copy(
      new TemporaryPath(name_beside(to.view()), TemporaryPath::Kind::file));
  auto replaced = co_await as_outcome(replace(from, to, source, copy));
  if (!replaced) {  // a second cancel leaves the copy to a plain call, and stays pending
    auto gone = co_await as_outcome(TemporaryPath::remove(copy));
    if (!gone && gone.error().is_cancelled()) thread_state.task->keep_cancel_pending();
    co_await fail(named(std::move(replaced.error()), "move", from));
  }
  EDDY_DO(fs::unlink(from));
}

Task<> copy_and_remove(Text from, Text to) {
  EDDY_TRY(const FileStat source, fs::lstat(from));
  if (source.is_dir()) {
    EDDY_DO(move_directory(from, to, source));
  } else {
    EDDY_DO(move_file(from, to, source));
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
