#include <eddy/file/internal/file_state.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/internal/misuse.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/aligned_buffer.hpp>
#include <eddy/file/internal/read_call.hpp>
#include <eddy/file/internal/stoppable.hpp>

#include <linux/io_uring.h>
#include <linux/magic.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

namespace eddy::internal {

// Linux moves at most this many bytes in one call.
static constexpr std::size_t transfer_max = 0x7ffff000;

FileState::FileState(int fd, bool owned, const FileMode& mode, Text name, std::size_t capacity,
                     FilePolicy policy, Storage& storage, Storage::Mount& mount) noexcept
    : fd(fd),
      owned(owned),
      mode(mode),
      name(std::move(name)),
      policy(policy),
      mount(&mount),
      loop_(thread_state.loop_id),
      storage_(&storage),
      capacity_(capacity) {
  EDDY_ASSERT(mode.readable || mode.writable);
  EDDY_ASSERT(loop_ != no_loop);
}

bool FileState::make_usable() {
  if (dropped_) return false;
  if (fd < 0) throw UsageError("a call on a closed file");
  Storage& storage = Storage::current();
  if (lock.locked() || positional > 0) {
    throw UsageError("a call on a file that another loop is using");
  }
  Storage::Mount& there = storage.mount_of_descriptor(fd);
  if (place) Registered::give_back_file(loop_, *place);
  place.reset();
  storage_ = &storage;
  mount = &there;
  loop_ = thread_state.loop_id;
  process_ = process_mark;
  EDDY_ASSERT(!waiting_);
  EDDY_ASSERT(usable());
  return true;
}

void FileState::drop() noexcept {
  EDDY_ASSERT(!dropped_);
  dropped_ = true;
  if (waiting_) waiting_->stop();
  if (!lock.locked() && positional == 0) close_now();
}

void FileState::close_now() noexcept {
  EDDY_ASSERT(!lock.locked());
  EDDY_ASSERT(positional == 0);
  check();
  if (dropped_ && fd >= 0 && dirty()) [[unlikely]] report_lost();
  if (const int rest = release_fd(); rest >= 0) sys::close(rest);
  if (data_) Pool::release(std::exchange(data_, nullptr), allocated_);
  begin_ = end_ = 0;
}

void FileState::report_lost() const noexcept {
  try {
    report_lost_bytes(end_, "a file that was dropped before flush() or close(): '" +
                                std::string(name.view()) + "'");
  } catch (const std::bad_alloc&) {  // then it is not told
  }
}

int FileState::release_fd() noexcept {
  EDDY_ASSERT(positional == 0);
  if (place) Registered::give_back_file(loop_, *place);
  place.reset();
  // A child of fork() would move what its parent goes on reading.
  const bool ours = process_ == process_mark;
  if (fd >= 0 && ours && !seeks_ && !ahead().empty()) leave_ahead();
  loop_ = no_loop;
  const int rest = owned ? fd : -1;
  fd = -1;
  return rest;
}

// Who has the same descriptor goes on where this one stood.
void FileState::leave_ahead() noexcept {
  EDDY_ASSERT(!seeks_);
  EDDY_ASSERT(!writing_);
  const bool is_there = !keep_ahead || keep_ahead(is_stream_ ? ahead() : Bytes(), input);
  if (is_there && !is_stream_) return drop_ahead();
  begin_ = end_;
}

Task<Lock::Guard> FileState::turn() {
  EDDY_TRY(auto guard, lock.scoped());
  if (dropped_) co_await fail(dropped("use"));
  if (fd < 0) throw UsageError("the file was closed meanwhile");
  EDDY_ASSERT(!waiting_);
  check();
  co_return std::move(guard);
}

void FileState::may_wait_again() const noexcept {
  EDDY_ASSERT(nonblocking_);
  nonblocking_ = false;
  const int flags = sys::fcntl(fd, F_GETFL, 0);
  if (flags >= 0) sys::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

// -- one operation each --

Request FileState::plain_request(std::uint8_t opcode, const void* data,
                                 std::size_t size) const noexcept {
  const int open = descriptor();
  return {.opcode = opcode,
          .flags = place ? std::uint8_t{IOSQE_FIXED_FILE} : std::uint8_t{0},
          .fd = place ? static_cast<int>(*place) : open,
          .address = address_of(data),
          .length = static_cast<std::uint32_t>(std::min(size, transfer_max))};
}

Request FileState::request(std::uint8_t opcode, const void* data, std::size_t size,
                           std::int64_t offset) const {
  EDDY_ASSERT(fd >= 0);
  Request request = plain_request(opcode, data, size);
  request.offset = static_cast<std::uint64_t>(offset);
  request.op_flags = transfer_flags_;
  if (const auto buffer = Loop::current().registered().find_buffer(data, request.length)) {
    request.opcode = opcode == IORING_OP_READ ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
    request.buffer = static_cast<std::uint16_t>(*buffer);
  }
  return request;
}

int read_cached(int fd, MutableBytes into, std::int64_t offset, bool& refuses_to_wait) noexcept {
  // What is larger keeps the loop from other work either way.
  constexpr std::size_t quick = FileState::default_capacity;
  if (into.size() > quick || !refuses_to_wait) return -EAGAIN;
  const struct iovec memory {into.data(), into.size()};
  const auto got = sys::preadv2(fd, &memory, 1, offset, RWF_NOWAIT);
  if (got >= 0) return static_cast<int>(got);
  // ENOSYS and EPERM: a filter of system calls that does not know it.
  if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EPERM) {
    return errno == EINTR ? -EAGAIN : -errno;
  }
  struct statfs system;  // tmpfs has no other place than the cache, but says so only since 6.6
  if (sys::fstatfs(fd, &system) < 0 || system.f_type != TMPFS_MAGIC) {
    refuses_to_wait = false;
    return -EAGAIN;
  }
  const auto now = sys::preadv2(fd, &memory, 1, offset, 0);
  return now >= 0 ? static_cast<int>(now) : -EAGAIN;
}

std::optional<Failure> FileState::unaligned(int code, const void* data, std::size_t size,
                                            std::int64_t offset) const {
  if (code != EINVAL || !direct_) return std::nullopt;
  const auto all = reinterpret_cast<std::uintptr_t>(data) | size |
                   static_cast<std::uintptr_t>(std::max<std::int64_t>(offset, 0));
  if (all % AlignedBuffer::page == 0) return std::nullopt;
  return Failure::error(EINVAL, "use O_DIRECT with memory, a size or an offset that is not aligned "
                                "(see AlignedBuffer) on", name);
}

// A request of no bytes waits for no disk, and is refused all the same where it would be with some.
// A plain call of none is not.
Task<> FileState::ask() {
  constexpr std::uint32_t do_not_cache = 0x80;  // RWF_DONTCACHE, 6.14; newer than the headers
  Request request = plain_request(mode.readable ? IORING_OP_READ : IORING_OP_WRITE, nullptr, 0);
  request.op_flags = do_not_cache;
  auto answer = co_await as_outcome(Operation(request, "use"));
  if (!answer && answer.error().is_cancelled()) co_await fail(std::move(answer.error()));
  asks_ = false;
  if (answer) transfer_flags_ = do_not_cache;
}

// Returns when the operation that failed may be tried again; otherwise fails as that did.
Task<> FileState::recover(Failure failure, std::string_view verb, short events,
                          unsigned tries) {
  EDDY_ASSERT(tries > 0);
  if (!failure.is_error()) co_await fail(std::move(failure));
  EDDY_ASSERT(failure.code() > 0);
  if (dropped_) co_await fail(dropped(verb));
  const int code = failure.code();
  if (code == ESPIPE && seeks_) {
    seeks_ = false;  // some files of /proc have a position, and yet want none to be named
  } else if (code == EAGAIN && !seeks_) {
    // Whoever opened it asked for O_NONBLOCK: the ring does not wait then, unless for readiness.
    const Request poll{.opcode = IORING_OP_POLL_ADD,
                       .fd = fd,
                       .op_flags = static_cast<std::uint32_t>(events)};
    auto ready = co_await as_outcome(Stoppable<Operation>(*this, poll, verb));
    if (!ready && ready.error().is_error() && dropped_) co_await fail(dropped(verb));
    if (!ready) co_await fail(std::move(ready.error()));
  } else if (!try_again(failure) || lacks_worker(failure) ||
             (code == EAGAIN && tries >= ring_tries)) {  // without_worker() did not help either
    co_await fail(failure_of_call(code, verb, name));
  }
}

// A read or a write for which the kernel had no thread: once more, then as a plain call.
Task<int> FileState::without_worker(std::uint8_t opcode, std::byte* data, std::size_t size,
                                    std::int64_t offset) {
  EDDY_ASSERT(!is_stream_);  // a plain call would wait for ever
  const bool reads = opcode == IORING_OP_READ;
  EDDY_ASSERT(reads || opcode == IORING_OP_WRITE);
  const std::string_view verb = reads ? "read" : "write";
  size = std::min(size, transfer_max);
  const auto call = [fd = fd, reads, data, size, offset] {
    if (offset >= 0) {
      return reads ? sys::pread(fd, data, size, offset) : sys::pwrite(fd, data, size, offset);
    }
    return reads ? sys::read(fd, data, size) : sys::write(fd, data, size);
  };
  EDDY_TRY(auto done,
           perform(request(opcode, data, size, offset), verb, *mount, policy, name, call));
  co_return done;
}

Task<std::size_t> FileState::read_raw(MutableBytes into) {
  if (asks_) EDDY_DO(ask());
  for (unsigned tries = 1;; ++tries) {
    if (dropped_) co_await fail(dropped("read"));
    const std::int64_t offset = seeks_ ? raw_ : -1;
    auto got = co_await as_outcome(Stoppable<ReadCall>(*this, *this, into, offset));
    if (!got && may_do_without(got.error(), tries)) {
      got = co_await as_outcome(without_worker(IORING_OP_READ, into.data(), into.size(), offset));
    }
    if (got) {
      EDDY_ASSERT(static_cast<std::size_t>(*got) <= into.size());
      raw_ += *got;
      co_return static_cast<std::size_t>(*got);
    }
    auto why = unaligned(got.error().code(), into.data(), into.size(), offset);
    if (why) co_await fail(std::move(*why));
    EDDY_DO(recover(std::move(got.error()), "read", POLLIN, tries));
  }
}

Task<std::size_t> FileState::write_raw(Bytes from) {
  EDDY_ASSERT(mode.writable);
  if (asks_) EDDY_DO(ask());
  const std::size_t size = std::min(from.size(), transfer_max);
  for (unsigned tries = 1;; ++tries) {
    if (dropped_) co_await fail(dropped("write"));
    const std::int64_t offset = mode.append || !seeks_ ? -1 : raw_;
    const auto call = [fd = fd, offset, data = from.data(), size] {
      return offset < 0 ? sys::write(fd, data, size) : sys::pwrite(fd, data, size, offset);
    };
    Expected<int> written{};
    if (peer_ != Peer::none) {
      written = co_await as_outcome(write_to_peer(from.first(size)));
    } else {
      written = co_await as_outcome(Stoppable<FileCall<decltype(call)>>(
          *this, request(IORING_OP_WRITE, from.data(), size, offset), "write", *mount, policy,
          call));
    }
    if (!written && may_do_without(written.error(), tries)) {
      auto* const data = const_cast<std::byte*>(from.data());
      written = co_await as_outcome(without_worker(IORING_OP_WRITE, data, size, offset));
    }
    if (written) {
      EDDY_ASSERT(static_cast<std::size_t>(*written) <= size);
      if (*written == 0 && size > 0) co_await fail(Failure::error(EIO, "write", name.view()));
      raw_ += *written;
      if (mode.append && seeks_) {
        // Where the kernel appended to. The ring leaves its position where it was when only a part
        // was written (6.1 to 6.18): that part ended where the file does.
        const bool whole = static_cast<std::size_t>(*written) == size;
        const auto end = sys::lseek(fd, 0, whole ? SEEK_CUR : SEEK_END);
        if (end >= 0) raw_ = end;
      }
      co_return static_cast<std::size_t>(*written);
    }
    auto why = unaligned(written.error().code(), from.data(), size, offset);
    if (why) co_await fail(std::move(*why));
    EDDY_DO(recover(std::move(written.error()), "write", POLLOUT, tries));
  }
}

Task<FileStat> FileState::stat() {
  return read_stat(fd, Text(), AT_EMPTY_PATH, *mount, policy, name);
}

Task<std::int64_t> FileState::end() {
  if (mount->remote) {
    EDDY_TRY(auto found, stat());
    if (found.is_file()) co_return static_cast<std::int64_t>(found.size);
  }
  const auto end = sys::lseek(fd, 0, SEEK_END);
  if (end < 0) co_await fail(Failure::error(errno, "seek", name.view()));
  co_return end;
}

// -- the buffer --

void FileState::reserve() {
  if (data_) return;
  const std::size_t size = std::max<std::size_t>(capacity_, 1);
  data_ = static_cast<std::byte*>(Pool::allocate(size));
  allocated_ = size;
}

Task<std::size_t> FileState::fill() {
  EDDY_ASSERT(lock.locked());
  EDDY_ASSERT(!dirty());
  reserve();
  writing_ = false;
  if (begin_ > 0) {
    std::memmove(data_, data_ + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  EDDY_ASSERT(end_ < allocated_);  // who looks for more takes some first
  EDDY_TRY(auto got, read_raw(MutableBytes(data_ + end_, allocated_ - end_)));
  end_ += got;
  check();
  co_return got;
}

void FileState::drop_ahead() noexcept {
  if (writing_) return;
  const auto count = static_cast<std::int64_t>(end_ - begin_);
  if (!seeks_ && count > 0 && sys::lseek(fd, -count, SEEK_CUR) < 0) return;
  EDDY_ASSERT(raw_ >= count);
  move_to(raw_ - count);
}

void FileState::unread(Bytes taken) {
  if (taken.empty()) return;
  EDDY_ASSERT(!dirty());
  if (seeks_) return move_to(position() - static_cast<std::int64_t>(taken.size()));
  const std::size_t kept = end_ - begin_;
  if (taken.size() + kept <= allocated_ && data_) {
    std::memmove(data_ + taken.size(), data_ + begin_, kept);
    std::memcpy(data_, taken.data(), taken.size());
    begin_ = 0;
    end_ = taken.size() + kept;
    return check();
  }
  const std::size_t wanted = std::max(capacity_, taken.size() + kept);
  auto* fresh = static_cast<std::byte*>(Pool::allocate(wanted));
  std::memcpy(fresh, taken.data(), taken.size());
  if (kept > 0) std::memcpy(fresh + taken.size(), data_ + begin_, kept);
  if (data_) Pool::release(data_, allocated_);
  data_ = fresh;
  allocated_ = wanted;
  begin_ = 0;
  end_ = taken.size() + kept;
  check();
}

void FileState::begin_writing() {
  EDDY_ASSERT(empty());
  reserve();
  begin_ = end_ = 0;
  writing_ = true;
}

Task<> FileState::flush() {
  EDDY_ASSERT(lock.locked());
  check();
  while (dirty()) {
    EDDY_TRY(auto written, write_raw(Bytes(data_, end_)));
    EDDY_VERIFY(written <= end_);  // what is moved then would be all memory
    std::memmove(data_, data_ + written, end_ - written);
    end_ -= written;
  }
  writing_ = false;
}

}  // namespace eddy::internal
