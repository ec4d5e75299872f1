#include <eddy/file/internal/transfer.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/file.hpp>
#include <eddy/file/internal/thread_call.hpp>

#include <linux/io_uring.h>

#include <algorithm>

namespace eddy::internal {
namespace {

// As much as one step moves while the loop is held: some 60 us from the page cache.
constexpr std::size_t chunk = 256 * 1024;
constexpr std::size_t pipe_size = 1024 * 1024;
// ... and on a thread, which holds nobody: so often it can be told, and cancelled.
constexpr std::size_t thread_step = 4 * 1024 * 1024;

// By the file system, or a filter; or there is no descriptor left for a pipe.
bool cannot_splice(const Failure& failure) noexcept {
  if (!failure.is_error()) return false;
  const int code = failure.code();
  return code == EINVAL || code == EOPNOTSUPP || code == ENOSYS || code == EPERM ||
         code == EMFILE || code == ENFILE;
}

// From 5.3 to 6.18: the file system, its server, or how one of the two was opened.
bool cannot_copy_range(const Failure& failure) noexcept {
  if (!failure.is_error()) return false;
  const int code = failure.code();
  return code == EINVAL || code == EOPNOTSUPP || code == ENOSYS || code == EPERM ||
         code == EXDEV || code == EBADF || code == ETXTBSY;
}

}  // namespace

// What is left of a move.
struct Transfer::Stretch {
  std::uint64_t begin;
  std::uint64_t place;
  std::uint64_t left;
  bool ended = false;  // nothing is left, or the file has ended

  std::size_t next(std::size_t most) const noexcept {
    return static_cast<std::size_t>(std::min<std::uint64_t>(left, most));
  }
};

void Transfer::count(Stretch& stretch, std::uint64_t moved) {
  EDDY_ASSERT(moved <= stretch.left);
  stretch.begin += moved;
  if (stretch.place != own_position) stretch.place += moved;
  if (stretch.left != to_the_end) stretch.left -= moved;
  stretch.ended = stretch.left == 0;
  done_ += moved;
  if (report_) report_(done_);
}

// Moves up to `size` bytes between a file and the pipe.
Task<std::uint64_t> Transfer::splice(int from, std::uint64_t begin, int to, std::uint64_t place,
                                     std::size_t size, const FileState& owner) {
  EDDY_ASSERT(size > 0);
  const Request request{.opcode = IORING_OP_SPLICE,
                        .fd = to,
                        .offset = place,
                        .address = begin,
                        .length = static_cast<std::uint32_t>(size),
                        .op_flags = SPLICE_F_MOVE,
                        .file_index = static_cast<std::uint32_t>(from)};
  const auto call = [from, begin, to, place, size] {
    auto from_offset = static_cast<off_t>(begin);
    auto to_offset = static_cast<off_t>(place);
    return sys::splice(from, begin == own_position ? nullptr : &from_offset, to,
                       place == own_position ? nullptr : &to_offset, size, SPLICE_F_MOVE);
  };
  EDDY_TRY(auto moved, perform(request, "copy", *owner.mount, owner.policy, owner.name, call));
  EDDY_ASSERT(static_cast<std::size_t>(moved) <= size);
  co_return static_cast<std::uint64_t>(moved);
}

// Nothing copied is not believed to be the end: 5.19 and older say so of what they cannot copy.
Task<> Transfer::by_the_server(Stretch& stretch) {
  while (!stretch.ended) {
    const auto call = [from = from_.fd, to = to_.fd, begin = stretch.begin, place = stretch.place,
                       size = stretch.next(thread_step)] {
      auto from_offset = static_cast<off_t>(begin);
      auto to_offset = static_cast<off_t>(place);
      return sys::copy_file_range(from, &from_offset, to, &to_offset, size);
    };
    EDDY_TRY(auto copied, perform_plainly("copy", *to_.mount, to_.policy, to_.name, call));
    if (copied == 0) break;
    count(stretch, static_cast<std::uint64_t>(copied));
  }
}

// On a thread: one way there and back for several fillings of the pipe, each of which would cost a
// thread of the kernel's two such ways. What is loaded and not stored when it fails is lost: then
// the pipe is of no use any more.
class Transfer::PipeCall {
 public:
  struct Failed {
    bool reading = false;
    bool pipe_is_dirty = false;
  };

  PipeCall(const Transfer& transfer, const Stretch& stretch, Failed& failed) noexcept
      : from_(transfer.from_.fd),
        in_(transfer.pipe_in_.get()),
        out_(transfer.pipe_out_.get()),
        to_(transfer.to_.fd),
        begin_(stretch.begin),
        place_(stretch.place),
        size_(stretch.next(thread_step)),
        failed_(failed) {}

  // How many bytes were stored.
  ssize_t operator()() const {
    auto begin = static_cast<off_t>(begin_);
    auto place = static_cast<off_t>(place_);
    for (std::size_t done = 0; done < size_;) {
      const std::size_t most = std::min(size_ - done, pipe_size);
      ssize_t left = sys::splice(from_, &begin, in_, nullptr, most, SPLICE_F_MOVE);
      failed_.reading = left < 0;
      if (left <= 0) return done > 0 || left == 0 ? static_cast<ssize_t>(done) : -1;
      while (left > 0) {
        off_t* const to_place = place_ == own_position ? nullptr : &place;
        const ssize_t stored = sys::splice(out_, nullptr, to_, to_place,
                                           static_cast<std::size_t>(left), SPLICE_F_MOVE);
        failed_.pipe_is_dirty = stored <= 0;
        if (stored <= 0) return done > 0 ? static_cast<ssize_t>(done) : -1;
        left -= stored;
        done += static_cast<std::size_t>(stored);
      }
    }
    return static_cast<ssize_t>(size_);
  }

