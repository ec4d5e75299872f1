#include <eddy/file/internal/final_sync.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/directory_reader.hpp>
#include <eddy/file/internal/path.hpp>
#include <eddy/file/internal/thread_call.hpp>

#include <linux/io_uring.h>

namespace eddy::internal {
namespace {

std::string_view directory_of(std::string_view path) noexcept {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? "." : path.substr(0, slash + 1);
}

// 0, or an errno.
int sync_now(int fd) noexcept {
  int done;
  do {
    done = sys::fsync(fd);
  } while (done < 0 && errno == EINTR);
  return done < 0 ? errno : 0;
}

}  // namespace

Task<> open_directory_of(Text path, ParentDirectory& parent) {
  const Text directory(directory_of(path.view()));
  Storage& storage = Storage::current();
  parent.mount = &storage.mount_of(directory.view());
  auto fd =
      co_await as_outcome(open_directory_at(AT_FDCWD, path_of(directory), 0, *parent.mount));
  parent.whole_system = !fd && fd.error().is_error(EACCES);
  if (!fd && !parent.whole_system) co_await fail(named(std::move(fd.error()), "open", directory));
  if (fd) parent.fd = std::move(*fd);
}

int use_instead(ParentDirectory& directory, int file) {
  EDDY_ASSERT(directory.whole_system);
  EDDY_ASSERT(!directory.fd);
  directory.fd.reset(sys::fcntl(file, F_DUPFD_CLOEXEC, 0));
  return directory.fd ? 0 : errno;
}

FinalSync::FinalSync(int fd, Storage::Mount& mount) noexcept
    : Operation("sync", nullptr, kind<&FinalSync::describe, &refuse>), fd_(fd), mount_(mount) {
  EDDY_ASSERT(fd >= 0);
  prepare({.opcode = IORING_OP_FSYNC, .fd = fd});
}

bool FinalSync::refuse(Waiter&) { return false; }

void FinalSync::await_suspend(std::coroutine_handle<> frame) {
  if (mount_.remote) remote_.begin(Storage::current());
  Operation::await_suspend(frame);
}

Expected<int> FinalSync::await_outcome() {
  const int code = was_not_done() ? sync_now(fd_) : -result();
  if (code > 0) return std::unexpected(Failure::error(code, name()));
  return 0;
}

bool FinalSync::was_not_done() const noexcept {
  const int code = -result();
  return code == ECANCELED || code == EINTR || code == EAGAIN || code == EACCES;
}

Task<int> sync_whole_system(const ParentDirectory& directory) {
  EDDY_ASSERT(directory.fd);
  EDDY_ASSERT(directory.whole_system);
  const int fd = directory.fd.get();
  for (bool asked = false;;) {  // no cancel ends it
    asked |= thread_state.task->take_pending_cancel();
    auto synced =
        co_await as_outcome(perform_plainly("sync", *directory.mount, FilePolicy::ring, Text(),
                                            [fd] { return sys::syncfs(fd); }));
    const bool not_begun = !synced && synced.error().is_cancelled();
    if (asked || not_begun) thread_state.task->keep_cancel_pending();
    if (not_begun) continue;
    if (!synced) co_await fail(Failure::error(synced.error().code(), "sync"));
    co_return 0;
  }
}

}  // namespace eddy::internal
