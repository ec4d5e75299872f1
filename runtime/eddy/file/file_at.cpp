// Reading and writing a file at a place of its own.
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/file.hpp>

#include <linux/io_uring.h>

namespace eddy {
using namespace internal;

ReadAt File::read_at(MutableBytes into, std::uint64_t offset) {
  to_read(state_);
  return ReadAt(state_, into, offset);
}
WriteAt File::write_at(Bytes bytes, std::uint64_t offset) {
  to_write(state_);
  return WriteAt(state_, bytes, offset);
}

// -- read_at --

ReadAt::ReadAt(Counted<FileState> file, MutableBytes into, std::uint64_t offset) noexcept
    : ReadCall(*file, into, static_cast<std::int64_t>(offset)), owner_(std::move(file)) {}

bool ReadAt::ready_slowly() {
  const bool open = file_.usable() || file_.make_usable();
  const bool goes = open && offset_ >= 0;
  const bool waits = goes && file_.dirty();
  if (waits) in_turn_.emplace(read_in_turn(file_, into_, static_cast<std::uint64_t>(offset_)));
  file_.begin_positional();
  if (!goes) finish(open ? -EINVAL : -ECANCELED);
  return !goes || (!waits && ReadCall::await_ready());
}

bool ReadAt::suspend_slowly(std::coroutine_handle<> frame) {
  if (!in_turn_) {
    in_turn_.emplace(read_in_turn(file_, into_, static_cast<std::uint64_t>(offset_)));
  }
  return in_turn_->await_suspend(frame);
}

Task<std::size_t> ReadAt::read_in_turn(FileState& file, MutableBytes into, std::uint64_t offset) {
  EDDY_TRY(auto guard, file.turn());
  EDDY_DO(file.flush());
  if (file.is_asking()) EDDY_DO(file.ask());
  EDDY_ASSERT(!file.dirty());
  EDDY_TRY(auto got, ReadAt(Counted<FileState>(&file), into, offset));
  co_return got;
}

// How many bytes the operation has moved; none also where a plain call is to try again.
static Expected<std::size_t> count_of(Expected<int> outcome, FileState& file, std::string_view verb,
                                      Bytes memory, std::int64_t offset) {
  if (outcome) return static_cast<std::size_t>(*outcome);
  Failure& failure = outcome.error();
  if (!failure.is_error()) return std::unexpected(std::move(failure));
  if (file.is_dropped()) return std::unexpected(file.dropped(verb));
  if (try_again(failure)) return 0;
  if (auto why = file.unaligned(failure.code(), memory.data(), memory.size(), offset)) {
    return std::unexpected(std::move(*why));
  }
  return std::unexpected(Failure::error(failure.code(), verb, file.name.view()));
}

// Fewer bytes than asked for: nearly always the end of the file. The kernel completes short reads
// of regular files itself, so that the plain call which makes sure finds nothing, or what is
// cached.
Expected<std::size_t> ReadAt::complete() {
  if (offset_ < 0) return std::unexpected(no_offset(file_.name));
  auto moved = count_of(Operation::await_outcome(), file_, "read", into_, offset_);
  if (!moved || result() == 0) return moved;
  std::size_t done = *moved;
  EDDY_ASSERT(done <= into_.size());
  while (done < into_.size()) {
    const auto got = sys::pread(file_.fd, into_.data() + done, into_.size() - done,
                                offset_ + static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && done == 0) {
      return std::unexpected(Failure::error(errno, "read", file_.name.view()));
    }
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

// -- write_at --

ssize_t PositionalWrite::operator()() const {
  return sys::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
}

static Request request_for(const FileState& file, const PositionalWrite& write) {
  return file.request(IORING_OP_WRITE, write.bytes.data(), write.bytes.size(),
                      static_cast<std::int64_t>(write.offset));
}

WriteAt::WriteAt(Counted<FileState> file, Bytes bytes, std::uint64_t offset)
    : FileCall(request_for(*file, {file->fd, bytes, offset}), "write", *file->mount, file->policy,
               PositionalWrite{file->fd, bytes, offset}),
      file_(*file),
      owner_(std::move(file)),
      write_{file_.fd, bytes, offset},
      made_on_(thread_state.loop_id) {}

bool WriteAt::await_ready() {
  if (made_on_ != thread_state.loop_id) {
    throw UsageError("write_at() was called on another loop than it is awaited on");
  }
  const bool open = file_.usable() || file_.make_usable();
  const bool goes = open && is_offset(write_.offset);
  const bool waits = goes && (!file_.empty() || file_.lock.locked() || file_.is_asking());
  if (waits) in_turn_.emplace(write_in_turn(file_, write_));
  file_.begin_positional();
  if (!open) finish(-ECANCELED);
  return !goes || (!waits && FileCall::await_ready());
}

bool WriteAt::await_suspend(std::coroutine_handle<> frame) {
  if (in_turn_) [[unlikely]] return in_turn_->await_suspend(frame);
  prepare(request_for(file_, write_));  // the registered place may be another since it was made
  FileCall::await_suspend(frame);
  return true;
}

Expected<std::size_t> WriteAt::await_outcome() {
  file_.end_positional();
  if (in_turn_) return in_turn_->await_outcome();
  if (!is_offset(write_.offset)) return std::unexpected(no_offset(file_.name));
  auto moved = count_of(Operation::await_outcome(), file_, "write", write_.bytes,
                        static_cast<std::int64_t>(write_.offset));
  if (!moved) return moved;
  // A disk that fills up takes a part: the plain call for the rest finds out why.
  std::size_t done = *moved;
  EDDY_ASSERT(done <= write_.bytes.size());
  while (done < write_.bytes.size()) {
    const auto written = PositionalWrite{write_.fd, Bytes(write_.bytes.subspan(done)),
                                         write_.offset + done}();
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      return std::unexpected(Failure::error(written < 0 ? errno : EIO, "write", file_.name.view()));
    }
    done += static_cast<std::size_t>(written);
  }
  return done;
}

Task<std::size_t> WriteAt::write_in_turn(FileState& file, PositionalWrite write) {
  EDDY_TRY(auto guard, file.turn());
  EDDY_DO(file.flush());
  if (file.is_asking()) EDDY_DO(file.ask());
  file.drop_ahead();
  const std::size_t size = write.bytes.size();
  while (!write.bytes.empty()) {
    const Request request = request_for(file, write);
    auto written = co_await as_outcome(
        perform(request, "write", *file.mount, file.policy, file.name, write));
    if (!written) {
      const int code = written.error().code();
      auto why = file.unaligned(code, write.bytes.data(), write.bytes.size(),
                                static_cast<std::int64_t>(write.offset));
      if (why) co_await fail(std::move(*why));
      co_await fail(std::move(written.error()));
    }
    EDDY_ASSERT(static_cast<std::size_t>(*written) <= write.bytes.size());
    if (*written == 0) co_await fail(Failure::error(EIO, "write", file.name.view()));
    write.bytes = Bytes(write.bytes.subspan(static_cast<std::size_t>(*written)));
    write.offset += static_cast<std::uint64_t>(*written);
  }
  co_return size;
}

}  // namespace eddy
