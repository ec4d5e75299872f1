// sys: every call of the kernel that does not go through the ring, one inline function each.
//
// Each has libc's name, arguments and answer: -1 and errno, unless its page of the manual says
// something else. Nobody else makes such a call (tests/house/plain_calls.py), so that another
// kernel, a simulated one, can stand here and see all that a loop does to the world and learns of
// it; also what libc asks the kernel for: a name's addresses, the environment. What only computes
// (inet_pton, sigaddset) is called where it is used. The ring's own calls are behind Ring; threads
// and their locks, the heap, and what is printed for a person, are none of the loop's world.
//
// What time it is, ask Loop::clock(): a loop may have a time of its own.
#pragma once

#include <eddy/base/clock.hpp>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace eddy::internal::sys {

// -- descriptors --

inline int open(const char* path, int flags, unsigned permissions = 0) {
  return ::open(path, flags, permissions);
}
// 5.6; libc has none.
inline int openat2(int directory, const char* path, const open_how& how) {
  return static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof how));
}
inline int openat(int directory, const char* path, int flags) {
  return ::openat(directory, path, flags);
}
inline int close(int fd) { return ::close(fd); }
inline ssize_t read(int fd, void* into, std::size_t size) {
  return ::read(fd, into, size);
}
inline ssize_t write(int fd, const void* from, std::size_t size) {
  return ::write(fd, from, size);
}
inline ssize_t pread(int fd, void* into, std::size_t size, off_t offset) {
  return ::pread(fd, into, size, offset);
}
inline ssize_t pwrite(int fd, const void* from, std::size_t size, off_t offset) {
  return ::pwrite(fd, from, size, offset);
}
inline ssize_t preadv2(int fd, const iovec* parts, int count, off_t offset, int flags) {
  return ::preadv2(fd, parts, count, offset, flags);
}
inline ssize_t pwritev2(int fd, const iovec* parts, int count, off_t offset, int flags) {
  return ::pwritev2(fd, parts, count, offset, flags);
}
inline ssize_t writev(int fd, const iovec* parts, int count) {
  return ::writev(fd, parts, count);
}
inline ssize_t copy_file_range(int from, off_t* from_offset, int to, off_t* to_offset,
                               std::size_t size) {
  return ::copy_file_range(from, from_offset, to, to_offset, size, 0);
}
inline ssize_t splice(int from, off_t* from_offset, int to, off_t* to_offset, std::size_t size,
                      unsigned flags) {
  return ::splice(from, from_offset, to, to_offset, size, flags);
}
inline off_t lseek(int fd, off_t offset, int whence) {
  return ::lseek(fd, offset, whence);
}
inline int fcntl(int fd, int command, int argument) {
  return ::fcntl(fd, command, argument);
}
inline int fcntl(int fd, int command, struct ::flock* range) {
  return ::fcntl(fd, command, range);
}
inline int flock(int fd, int operation) { return ::flock(fd, operation); }
template <class Argument>
int ioctl(int fd, unsigned long request, Argument argument) {
  return ::ioctl(fd, request, argument);
}
inline int poll(pollfd* descriptors, nfds_t count, int milliseconds) {
  return ::poll(descriptors, count, milliseconds);
}
inline int pipe2(int (&ends)[2], int flags) { return ::pipe2(ends, flags); }
inline int eventfd(unsigned count, int flags) { return ::eventfd(count, flags); }

// -- files that are open --

inline int fstat(int fd, struct ::stat* into) { return ::fstat(fd, into); }
inline int fstatfs(int fd, struct ::statfs* into) { return ::fstatfs(fd, into); }
inline int fchmod(int fd, mode_t mode) { return ::fchmod(fd, mode); }
inline int fchown(int fd, uid_t user, gid_t group) { return ::fchown(fd, user, group); }
inline int ftruncate(int fd, off_t size) { return ::ftruncate(fd, size); }
inline int fallocate(int fd, int mode, off_t offset, off_t length) {
  return ::fallocate(fd, mode, offset, length);
}
inline int posix_fadvise(int fd, off_t offset, off_t length, int advice) {
  return ::posix_fadvise(fd, offset, length, advice);
}
inline int fsync(int fd) { return ::fsync(fd); }
inline int fdatasync(int fd) { return ::fdatasync(fd); }
inline int syncfs(int fd) { return ::syncfs(fd); }

// -- names --

