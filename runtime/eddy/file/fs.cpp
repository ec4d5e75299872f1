#include <eddy/file/fs.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/file_call.hpp>
#include <eddy/file/internal/path.hpp>

#include <linux/io_uring.h>

namespace eddy {
using namespace internal;
namespace {

// One operation on a name. `call` is the plain system call for the same.
template <class Call>
Task<int> perform(Request request, std::string_view name, Text path, Call call) {
  Storage& storage = Storage::current();
  Storage::Mount& mount = storage.mount_of(path.view());
  EDDY_TRY(auto done, eddy::perform(request, name, mount, storage.policy(), path, call));
  co_return done;
}

template <class Call>
Task<> change(Request request, std::string_view name, Text path, Call call) {
  EDDY_DO(perform(request, name, path, call));
}

Request path_request(std::uint8_t opcode, const Text& path) {
  return {.opcode = opcode, .fd = AT_FDCWD, .address = address_of(path_of(path))};
}

// Two names: the second one's directory is in the length field.
Request two_path_request(std::uint8_t opcode, const Text& from, const Text& to) {
  Request request = path_request(opcode, from);
  request.offset = address_of(path_of(to));
  request.length = static_cast<std::uint32_t>(AT_FDCWD);
  return request;
}

Task<FileStat> stat_with(Text path, int flags) {
  Storage& storage = Storage::current();
  EDDY_TRY(auto found,
           read_stat(AT_FDCWD, path, flags, storage.mount_of(path.view()), storage.policy(), path));
  co_return found;
}

// Not by floor(): the second in which the first time of all lies begins before it.
timespec to_timespec(FileTime time) noexcept {
  constexpr std::int64_t second = 1'000'000'000;
  const std::int64_t count = time.time_since_epoch().count();
  const std::int64_t rest = count % second;
  EDDY_ASSERT(rest > -second);
  if (rest < 0) return {count / second - 1, rest + second};
  return {count / second, rest};
}

bool leads_nowhere(const Failure& failure) noexcept {
  return failure.is_error(ENOENT) || failure.is_error(ENOTDIR);
}

// The stat of what is there, or nothing.
Task<std::optional<FileStat>> stat_if_there(Text path) {
  auto found = co_await as_outcome(fs::stat(path));
  if (!found && leads_nowhere(found.error())) co_return std::nullopt;
  if (!found) co_await fail(std::move(found.error()));
  co_return *found;
}

}  // namespace

namespace fs {

Task<FileStat> stat(Text path) { return stat_with(std::move(path), 0); }
Task<FileStat> lstat(Text path) { return stat_with(std::move(path), AT_SYMLINK_NOFOLLOW); }

Task<bool> exists(Text path) {
  EDDY_TRY(auto found, stat_if_there(path));
  co_return found.has_value();
}
Task<bool> is_file(Text path) {
  EDDY_TRY(auto found, stat_if_there(path));
  co_return found && found->is_file();
}
Task<bool> is_dir(Text path) {
  EDDY_TRY(auto found, stat_if_there(path));
  co_return found && found->is_dir();
}
Task<std::uint64_t> size(Text path) {
  EDDY_TRY(auto found, stat(path));
  co_return found.size;
}
Task<bool> access(Text path, int mode) {
  const Request request = path_request(no_opcode, path);
  auto done = co_await as_outcome(perform(
      request, "access", path, [text = path.c_str(), mode] { return sys::access(text, mode); }));
  if (!done && !done.error().is_error()) co_await fail(std::move(done.error()));
  co_return done.has_value();
}

Task<> rename(Text from, Text to) {
  const Request request = two_path_request(IORING_OP_RENAMEAT, from, to);
  const auto call = [old_name = from.c_str(), new_name = to.c_str()] {
    return sys::rename(old_name, new_name);
  };
  EDDY_DO(perform(request, "rename", from, call));
}
Task<> replace(Text from, Text to) { return rename(std::move(from), std::move(to)); }

Task<> remove(Text path) {
  return change(path_request(IORING_OP_UNLINKAT, path), "remove", path,
                [text = path.c_str()] { return sys::unlink(text); });
}
Task<> unlink(Text path) { return remove(std::move(path)); }
Task<> rmdir(Text path) {
  Request request = path_request(IORING_OP_UNLINKAT, path);
  request.op_flags = AT_REMOVEDIR;
  return change(request, "rmdir", path, [text = path.c_str()] { return sys::rmdir(text); });
}

Task<> mkdir(Text path, MkdirOptions options) {
  Request request = path_request(IORING_OP_MKDIRAT, path);
  request.length = options.permissions;
  auto made = co_await as_outcome(
      perform(request, "mkdir", path, [text = path.c_str(), permissions = options.permissions] {
        return sys::mkdir(text, permissions);
      }));
  if (made) co_return;
  if (options.exist_ok && made.error().is_error(EEXIST)) {
    EDDY_TRY(auto there, is_dir(path));
    if (there) co_return;
  }
  co_await fail(std::move(made.error()));
}

Task<> makedirs(Text path, MkdirOptions options) {
  const std::string_view text = path_of(path);
  for (auto slash = text.find('/', 1); slash < text.size(); slash = text.find('/', slash + 1)) {
    const Text parent(text.substr(0, slash));
    EDDY_DO(mkdir(parent, {.exist_ok = true}));
  }
  EDDY_DO(mkdir(path, options));
}

Task<> symlink(Text target, Text path) {
  Request request = path_request(IORING_OP_SYMLINKAT, target);
  request.offset = address_of(path_of(path));
  const auto call = [from = target.c_str(), to = path.c_str()] { return sys::symlink(from, to); };
  EDDY_DO(perform(request, "symlink", path, call));
}

Task<> link(Text target, Text path) {
  const Request request = two_path_request(IORING_OP_LINKAT, target, path);
  const auto call = [from = target.c_str(), to = path.c_str()] { return sys::link(from, to); };
  EDDY_DO(perform(request, "link", path, call));
}

Task<std::string> readlink(Text path) {
  const Request request = path_request(no_opcode, path);
  std::string target(4096, '\0');
  const auto call = [text = path.c_str(), &target] {
    return sys::readlink(text, target.data(), target.size());
  };
  EDDY_TRY(auto length, perform(request, "readlink", path, call));
  EDDY_ASSERT(static_cast<std::size_t>(length) <= target.size());
  target.resize(static_cast<std::size_t>(length));
  co_return target;
}

Task<> utime(Text path, FileTime accessed, FileTime modified) {
  return change(path_request(no_opcode, path), "utime", path,
                [text = path.c_str(), from = to_timespec(accessed), to = to_timespec(modified)] {
                  const timespec times[] = {from, to};
                  return sys::utimensat(AT_FDCWD, text, times, 0);
                });
}

Task<> chmod(Text path, unsigned mode) {
  return change(path_request(no_opcode, path), "chmod", path,
                [text = path.c_str(), mode] { return sys::chmod(text, mode); });
}

Task<> truncate(Text path, std::uint64_t size) {
  const Request request = path_request(no_opcode, path);
  if (!is_offset(size)) co_await fail(no_offset(path));
  const auto call = [text = path.c_str(), size] {
    return sys::truncate(text, static_cast<off_t>(size));
  };
  EDDY_DO(perform(request, "truncate", path, call));
}

}  // namespace fs
}  // namespace eddy
