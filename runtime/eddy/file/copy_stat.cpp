// fs::copymode and fs::copystat: what is known of a file besides its bytes.
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/copy.hpp>
#include <eddy/file/internal/thread_call.hpp>
#include <eddy/file/internal/path.hpp>

#include <cstring>
#include <string_view>
#include <vector>

namespace eddy {
using namespace internal;
namespace {

// The longest list and the largest value that Linux has.
constexpr std::size_t attribute_max = 65536;

// What the one file system has and the other one has not is left out.
bool is_left_out(int code) noexcept {
  return code == ENOTSUP || code == ENODATA || code == EPERM || code == EACCES ||
         code == EINVAL || code == ENOSYS;
}

// 0, or -1 and errno. Throws std::bad_alloc, where there are attributes.
int copy_attributes(const char* from, const char* to) {
  if (sys::listxattr(from, nullptr, 0) == 0) return 0;
  std::vector<char> names(attribute_max);
  const ssize_t size = sys::listxattr(from, names.data(), names.size());
  if (size <= 0) return size == 0 || is_left_out(errno) ? 0 : -1;
  std::vector<char> value(attribute_max);
  for (const char* name = names.data(); name < names.data() + size; name += std::strlen(name) + 1) {
    if (!std::string_view(name).starts_with("user.")) continue;
    const ssize_t length = sys::getxattr(from, name, value.data(), value.size());
    const bool copied = length >= 0 && sys::setxattr(to, name, value.data(),
                                                     static_cast<std::size_t>(length)) == 0;
    if (!copied && !is_left_out(errno)) return -1;
  }
  return 0;
}

// Attributes first: what is read-only by its new permissions takes none.
int copy_now(const char* from, const char* to, bool follow, Known what) {
  const int flags = follow ? 0 : AT_SYMLINK_NOFOLLOW;
  struct stat source;
  struct stat target;
  if (sys::fstatat(AT_FDCWD, from, &source, flags) < 0) return -1;
  if (sys::fstatat(AT_FDCWD, to, &target, flags) < 0) return -1;
  if (!follow && !(S_ISLNK(source.st_mode) && S_ISLNK(target.st_mode))) {
    return copy_now(from, to, true, what);
  }
  if (follow) {
    if (what != Known::permissions && copy_attributes(from, to) < 0) return -1;
    const bool same_owner = source.st_uid == target.st_uid && source.st_gid == target.st_gid;
    const mode_t permissions = source.st_mode & (same_owner ? 07777 : 01777);
    if ((target.st_mode & 07777) != permissions && sys::chmod(to, permissions) < 0) return -1;
  }
  const timespec times[] = {source.st_atim, source.st_mtim};
  return what == Known::all ? sys::utimensat(AT_FDCWD, to, times, flags) : 0;
}

}  // namespace

Task<> internal::copy_known(Text from, Text to, bool follow, Known what) {
  const char* const source = path_of(from);
  const char* const target = path_of(to);
  const auto verb = what == Known::permissions ? "copy the permissions to"
                                               : "copy permissions and times to";
  Storage& storage = Storage::current();
  // Both are asked by the same call: that of the two decides which may not be inline.
  Storage::Mount* mount = &storage.mount_of(to.view());
  Storage::Mount& source_mount = storage.mount_of(from.view());
  const bool here = storage.inline_allowed(*mount, storage.policy());
  if (source_mount.remote || here) mount = &source_mount;
  EDDY_DO(perform_plainly(verb, *mount, storage.policy(), to,
                  [=] { return copy_now(source, target, follow, what); }));
}

Task<> fs::copymode(Text from, Text to, CopyOptions options) {
  return copy_known(std::move(from), std::move(to), options.follow_symlinks, Known::permissions);
}
Task<> fs::copystat(Text from, Text to, CopyOptions options) {
  return copy_known(std::move(from), std::move(to), options.follow_symlinks, Known::all);
}

}  // namespace eddy
