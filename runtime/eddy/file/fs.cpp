#include <eddy/file/fs.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/file/internal/file_call.hpp>
#include <eddy/file/internal/path.hpp>

#include <linux/io_uring.h>

#include <climits>

namespace eddy {
using namespace internal;
namespace {

using Arguments = NameArguments;

Request path_request(std::uint8_t opcode, const Text& path) {
  return {.opcode = opcode, .fd = AT_FDCWD, .address = address_of(path.c_str())};
}

// Two names: the second one's directory is in the length field.
Request two_path_request(std::uint8_t opcode, const Text& from, const Text& to) {
  Request request = path_request(opcode, from);
  request.offset = address_of(to.c_str());
  request.length = static_cast<std::uint32_t>(AT_FDCWD);
  return request;
}

bool leads_nowhere(const Arguments&, int code) {
  return code == ENOENT || code == ENOTDIR || code == ELOOP || code == ENAMETOOLONG;
}
bool whatever_it_is(const Arguments&, int) { return true; }

// -- stat: `number` are its flags, `more` the type of file that is asked for --

int stat_now(Arguments& a) {
  return statx_or_older(AT_FDCWD, a.path.c_str(), static_cast<int>(a.number), a.answer.stat);
}
Request stat_request(Arguments& a) {
  Request request = path_request(IORING_OP_STATX, a.path);
  request.offset = address_of(&a.answer.stat);
  request.length = STATX_BASIC_STATS;
  request.op_flags = static_cast<std::uint32_t>(a.number);
  return request;
}
bool is_of_type(Arguments& a, int result) {
  return result >= 0 && (a.more == 0 || (a.answer.stat.stx_mode & S_IFMT) == a.more);
}

constexpr NameVerbOf<FileStat> stat_verb{
    {"stat", &stat_now, &stat_request},
    [](Arguments& a, int) { return to_stat(a.answer.stat); }};
constexpr NameVerbOf<bool> is_verb{
    {"stat", &stat_now, &stat_request, nullptr, &leads_nowhere}, &is_of_type};
constexpr NameVerbOf<std::uint64_t> size_verb{
    {"stat", &stat_now, &stat_request},
    [](Arguments& a, int) { return std::uint64_t{a.answer.stat.stx_size}; }};
constexpr NameVerbOf<FileTime> accessed_verb{
    {"stat", &stat_now, &stat_request},
    [](Arguments& a, int) { return to_time(a.answer.stat.stx_atime); }};
constexpr NameVerbOf<FileTime> modified_verb{
    {"stat", &stat_now, &stat_request},
    [](Arguments& a, int) { return to_time(a.answer.stat.stx_mtime); }};
constexpr NameVerbOf<FileTime> changed_verb{
    {"stat", &stat_now, &stat_request},
    [](Arguments& a, int) { return to_time(a.answer.stat.stx_ctime); }};

fs::Call<bool> is(Text path, std::uint64_t type, int flags = 0) {
  return fs::Call<bool>(is_verb, std::move(path), {}, static_cast<std::uint64_t>(flags), type);
}

// -- other questions --

// As Python's: on another device than its parent, or its own parent.
int find_mount(Arguments& a) {
  struct stat found, parent;
  if (sys::fstatat(AT_FDCWD, a.path.c_str(), &found, AT_SYMLINK_NOFOLLOW) < 0) return -1;
  if (S_ISLNK(found.st_mode)) return 0;
  const std::string above = std::string(a.path.view()) + "/..";
  if (sys::fstatat(AT_FDCWD, above.c_str(), &parent, AT_SYMLINK_NOFOLLOW) < 0) return -1;
  return found.st_dev != parent.st_dev || found.st_ino == parent.st_ino ? 1 : 0;
}
constexpr NameVerbOf<bool> is_mount_verb{
    {"stat", &find_mount, nullptr, nullptr, &whatever_it_is},
    [](Arguments&, int result) { return result > 0; }};

constexpr NameVerbOf<bool> access_verb{
    {"access", [](Arguments& a) { return sys::access(a.path.c_str(), static_cast<int>(a.number)); },
     nullptr, nullptr, &whatever_it_is},
    [](Arguments&, int result) { return result >= 0; }};

int read_link(Arguments& a) {
  char target[PATH_MAX];
  const auto length = sys::readlink(a.path.c_str(), target, sizeof target);
  if (length < 0) return -1;
  a.other = Text(std::string_view(target, static_cast<std::size_t>(length)));
  return 0;
}
constexpr NameVerbOf<std::string> readlink_verb{
    {"readlink", &read_link}, [](Arguments& a, int) { return std::string(a.other.view()); }};

int stat_system(Arguments& a) { return sys::statvfs(a.path.c_str(), &a.answer.system); }
constexpr NameVerbOf<fs::FileSystem> statvfs_verb{
    {"statvfs", &stat_system}, [](Arguments& a, int) {
      const auto& from = a.answer.system;
      return fs::FileSystem{.block_size = from.f_bsize,
                            .fragment_size = from.f_frsize,
                            .blocks = from.f_blocks,
                            .free_blocks = from.f_bfree,
                            .available_blocks = from.f_bavail,
                            .files = from.f_files,
                            .free_files = from.f_ffree,
                            .available_files = from.f_favail,
                            .flags = from.f_flag,
                            .name_max = from.f_namemax};
    }};
constexpr NameVerbOf<fs::DiskUsage> disk_usage_verb{
    {"statvfs", &stat_system}, [](Arguments& a, int) {
      const auto& from = a.answer.system;
      return fs::DiskUsage{.total = from.f_blocks * from.f_frsize,
                           .used = (from.f_blocks - from.f_bfree) * from.f_frsize,
                           .free = from.f_bavail * from.f_frsize};
    }};

// -- changes --

constexpr NameVerbOf<void> rename_verb{
    {.name = "rename",
     .call = [](Arguments& a) { return sys::rename(a.path.c_str(), a.other.c_str()); },
     .request = [](Arguments& a) { return two_path_request(IORING_OP_RENAMEAT, a.path, a.other); },
     .changes = true}};

// `number`: missing_ok
constexpr NameVerbOf<void> remove_verb{
    {.name = "remove",
     .call = [](Arguments& a) { return sys::unlink(a.path.c_str()); },
     .request = [](Arguments& a) { return path_request(IORING_OP_UNLINKAT, a.path); },
     .forgives = [](const Arguments& a, int code) { return a.number != 0 && code == ENOENT; },
     .changes = true}};

constexpr NameVerbOf<void> rmdir_verb{
    {.name = "rmdir",
     .call = [](Arguments& a) { return sys::rmdir(a.path.c_str()); },
     .request =
         [](Arguments& a) {
           Request request = path_request(IORING_OP_UNLINKAT, a.path);
           request.op_flags = AT_REMOVEDIR;
           return request;
         },
     .changes = true}};

// `number` are the permissions; `more`: whether a directory may be there, which a second step of
// the ring finds out. It counts the steps.
enum : std::uint64_t { mkdir_new, mkdir_or_find, mkdir_finding };

bool is_directory_there(Arguments& a) {
  return statx_or_older(AT_FDCWD, a.path.c_str(), 0, a.answer.stat) == 0 &&
         S_ISDIR(a.answer.stat.stx_mode);
}
int mkdir_now(Arguments& a) {
  if (sys::mkdir(a.path.c_str(), static_cast<mode_t>(a.number)) == 0) return 0;
  if (errno != EEXIST || a.more == mkdir_new) return -1;
  if (is_directory_there(a)) return 0;
  errno = EEXIST;
  return -1;
}
Request mkdir_request(Arguments& a) {
  Request request = path_request(IORING_OP_MKDIRAT, a.path);
  request.length = static_cast<std::uint32_t>(a.number);
  return request;
}
bool find_directory(Arguments& a, int& result, Request& request) {
  if (a.more == mkdir_finding) {
    result = result >= 0 && S_ISDIR(a.answer.stat.stx_mode) ? 0 : -EEXIST;
    return false;
  }
  if (a.more != mkdir_or_find || result != -EEXIST) return false;
  a.more = mkdir_finding;
  request = path_request(IORING_OP_STATX, a.path);
  request.offset = address_of(&a.answer.stat);
  request.length = STATX_BASIC_STATS;
  return true;
}
constexpr NameVerbOf<void> mkdir_verb{{.name = "mkdir",
                                       .call = &mkdir_now,
                                       .request = &mkdir_request,
                                       .next = &find_directory,
                                       .changes = true}};

// `number` are the permissions, `more`: exist_ok. Never waits for the other end of a FIFO.
int touch_now(Arguments& a) {
  const char* path = a.path.c_str();
  const timespec now[] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
  if (a.more && sys::utimensat(AT_FDCWD, path, now, 0) == 0) return 0;
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (a.more ? 0 : O_EXCL);
  const int fd = sys::open(path, flags, static_cast<unsigned>(a.number));
  if (fd < 0) return -1;
  sys::close(fd);
  return 0;
}
constexpr NameVerbOf<void> touch_verb{{.name = "touch", .call = &touch_now, .changes = true}};

// `path` is what is made, `other` what it leads to.
constexpr NameVerbOf<void> symlink_verb{
    {.name = "symlink",
     .call = [](Arguments& a) { return sys::symlink(a.other.c_str(), a.path.c_str()); },
     .request =
         [](Arguments& a) {
           Request request = path_request(IORING_OP_SYMLINKAT, a.other);
           request.offset = address_of(a.path.c_str());
           return request;
         },
     .changes = true}};
constexpr NameVerbOf<void> link_verb{
    {.name = "link",
     .call = [](Arguments& a) { return sys::link(a.other.c_str(), a.path.c_str()); },
     .request = [](Arguments& a) { return two_path_request(IORING_OP_LINKAT, a.other, a.path); },
     .changes = true}};

constexpr NameVerbOf<void> chmod_verb{
    {.name = "chmod",
     .call = [](Arguments& a) { return sys::chmod(a.path.c_str(), static_cast<mode_t>(a.number)); },
     .changes = true}};
constexpr NameVerbOf<void> chown_verb{
    {.name = "chown",
     .call =
         [](Arguments& a) {
           return sys::chown(a.path.c_str(), static_cast<uid_t>(a.number),
                             static_cast<gid_t>(a.more));
         },
     .changes = true}};
constexpr NameVerbOf<void> lchown_verb{
    {.name = "lchown",
     .call =
         [](Arguments& a) {
           return sys::lchown(a.path.c_str(), static_cast<uid_t>(a.number),
                              static_cast<gid_t>(a.more));
         },
     .changes = true}};

// Not by floor(): the second in which the first time of all lies begins before it.
timespec to_timespec(std::uint64_t time) noexcept {
  constexpr std::int64_t second = 1'000'000'000;
  const auto count = static_cast<std::int64_t>(time);
  const std::int64_t rest = count % second;
  EDDY_ASSERT(rest > -second);
  if (rest < 0) return {count / second - 1, rest + second};
  return {count / second, rest};
}
std::uint64_t to_number(FileTime time) noexcept {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}
constexpr NameVerbOf<void> utime_verb{
    {.name = "utime",
     .call =
         [](Arguments& a) {
           const timespec times[] = {to_timespec(a.number), to_timespec(a.more)};
           return sys::utimensat(AT_FDCWD, a.path.c_str(), times, 0);
         },
     .changes = true}};

constexpr NameVerbOf<void> truncate_verb{
    {.name = "truncate",
     .call =
         [](Arguments& a) {
           EDDY_ASSERT(is_offset(a.number));
           return sys::truncate(a.path.c_str(), static_cast<off_t>(a.number));
         },
     .changes = true,
     .waits = true}};
constexpr NameVerbOf<void> no_offset_verb{
    {.name = no_offset_name, .call = [](Arguments&) {
       errno = EINVAL;
       return -1;
     }}};

}  // namespace

namespace fs {

Call<FileStat> stat(Text path) { return Call<FileStat>(stat_verb, std::move(path)); }
Call<FileStat> lstat(Text path) {
  return Call<FileStat>(stat_verb, std::move(path), {}, AT_SYMLINK_NOFOLLOW);
}

Call<bool> exists(Text path) { return Call<bool>(is_verb, std::move(path)); }
Call<bool> is_file(Text path) { return is(std::move(path), S_IFREG); }
Call<bool> is_dir(Text path) { return is(std::move(path), S_IFDIR); }
Call<bool> is_symlink(Text path) { return is(std::move(path), S_IFLNK, AT_SYMLINK_NOFOLLOW); }
Call<bool> is_socket(Text path) { return is(std::move(path), S_IFSOCK); }
Call<bool> is_fifo(Text path) { return is(std::move(path), S_IFIFO); }
Call<bool> is_block_device(Text path) { return is(std::move(path), S_IFBLK); }
Call<bool> is_char_device(Text path) { return is(std::move(path), S_IFCHR); }
Call<bool> is_mount(Text path) { return Call<bool>(is_mount_verb, std::move(path)); }
Call<bool> access(Text path, int mode) {
  return Call<bool>(access_verb, std::move(path), {}, static_cast<std::uint64_t>(mode));
}

Call<std::uint64_t> size(Text path) { return Call<std::uint64_t>(size_verb, std::move(path)); }
Call<FileTime> accessed(Text path) { return Call<FileTime>(accessed_verb, std::move(path)); }
Call<FileTime> modified(Text path) { return Call<FileTime>(modified_verb, std::move(path)); }
Call<FileTime> changed(Text path) { return Call<FileTime>(changed_verb, std::move(path)); }

Call<> rename(Text from, Text to) {
  return Call<>(rename_verb, std::move(from), std::move(to));
}
Call<> replace(Text from, Text to) { return rename(std::move(from), std::move(to)); }

Call<> remove(Text path, UnlinkOptions options) {
  return Call<>(remove_verb, std::move(path), {}, options.missing_ok);
}
Call<> unlink(Text path, UnlinkOptions options) { return remove(std::move(path), options); }
Call<> rmdir(Text path) { return Call<>(rmdir_verb, std::move(path)); }

Call<> mkdir(Text path, MkdirOptions options) {
  return Call<>(mkdir_verb, std::move(path), {}, options.permissions,
                options.exist_ok ? mkdir_or_find : mkdir_new);
}
Call<> touch(Text path, TouchOptions options) {
  return Call<>(touch_verb, std::move(path), {}, options.permissions, options.exist_ok);
}

Call<> symlink(Text target, Text path) {
  return Call<>(symlink_verb, std::move(path), std::move(target));
}
Call<> link(Text target, Text path) {
  return Call<>(link_verb, std::move(path), std::move(target));
}
Call<std::string> readlink(Text path) { return Call<std::string>(readlink_verb, std::move(path)); }

Call<> chmod(Text path, unsigned mode) { return Call<>(chmod_verb, std::move(path), {}, mode); }
Call<> chown(Text path, std::uint32_t user, std::uint32_t group) {
  return Call<>(chown_verb, std::move(path), {}, user, group);
}
Call<> lchown(Text path, std::uint32_t user, std::uint32_t group) {
  return Call<>(lchown_verb, std::move(path), {}, user, group);
}
Call<> utime(Text path, FileTime accessed, FileTime modified) {
  return Call<>(utime_verb, std::move(path), {}, to_number(accessed), to_number(modified));
}
Call<> truncate(Text path, std::uint64_t size) {
  return Call<>(is_offset(size) ? truncate_verb : no_offset_verb, std::move(path), {}, size);
}

Call<FileSystem> statvfs(Text path) { return Call<FileSystem>(statvfs_verb, std::move(path)); }
Call<DiskUsage> disk_usage(Text path) {
  return Call<DiskUsage>(disk_usage_verb, std::move(path));
}

}  // namespace fs
}  // namespace eddy