 private:
  int from_;
  int in_;
  int out_;
  int to_;
  std::uint64_t begin_;
  std::uint64_t place_;
  std::size_t size_;
  Failed& failed_;
};

// 0, or an errno.
int Transfer::open_pipe() noexcept {
  if (pipe_in_) return 0;
  int ends[2];
  if (sys::pipe2(ends, O_CLOEXEC) < 0) return errno;
  pipe_out_.reset(ends[0]);
  pipe_in_.reset(ends[1]);
  // Smaller where that is not allowed.
  static_cast<void>(sys::fcntl(pipe_in_.get(), F_SETPIPE_SZ, static_cast<int>(pipe_size)));
  return 0;
}

Task<> Transfer::step_on_thread(Stretch& stretch) {
  PipeCall::Failed failed;
  const PipeCall call(*this, stretch, failed);
  auto moved = co_await as_outcome(
      perform_plainly("copy", *to_.mount, FilePolicy::ring, to_.name, call));
  if (failed.pipe_is_dirty) {
    pipe_out_.reset();
    pipe_in_.reset();
  }
  if (!moved && moved.error().is_error()) {
    const Text& subject = failed.reading ? from_.name : to_.name;
    co_await fail(Failure::error(moved.error().code(), "copy", subject));
  }
  if (!moved) co_await fail(std::move(moved.error()));
  if (*moved == 0) stretch.ended = true;
  if (*moved > 0) count(stretch, static_cast<std::uint64_t>(*moved));
}

// Inline, or on the ring, which has a thread more for each file system that may be dead.
Task<> Transfer::step(Stretch& stretch, std::size_t most) {
  EDDY_TRY(auto loaded, splice(from_.fd, stretch.begin, pipe_in_.get(), own_position,
                               stretch.next(most), from_));
  if (loaded == 0) stretch.ended = true;
  for (std::uint64_t left = loaded; left > 0;) {
    EDDY_TRY(auto stored, splice(pipe_out_.get(), own_position, to_.fd, stretch.place,
                                 static_cast<std::size_t>(left), to_));
    EDDY_ASSERT(stored > 0);
    left -= stored;
    count(stretch, stored);
  }
}

Task<> Transfer::through_pipe(Stretch& stretch) {
  Storage& storage = to_.storage();
  const bool remote = from_.mount->remote || to_.mount->remote;
  while (!stretch.ended) {
    const int code = open_pipe();
    if (code) co_await fail(Failure::error(code, "copy", to_.name));
    const bool here = storage.inline_allowed(*to_.mount, to_.policy) &&
                      storage.inline_allowed(*from_.mount, from_.policy);
    if (here || remote) {
      EDDY_DO(step(stretch, here ? chunk : pipe_size));
    } else {
      EDDY_DO(step_on_thread(stretch));
    }
  }
}

// Some files of /proc have a position, and yet want none to be named.
Task<std::size_t> Transfer::read(MutableBytes into, std::uint64_t begin) {
  auto got = co_await as_outcome(ReadAt(Counted<FileState>(&from_), into, begin));
  if (!got && got.error().is_error(ESPIPE)) got = co_await as_outcome(from_.read_raw(into));
  if (!got) co_await fail(std::move(got.error()));
  co_return *got;
}

// For what cannot be spliced: some files of /proc, some file systems, a file opened to append.
Task<> Transfer::through_memory(Stretch& stretch) {
  if (!memory_) memory_.reset(new std::byte[chunk]);
  while (!stretch.ended) {
    EDDY_TRY(auto got, read(MutableBytes(memory_.get(), stretch.next(chunk)), stretch.begin));
    if (got == 0) stretch.ended = true;
    for (std::size_t done = 0; done < got;) {
      if (stretch.place != own_position) to_.move_to(static_cast<std::int64_t>(stretch.place));
      EDDY_TRY(auto put, to_.write_raw(Bytes(memory_.get() + done, got - done)));
      EDDY_ASSERT(put > 0);
      done += put;
      count(stretch, put);
    }
  }
}

Task<std::uint64_t> Transfer::move(std::uint64_t begin, std::uint64_t place, std::uint64_t size) {
  const std::uint64_t before = done_;
  Stretch stretch{.begin = begin, .place = place, .left = size, .ended = size == 0};
  if (by_server_ && place != own_position) {
    auto copied = co_await as_outcome(by_the_server(stretch));
    by_server_ = copied.has_value();
    if (!copied && !cannot_copy_range(copied.error())) co_await fail(std::move(copied.error()));
  }
  if (!through_memory_ && !stretch.ended) {
    auto spliced = co_await as_outcome(through_pipe(stretch));
    // Refused by the one end or the other, or by a filter of system calls.
    through_memory_ = !spliced && cannot_splice(spliced.error());
    if (!spliced && !through_memory_) co_await fail(std::move(spliced.error()));
  }
  if (through_memory_ && !stretch.ended) EDDY_DO(through_memory(stretch));
  EDDY_ASSERT(stretch.ended);
  co_return done_ - before;
}

}  // namespace eddy::internal
