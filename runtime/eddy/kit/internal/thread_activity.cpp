#include <eddy/kit/internal/thread_activity.hpp>

#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/internal/io_uring.hpp>

#include <charconv>

namespace eddy::internal {
namespace {

struct CallName {
  long number;
  const char* name;
  bool of_fd;  // its first argument is one
};

// Those in which a program blocks; of the others the number is told.
constexpr CallName names[] = {
    {enter_call_number, "io_uring_enter", false},
    {SYS_read, "read", true},
    {SYS_write, "write", true},
    {SYS_pread64, "pread64", true},
    {SYS_pwrite64, "pwrite64", true},
    {SYS_preadv, "preadv", true},
    {SYS_pwritev, "pwritev", true},
    {SYS_preadv2, "preadv2", true},
    {SYS_pwritev2, "pwritev2", true},
    {SYS_readv, "readv", true},
    {SYS_writev, "writev", true},
    {SYS_fsync, "fsync", true},
    {SYS_fdatasync, "fdatasync", true},
    {SYS_sync_file_range, "sync_file_range", true},
    {SYS_ftruncate, "ftruncate", true},
    {SYS_fallocate, "fallocate", true},
    {SYS_flock, "flock", true},
    {SYS_fcntl, "fcntl", true},
    {SYS_ioctl, "ioctl", true},
    {SYS_connect, "connect", true},
    {SYS_accept, "accept", true},
    {SYS_accept4, "accept4", true},
    {SYS_recvfrom, "recvfrom", true},
    {SYS_recvmsg, "recvmsg", true},
    {SYS_recvmmsg, "recvmmsg", true},
    {SYS_sendto, "sendto", true},
    {SYS_sendmsg, "sendmsg", true},
    {SYS_sendmmsg, "sendmmsg", true},
    {SYS_getdents64, "getdents64", true},
    {SYS_epoll_pwait, "epoll_pwait", true},
    {SYS_epoll_pwait2, "epoll_pwait2", true},
    {SYS_close, "close", true},
    {SYS_fstat, "fstat", true},
    {SYS_copy_file_range, "copy_file_range", true},
    {SYS_openat, "openat", false},
    {SYS_openat2, "openat2", false},
    {SYS_stat, "stat", false},
    {SYS_lstat, "lstat", false},
    {SYS_newfstatat, "newfstatat", false},
    {SYS_statx, "statx", false},
    {SYS_faccessat, "faccessat", false},
    {SYS_faccessat2, "faccessat2", false},
    {SYS_unlinkat, "unlinkat", false},
    {SYS_renameat, "renameat", false},
    {SYS_renameat2, "renameat2", false},
    {SYS_mkdirat, "mkdirat", false},
    {SYS_readlinkat, "readlinkat", false},
    {SYS_ppoll, "ppoll", false},
    {SYS_pselect6, "pselect6", false},
    {SYS_futex, "futex", false},
    {SYS_nanosleep, "nanosleep", false},
    {SYS_clock_nanosleep, "clock_nanosleep", false},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait", false},
    {SYS_rt_sigsuspend, "rt_sigsuspend", false},
    {SYS_wait4, "wait4", false},
    {SYS_waitid, "waitid", false},
    {SYS_sendfile, "sendfile", false},
    {SYS_splice, "splice", false},
    {SYS_tee, "tee", false},
    {SYS_io_getevents, "io_getevents", false},
    {SYS_msgrcv, "msgrcv", false},
    {SYS_semtimedop, "semtimedop", false},
    {SYS_sync, "sync", false},
    {SYS_syncfs, "syncfs", false},
    {SYS_mmap, "mmap", false},
    {SYS_munmap, "munmap", false},
    {SYS_madvise, "madvise", false},
    {SYS_msync, "msync", false},
    {SYS_mprotect, "mprotect", false},
    {SYS_brk, "brk", false},
    {SYS_clone, "clone", false},
    {SYS_clone3, "clone3", false},
    {SYS_execve, "execve", false},
    {SYS_getrandom, "getrandom", false},
    {SYS_restart_syscall, "restart_syscall", false},
    {SYS_sched_yield, "sched_yield", false},
    {SYS_ptrace, "ptrace", false},
    {SYS_mount, "mount", false},
    {SYS_umount2, "umount2", false},
#if defined(__x86_64__)  // newer architectures do without
    {SYS_epoll_wait, "epoll_wait", true},
    {SYS_open, "open", false},
    {SYS_access, "access", false},
    {SYS_unlink, "unlink", false},
    {SYS_rename, "rename", false},
    {SYS_mkdir, "mkdir", false},
    {SYS_rmdir, "rmdir", false},
    {SYS_readlink, "readlink", false},
    {SYS_poll, "poll", false},
    {SYS_select, "select", false},
    {SYS_pause, "pause", false},
    {SYS_fork, "fork", false},
    {SYS_vfork, "vfork", false},
#endif
};

const CallName* find(long number) noexcept {
  for (const CallName& name : names) {
    if (name.number == number) return &name;
  }
  return nullptr;
}

std::string file_of(int fd) {
  char path[256];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const auto size = sys::readlink(link.c_str(), path, sizeof path);
  return size < 0 ? std::string() : std::string(path, static_cast<std::size_t>(size));
}

// The next word of `text` as a number, decimal or hexadecimal.
template <class T>
bool take(std::string_view& text, T& into) noexcept {
  while (text.starts_with(' ')) text.remove_prefix(1);
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  const char* const end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, into, hexadecimal ? 16 : 10);
  if (error != std::errc()) return false;
  EDDY_ASSERT(next > text.data());
  text.remove_prefix(static_cast<std::size_t>(next - text.data()));
  return true;
}

}  // namespace

std::string SystemCall::to_text() const {
  const CallName* known = find(number);
  if (!known) return "system call " + std::to_string(number);
  if (!known->of_fd) return known->name;
  const int fd = static_cast<int>(arguments[0]);
  std::string text = std::string(known->name) + " of fd " + std::to_string(fd);
  if (const std::string file = file_of(fd); !file.empty()) text += " (" + file + ")";
  return text;
}

std::optional<SystemCall> parse_system_call(std::string_view text) noexcept {
  SystemCall call{};
  if (!take(text, call.number) || call.number < 0) return std::nullopt;  // -1: in the kernel, but
  for (std::uint64_t& argument : call.arguments) {                       // in no call
    if (!take(text, argument)) return std::nullopt;
  }
  return call;
}

ThreadActivity::ThreadActivity() noexcept
    : file_(sys::open("/proc/thread-self/syscall", O_RDONLY | O_CLOEXEC)) {
  char byte;  // a kernel may have the file and refuse to read it
  if (file_ && sys::pread(file_.get(), &byte, 1, 0) != 1) file_.reset();
}

std::optional<SystemCall> ThreadActivity::blocked_in() const noexcept {
  if (!file_) return std::nullopt;
  char text[256];
  const auto size = sys::pread(file_.get(), text, sizeof text, 0);
  EDDY_ASSERT(size <= static_cast<ssize_t>(sizeof text));
  if (size <= 0) return std::nullopt;
  return parse_system_call(std::string_view(text, static_cast<std::size_t>(size)));
}

}  // namespace eddy::internal