inline int fstatat(int directory, const char* path, struct ::stat* into, int flags) {
  return ::fstatat(directory, path, into, flags);
}
inline int statx(int directory, const char* path, int flags, unsigned wanted,
                 struct ::statx* into) {
  return ::statx(directory, path, flags, wanted, into);
}
inline int access(const char* path, int mode) { return ::access(path, mode); }
inline int rename(const char* from, const char* to) { return ::rename(from, to); }
inline int renameat(int from_directory, const char* from, int to_directory, const char* to) {
  return ::renameat(from_directory, from, to_directory, to);
}
inline int unlink(const char* path) { return ::unlink(path); }
inline int unlinkat(int directory, const char* path, int flags) {
  return ::unlinkat(directory, path, flags);
}
inline int mkdir(const char* path, mode_t mode) { return ::mkdir(path, mode); }
inline int rmdir(const char* path) { return ::rmdir(path); }
inline int symlink(const char* target, const char* path) {
  return ::symlink(target, path);
}
inline int link(const char* target, const char* path) { return ::link(target, path); }
inline ssize_t readlink(const char* path, char* into, std::size_t size) {
  return ::readlink(path, into, size);
}
inline int chmod(const char* path, mode_t mode) { return ::chmod(path, mode); }
inline int chown(const char* path, uid_t user, gid_t group) { return ::chown(path, user, group); }
inline int lchown(const char* path, uid_t user, gid_t group) {
  return ::lchown(path, user, group);
}
inline int statvfs(const char* path, struct ::statvfs* into) { return ::statvfs(path, into); }
inline ssize_t listxattr(const char* path, char* into, std::size_t size) {
  return ::listxattr(path, into, size);
}
inline ssize_t getxattr(const char* path, const char* name, void* into, std::size_t size) {
  return ::getxattr(path, name, into, size);
}
inline int setxattr(const char* path, const char* name, const void* from, std::size_t size) {
  return ::setxattr(path, name, from, size, 0);
}
inline int truncate(const char* path, off_t size) { return ::truncate(path, size); }
inline int utimensat(int directory, const char* path, const timespec (&times)[2],
                     int flags) {
  return ::utimensat(directory, path, times, flags);
}
inline char* getcwd(char* into, std::size_t size) { return ::getcwd(into, size); }
inline ssize_t getdents64(int directory, void* into, std::size_t size) {
  return ::getdents64(directory, into, size);
}
inline int inotify_init1(int flags) { return ::inotify_init1(flags); }
inline int inotify_add_watch(int fd, const char* path, std::uint32_t mask) {
  return ::inotify_add_watch(fd, path, mask);
}
inline int inotify_rm_watch(int fd, int watch) { return ::inotify_rm_watch(fd, watch); }

// -- sockets --

inline int socket(int family, int type, int protocol) {
  return ::socket(family, type, protocol);
}
inline int socketpair(int family, int type, int protocol, int (&ends)[2]) {
  return ::socketpair(family, type, protocol, ends);
}
inline int bind(int fd, const sockaddr* address, socklen_t size) {
  return ::bind(fd, address, size);
}
inline int listen(int fd, int backlog) { return ::listen(fd, backlog); }
inline int connect(int fd, const sockaddr* address, socklen_t size) {
  return ::connect(fd, address, size);
}
inline int shutdown(int fd, int how) { return ::shutdown(fd, how); }
inline int getsockname(int fd, sockaddr* into, socklen_t* size) {
  return ::getsockname(fd, into, size);
}
inline int getpeername(int fd, sockaddr* into, socklen_t* size) {
  return ::getpeername(fd, into, size);
}
inline int getsockopt(int fd, int level, int name, void* into, socklen_t* size) {
  return ::getsockopt(fd, level, name, into, size);
}
inline int setsockopt(int fd, int level, int name, const void* value, socklen_t size) {
  return ::setsockopt(fd, level, name, value, size);
}
inline ssize_t send(int fd, const void* from, std::size_t size, int flags) {
  return ::send(fd, from, size, flags);
}
inline ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  return ::sendmsg(fd, message, flags);
}
inline ssize_t recvmsg(int fd, msghdr* message, int flags) {
  return ::recvmsg(fd, message, flags);
}
inline ssize_t recv(int fd, void* into, std::size_t size, int flags) {
  return ::recv(fd, into, size, flags);
}
inline unsigned if_nametoindex(const char* name) { return ::if_nametoindex(name); }
inline int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                       addrinfo** found) {
  return ::getaddrinfo(host, service, hints, found);
}
inline void freeaddrinfo(addrinfo* found) { ::freeaddrinfo(found); }

