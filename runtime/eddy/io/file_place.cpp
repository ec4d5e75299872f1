// The calls of File about its position, its size and its end.
#include <eddy/core/as_result.hpp>
#include <eddy/io/file.hpp>
#include <eddy/io/fs.hpp>

#include <linux/io_uring.h>
#include <fcntl.h>
#include <unistd.h>

#include <climits>

namespace eddy {
namespace {

constexpr std::uint8_t opcode_ftruncate = 55;  // 6.9; newer than liburing 2.3

Task<Lock::Guard> turn_of(FileState& file) {
  auto guard = co_await as_outcome(file.lock.scoped());
  if (!guard) co_await fail(std::move(guard.error()));
  co_return std::move(*guard);
}

}  // namespace

bool File::seekable() const {
  const FileState& file = open_state();
  return file.seeks() ? ::lseek(file.fd, 0, SEEK_CUR) >= 0
                      : ::lseek(file.fd, 0, SEEK_CUR) >= 0 && !file.owned;
}

Task<std::uint64_t> File::seek(std::int64_t offset, Whence whence) {
  FileState& file = open_state();
  auto guard = co_await as_outcome(turn_of(file));
  if (!guard) co_await fail(std::move(guard.error()));
  auto flushed = co_await as_outcome(file.flush());
  if (!flushed) co_await fail(std::move(flushed.error()));
  if (file.seeks() && whence == Whence::current) {
    offset += file.position();
    whence = Whence::start;
  }
  if (!file.seeks() && whence == Whence::current) offset -= static_cast<std::int64_t>(file.ahead().size());
  const auto place = ::lseek(file.fd, offset, static_cast<int>(whence));
  if (place < 0) co_await fail(Failure::error(errno, "seek", file.name.view()));
  file.move_to(place);
  co_return static_cast<std::uint64_t>(place);
}

Task<std::uint64_t> File::tell() {
  FileState& file = open_state();
  auto guard = co_await as_outcome(turn_of(file));
  if (!guard) co_await fail(std::move(guard.error()));
  if (file.seeks()) {
    if (::lseek(file.fd, 0, SEEK_CUR) < 0) co_await fail(Failure::error(errno, "tell", file.name.view()));
    co_return static_cast<std::uint64_t>(file.position());
  }
  auto flushed = co_await as_outcome(file.flush());
  if (!flushed) co_await fail(std::move(flushed.error()));
  const auto place = ::lseek(file.fd, 0, SEEK_CUR);
  if (place < 0) co_await fail(Failure::error(errno, "tell", file.name.view()));
  co_return static_cast<std::uint64_t>(place) - file.ahead().size();
}

Task<std::uint64_t> File::truncate(std::optional<std::uint64_t> wanted) {
  FileState& file = to_write();
  auto guard = co_await as_outcome(turn_of(file));
  if (!guard) co_await fail(std::move(guard.error()));
  auto flushed = co_await as_outcome(file.flush());
  if (!flushed) co_await fail(std::move(flushed.error()));
  file.drop_ahead();
  const auto size = wanted.value_or(static_cast<std::uint64_t>(file.position()));
  if (size > static_cast<std::uint64_t>(LLONG_MAX)) {
    co_await fail(Failure::error(EINVAL, "truncate", file.name.view()));
  }
  Request request;
  request.opcode = opcode_ftruncate;
  request.fd = file.fd;
  request.offset = size;
  auto done = co_await as_outcome(
      FileCall(request, "truncate", *file.mount, file.policy,
               [fd = file.fd, size] { return ::ftruncate(fd, static_cast<off_t>(size)); }));
  if (!done && done.error().is_cancelled()) co_await fail(std::move(done.error()));
  if (!done) co_await fail(Failure::error(done.error().code(), "truncate", file.name.view()));
  co_return size;
}

Task<> File::allocate(std::uint64_t offset, std::uint64_t length) {
  FileState& file = to_write();
  auto guard = co_await as_outcome(turn_of(file));
  if (!guard) co_await fail(std::move(guard.error()));
  Request request;
  request.opcode = IORING_OP_FALLOCATE;
  request.fd = file.fd;
  request.offset = offset;
  request.address = length;
  auto done = co_await as_outcome(Operation(request, "allocate"));
  if (!done && done.error().is_cancelled()) co_await fail(std::move(done.error()));
  if (!done) co_await fail(Failure::error(done.error().code(), "allocate", file.name.view()));
}

void File::advise(std::uint64_t offset, std::uint64_t length, int advice) {
  FileState& file = open_state();
  const int error = ::posix_fadvise(file.fd, static_cast<off_t>(offset), static_cast<off_t>(length), advice);
  if (error) throw Error(error, "advise", file.name.view());
}

Task<FileStat> File::stat() {
  FileState& file = open_state();
  auto guard = co_await as_outcome(turn_of(file));
  if (!guard) co_await fail(std::move(guard.error()));
  auto flushed = co_await as_outcome(file.flush());
  if (!flushed) co_await fail(std::move(flushed.error()));
  auto stat = co_await as_outcome(fs::stat_of(file.fd, file.name));
  if (!stat) co_await fail(std::move(stat.error()));
  co_return *stat;
}

Task<> File::close() {
  if (closed()) co_return;
  FileState& file = *state_;
  auto guard = co_await as_outcome(turn_of(file));
  if (!guard) co_await fail(std::move(guard.error()));
  if (file.fd < 0) co_return;
  if (file.positional > 0) throw UsageError("close of a file while read_at or write_at is in progress");
  Expected<void> flushed;
  if (file.dirty()) flushed = co_await as_outcome(file.flush());
  if (!flushed && flushed.error().is_cancelled()) co_await fail(std::move(flushed.error()));
  if (file.owned) {
    Request request;
    request.opcode = IORING_OP_CLOSE;
    request.fd = file.fd;
    auto done = co_await as_outcome(Operation(request, "close"));
    if (!done && done.error().is_cancelled()) co_await fail(std::move(done.error()));
    file.owned = false;  // whatever close said, the descriptor is gone
    if (!done && flushed) flushed = std::unexpected(Failure::error(done.error().code(), "close", file.name.view()));
  }
  file.release_fd();
  if (!flushed) co_await fail(std::move(flushed.error()));
}

}  // namespace eddy