// -- the process and its threads --

inline pid_t getpid() { return ::getpid(); }
inline uid_t geteuid() { return ::geteuid(); }
inline int dl_iterate_phdr(int (*tell)(dl_phdr_info*, std::size_t, void*), void* to) {
  return ::dl_iterate_phdr(tell, to);
}
inline pid_t fork() { return ::fork(); }
inline pid_t waitpid(pid_t child, int* status, int options) {
  return ::waitpid(child, status, options);
}
inline int kill(pid_t process, int signal) { return ::kill(process, signal); }
[[noreturn]] inline void exit_at_once(int status) { ::_exit(status); }
// Of this process when the thread that forked it has ended.
inline int set_parent_death_signal(int signal) { return ::prctl(PR_SET_PDEATHSIG, signal); }
inline pid_t getppid() { return ::getppid(); }
inline char** environment() noexcept { return environ; }
// Answers with an errno.
inline int posix_spawnp(pid_t* child, const char* program,
                        const posix_spawn_file_actions_t* actions,
                        const posix_spawnattr_t* attributes, char* const* argv,
                        char* const* environment) {
  return ::posix_spawnp(child, program, actions, attributes, argv, environment);
}
// 5.3; libc has none before 2.36.
inline int pidfd_open(pid_t process) {
  return static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
}
inline int pidfd_send_signal(int process, int signal, unsigned flags = 0) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, process, signal, nullptr, flags));
}
inline int waitid(idtype_t kind, id_t which, siginfo_t* into, int options) {
  return ::waitid(kind, which, into, options);
}
inline int getrlimit(int resource, rlimit* into) {
  return ::getrlimit(static_cast<__rlimit_resource>(resource), into);
}
inline const char* secure_getenv(const char* name) { return ::secure_getenv(name); }
inline ssize_t getrandom(void* into, std::size_t size, unsigned flags) {
  return ::getrandom(into, size, flags);
}
inline void* mmap(void* at, std::size_t size, int protection, int flags, int fd,
                  off_t offset) {
  return ::mmap(at, size, protection, flags, fd, offset);
}
inline int munmap(void* memory, std::size_t size) { return ::munmap(memory, size); }
inline int pthread_sigmask(int how, const sigset_t* set, sigset_t* before) {
  return ::pthread_sigmask(how, set, before);
}
inline int pthread_setname_np(pthread_t thread, const char* name) {
  return ::pthread_setname_np(thread, name);
}
inline int pthread_create(pthread_t* into, void* (*function)(void*), void* argument) {
  return ::pthread_create(into, nullptr, function, argument);
}
inline int pthread_join(pthread_t thread) { return ::pthread_join(thread, nullptr); }
// Answers in place of a fault where nothing is mapped.
inline ssize_t process_vm_readv(pid_t process, const iovec& into, const iovec& from) {
  return ::process_vm_readv(process, &into, 1, &from, 1, 0);
}
inline int dladdr1(const void* address, Dl_info* into, void** extra, int flags) {
  return ::dladdr1(address, into, extra, flags);
}
inline int sigaction(int signal, const struct ::sigaction* action, struct ::sigaction* before) {
  return ::sigaction(signal, action, before);
}
inline int sched_getaffinity(pid_t thread, std::size_t size, cpu_set_t* into) {
  return ::sched_getaffinity(thread, size, into);
}
inline int raise(int signal) { return ::raise(signal); }
inline int sigpending(sigset_t* into) { return ::sigpending(into); }
inline int sigtimedwait(const sigset_t* set, siginfo_t* into, const timespec* limit) {
  return ::sigtimedwait(set, into, limit);
}

// -- time --

// The real time, also where the loop has one of its own: for how long something held the thread.
inline Instant now() { return std::chrono::steady_clock::now(); }
inline int clock_gettime(clockid_t clock, timespec* into) {
  return ::clock_gettime(clock, into);
}
inline int clock_getres(clockid_t clock, timespec* into) {
  return ::clock_getres(clock, into);
}
inline int nanosleep(const timespec* length, timespec* left) {
  return ::nanosleep(length, left);
}

}  // namespace eddy::internal::sys
