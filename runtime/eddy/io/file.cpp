#include <eddy/io/file.hpp>

#include <eddy/core/as_result.hpp>

#include <linux/io_uring.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace eddy {
namespace {

constexpr std::size_t default_capacity = 64 * 1024;

std::size_t capacity_of(const OpenOptions& options) {
  if (options.buffering < -1) throw UsageError("open with a negative size for the buffer");
  return options.buffering < 0 ? default_capacity : static_cast<std::size_t>(options.buffering);
}

Failure renamed(Failure failure, std::string_view operation, const FileState& file) {
  if (!failure.is_error()) return failure;
  return Failure::error(failure.code(), operation, file.name.view());
}

// Waits for its turn on the file.
Task<Lock::Guard> turn_of(FileState& file) {
  auto guard = co_await as_outcome(file.lock.scoped());
  if (!guard) co_await fail(std::move(guard.error()));
  if (file.fd < 0) throw UsageError("the file was closed meanwhile");
  co_return std::move(*guard);
}

}  // namespace

FileState& File::open_state() const {
  if (closed()) throw UsageError("a call on a closed file");
  return *state_;
}

FileState& File::to_read() const {
  FileState& file = open_state();
  if (!file.mode.readable) throw Error(EBADF, "read", file.name.view());
  return file;
}

FileState& File::to_write() const {
  FileState& file = open_state();
  if (!file.mode.writable) throw Error(EBADF, "write", file.name.view());
  return file;
}

File File::adopt(int fd, std::string_view mode, bool owned, OpenOptions options) {
  Storage& storage = Storage::current();
  auto state = std::unique_ptr<FileState>(
      new FileState(fd, owned, FileMode::parse(mode), Text("fd " + std::to_string(fd)),
                    capacity_of(options), options.policy.value_or(storage.policy()),
                    storage.mount_of("/")));
  state->uses_kernel_position();
  if (options.registered) state->place = Loop::current().registered().add_file(fd);
  return File(std::move(state));
}

File stdin_file() { return File::adopt(STDIN_FILENO, "r", false); }
File stdout_file() { return File::adopt(STDOUT_FILENO, "w", false, {.buffering = 0}); }
File stderr_file() { return File::adopt(STDERR_FILENO, "w", false, {.buffering = 0}); }

// -- open --

namespace {

// A plain call never waits for the other end of a FIFO: ENXIO sends that to the ring.
int open_now(const char* path, int flags, unsigned permissions) {
  const int fd = ::open(path, flags | O_NONBLOCK, permissions);
  // Regular files must not keep the flag: the ring would answer EAGAIN instead of waiting.
  if (fd >= 0 && !(flags & O_NONBLOCK)) ::fcntl(fd, F_SETFL, flags);
  return fd;
}

Task<int> open_descriptor(Text path, int flags, unsigned permissions, Storage::Mount& mount,
                          FilePolicy policy, std::uint8_t how) {
  Request request;
  request.opcode = IORING_OP_OPENAT;
  request.flags = how;
  request.fd = AT_FDCWD;
  request.address = address_of(path.c_str());
  request.length = permissions;
  request.op_flags = static_cast<std::uint32_t>(flags);
  for (;;) {
    auto fd = co_await as_outcome(FileCall(
        request, "open", mount, policy,
        [text = path.c_str(), flags, permissions] { return open_now(text, flags, permissions); }));
    if (fd) co_return *fd;
    if (fd.error().is_error() && fd.error().code() == ENXIO && policy != FilePolicy::ring) {
      policy = FilePolicy::ring;
    } else if (!try_again(fd.error())) {
      if (fd.error().is_cancelled()) co_await fail(std::move(fd.error()));
      co_await fail(Failure::error(fd.error().code(), "open", path.view()));
    }
  }
}

bool is_fifo(int fd) {
  struct stat stat;
  return ::fstat(fd, &stat) == 0 && S_ISFIFO(stat.st_mode);
}

}  // namespace

Task<File> open(Text path, std::string_view mode_text, OpenOptions options) {
  const FileMode mode = FileMode::parse(mode_text);
  const std::size_t capacity = capacity_of(options);
  Storage& storage = Storage::current();
  Storage::Mount& mount = storage.mount_of(path.view());
  const FilePolicy policy = options.policy.value_or(storage.policy());
  const int flags = mode.flags | options.flags;
  // The kernel punts only what creates; everything else is left to the ring.
  const FilePolicy where = flags & O_CREAT ? policy : FilePolicy::ring;

  auto fd = co_await as_outcome(open_descriptor(path, flags, options.permissions, mount, where, 0));
  if (!fd) co_await fail(std::move(fd.error()));
  UniqueFd owner(*fd);
  bool seeks = true;
  char nothing;
  if (!mode.writable && ::pread(*fd, &nothing, 0, 0) < 0) {  // cheaper than fstat(2)
    if (errno == EISDIR) co_await fail(Failure::error(EISDIR, "open", path.view()));
    seeks = errno != ESPIPE;
    if (!seeks && is_fifo(*fd) && !(flags & O_NONBLOCK)) {
      // The ring opened it without waiting for a writer, as it tries everything at first; a worker
      // waits as open(2) does.
      auto waited = co_await as_outcome(
          open_descriptor(path, flags, options.permissions, mount, FilePolicy::ring, IOSQE_ASYNC));
      if (!waited) co_await fail(std::move(waited.error()));
      owner.reset(*waited);
    }
  }
  auto state = std::unique_ptr<FileState>(
      new FileState(owner.get(), true, mode, path, capacity, policy, mount));
  owner.release();
  if (!seeks) state->cannot_seek();
  if (options.registered) state->place = Loop::current().registered().add_file(state->fd);
  if (mode.append) {
    if (const auto end = ::lseek(state->fd, 0, SEEK_END); end > 0) state->move_to(end);
  }
  co_return File(std::move(state));
}

// -- reading --

Task<std::string> File::read(std::size_t count) {
  FileState& file = to_read();
  auto guard = co_await as_outcome(turn_of(file));
  if (!guard) co_await fail(std::move(guard.error()));
  if (auto flushed = co_await as_outcome(file.flush()); !flushed) {
    co_await fail(std::move(flushed.error()));
  }
  std::string text;
  if (count == all && file.seeks()) {
    const auto end = ::lseek(file.fd, 0, SEEK_END);  // a guess at the size; the end is where a read
    if (end > file.position()) text.reserve(static_cast<std::size_t>(end - file.position()) + 1);
  }
  while (text.size() < count) {
    if (const Bytes ahead = file.ahead(); !ahead.empty()) {
      const std::size_t taken = std::min(ahead.size(), count - text.size());
      text.append(ahead.text().substr(0, taken));
      file.consume(taken);
      continue;
    }
    const std::size_t left = count - text.size();
    const std::size_t room = text.capacity() - text.size();
    if (std::min(left, room) < file.capacity() && left != room && file.capacity() > 0) {
      auto filled = co_await as_outcome(file.fill());
      if (filled && *filled == 0) break;
      if (!filled) {
        file.unread(text);
        co_await fail(std::move(filled.error()));
      }
      continue;
    }
    // Straight into the string, beyond what it holds.
    const std::size_t before = text.size();
    const std::size_t chunk = std::min(left, std::max<std::size_t>(room, default_capacity));
    text.resize(before + chunk);
    auto got = co_await as_outcome(file.read_raw(MutableBytes(text.data() + before, chunk)));
    text.resize(before + (got ? *got : 0));
    if (got && *got == 0) break;
    if (!got) {
      if (try_again(got.error())) continue;
      if (got.error().is_error() && got.error().code() == ESPIPE && file.seeks()) {
        file.cannot_seek();
        continue;
      }
      file.unread(text);
      co_await fail(renamed(std::move(got.error()), "read", file));
    }
  }
  co_return text;
}

Task<std::size_t> File::read_into(MutableBytes into) {
  FileState& file = to_read();
  auto guard = co_await as_outcome(turn_of(file));
  if (!guard) co_await fail(std::move(guard.error()));
  if (file.dirty()) {
    auto flushed = co_await as_outcome(file.flush());
    if (!flushed) co_await fail(std::move(flushed.error()));
  }
  std::size_t done = 0;
  while (done < into.size()) {
    const std::size_t left = into.size() - done;
    if (const Bytes ahead = file.ahead(); !ahead.empty()) {
      const std::size_t taken = std::min(ahead.size(), left);
      std::memcpy(into.data() + done, ahead.data(), taken);
      file.consume(taken);
      done += taken;
      continue;
    }
    Expected<std::size_t> got(0u);
    if (left < file.capacity() && done > 0) {
      got = co_await as_outcome(file.fill());
      if (got && *got > 0) continue;
    } else {
      got = co_await as_outcome(file.read_raw(MutableBytes(into.data() + done, left)));
    }
    if (got) {
      if (*got == 0) break;
      done += *got;
      continue;
    }
    if (try_again(got.error())) continue;
    if (got.error().is_error() && got.error().code() == ESPIPE && file.seeks()) {
      file.cannot_seek();
      continue;
    }
    file.unread(Bytes(into.data(), done));
    co_await fail(renamed(std::move(got.error()), "read", file));
  }
  co_return done;
}

Task<> File::read_exactly(MutableBytes into) {
  auto got = co_await as_outcome(read_into(into));
  if (!got) co_await fail(std::move(got.error()));
  if (*got < into.size()) {
    throw EndOfFile("read", name(), std::string(Bytes(into.data(), *got).text()));
  }
}

Task<bool> File::readline_into(std::string& line) {
  FileState& file = to_read();
  auto guard = co_await as_outcome(turn_of(file));
  if (!guard) co_await fail(std::move(guard.error()));
  if (auto flushed = co_await as_outcome(file.flush()); !flushed) {
    co_await fail(std::move(flushed.error()));
  }
  line.clear();
  for (;;) {
    const std::string_view ahead = file.ahead().text();
    const auto end = ahead.find('\n');
    const std::size_t taken = end == std::string_view::npos ? ahead.size() : end + 1;
    line.append(ahead.substr(0, taken));
    file.consume(taken);
    if (end != std::string_view::npos) co_return true;
    auto filled = co_await as_outcome(file.fill());
    if (!filled) {
      file.unread(line);
      co_await fail(std::move(filled.error()));
    }
    if (*filled == 0) co_return !line.empty();
  }
}

Task<std::string> File::readline() {
  std::string line;
  auto found = co_await as_outcome(readline_into(line));
  if (!found) co_await fail(std::move(found.error()));
  co_return line;
}

Task<std::vector<std::string>> File::readlines() {
  std::vector<std::string> all_lines;
  std::string line;
  for (;;) {
    auto found = co_await as_outcome(readline_into(line));
    if (!found) co_await fail(std::move(found.error()));
    if (!*found) break;
    all_lines.push_back(line);
  }
  co_return all_lines;
}

Task<std::optional<std::string>> Lines::next() {
  std::string line;
  auto found = co_await as_outcome(file_->readline_into(line));
  if (!found) co_await fail(std::move(found.error()));
  if (!*found) co_return std::nullopt;
  co_return std::optional<std::string>(std::move(line));
}

Task<std::string> File::peek(std::size_t count) {
  FileState& file = to_read();
  auto guard = co_await as_outcome(turn_of(file));
  if (!guard) co_await fail(std::move(guard.error()));
  if (auto flushed = co_await as_outcome(file.flush()); !flushed) {
    co_await fail(std::move(flushed.error()));
  }
  if (file.ahead().empty()) {
    auto filled = co_await as_outcome(file.fill());
    if (!filled) co_await fail(std::move(filled.error()));
  }
  co_return std::string(file.ahead().text().substr(0, count));
}

// -- writing --

Task<std::size_t> File::write(Bytes bytes) {
  FileState& file = to_write();
  auto guard = co_await as_outcome(turn_of(file));
  if (!guard) co_await fail(std::move(guard.error()));
  file.drop_ahead();
  // A stream that is read and written at once keeps what is read ahead, and is written directly.
  const bool direct = bytes.size() >= file.capacity() || !file.ahead().empty();
  if (!direct && bytes.size() <= file.room()) {
    file.append(bytes);
    co_return bytes.size();
  }
  if (auto flushed = co_await as_outcome(file.flush()); !flushed) {
    co_await fail(std::move(flushed.error()));
  }
  if (!direct) {
    file.append(bytes);
    co_return bytes.size();
  }
  for (std::size_t done = 0; done < bytes.size();) {
    auto written = co_await as_outcome(file.write_raw(Bytes(bytes.data() + done, bytes.size() - done)));
    if (!written) co_await fail(std::move(written.error()));
    done += *written;
  }
  co_return bytes.size();
}

Task<> File::flush() {
  FileState& file = open_state();
  auto guard = co_await as_outcome(turn_of(file));
  if (!guard) co_await fail(std::move(guard.error()));
  auto flushed = co_await as_outcome(file.flush());
  if (!flushed) co_await fail(std::move(flushed.error()));
}

Task<> File::sync_with(unsigned flags) {
  FileState& file = open_state();
  auto guard = co_await as_outcome(turn_of(file));
  if (!guard) co_await fail(std::move(guard.error()));
  auto flushed = co_await as_outcome(file.flush());
  if (!flushed) co_await fail(std::move(flushed.error()));
  Request request;
  request.opcode = IORING_OP_FSYNC;
  request.fd = file.fd;
  request.op_flags = flags;
  for (;;) {
    auto synced = co_await as_outcome(Operation(request, "sync"));
    if (synced) co_return;
    if (!try_again(synced.error())) co_await fail(renamed(std::move(synced.error()), "sync", file));
  }
}

Task<> File::sync() { return sync_with(0); }
Task<> File::datasync() { return sync_with(IORING_FSYNC_DATASYNC); }

// -- at a place of its own --

ReadAt::ReadAt(FileState& file, MutableBytes into, std::uint64_t offset) noexcept
    : Operation(file.request(IORING_OP_READ, into.data(), into.size(),
                             static_cast<std::int64_t>(offset)),
                "read"),
      file_(file),
      into_(into),
      offset_(offset) {}

bool ReadAt::await_ready() {
  ++file_.positional;
  if (!file_.dirty()) [[likely]] return false;
  // What was written before is read back: written out at once, since a ready await cannot wait.
  if (const int error = file_.flush_now()) {
    finish(-error);
    return true;
  }
  return false;
}

// Fewer bytes than asked for: nearly always the end of the file. One more call makes sure.
Expected<std::size_t> ReadAt::complete() {
  auto outcome = Operation::await_outcome();
  if (!outcome && outcome.error().is_cancelled()) return std::unexpected(std::move(outcome.error()));
  std::size_t done = 0;
  if (outcome) {
    done = static_cast<std::size_t>(*outcome);
    if (done == 0) return 0;
  } else if (!try_again(outcome.error())) {
    return std::unexpected(renamed(std::move(outcome.error()), "read", file_));
  }
  while (done < into_.size()) {
    const auto got = ::pread(file_.fd, into_.data() + done, into_.size() - done,
                             static_cast<off_t>(offset_ + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && done == 0) return std::unexpected(Failure::error(errno, "read", file_.name.view()));
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

ssize_t PositionalWrite::operator()() const {
  return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
}

WriteAt::WriteAt(FileState& file, Bytes bytes, std::uint64_t offset) noexcept
    : FileCall(file.request(IORING_OP_WRITE, bytes.data(), bytes.size(),
                            static_cast<std::int64_t>(offset)),
               "write", *file.mount, file.policy, PositionalWrite{file.fd, bytes, offset}),
      file_(file),
      write_{file.fd, bytes, offset} {}

bool WriteAt::await_ready() {
  ++file_.positional;
  if (const int error = file_.flush_now()) {  // what was written before comes first
    finish(-error);
    return true;
  }
  return FileCall::await_ready();
}

Expected<std::size_t> WriteAt::await_outcome() {
  --file_.positional;
  auto outcome = Operation::await_outcome();
  std::size_t done = outcome ? static_cast<std::size_t>(*outcome) : 0;
  if (!outcome && !try_again(outcome.error())) {
    return std::unexpected(renamed(std::move(outcome.error()), "write", file_));
  }
  while (done < write_.bytes.size()) {
    const PositionalWrite rest{write_.fd, Bytes(write_.bytes.data() + done, write_.bytes.size() - done),
                               write_.offset + done};
    const auto written = rest();
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      return std::unexpected(Failure::error(written < 0 ? errno : EIO, "write", file_.name.view()));
    }
    done += static_cast<std::size_t>(written);
  }
  return done;
}

ReadAt File::read_at(MutableBytes into, std::uint64_t offset) {
  return ReadAt(to_read(), into, offset);
}
WriteAt File::write_at(Bytes bytes, std::uint64_t offset) {
  FileState& file = to_write();
  file.drop_ahead();
  return WriteAt(file, bytes, offset);
}

}  // namespace eddy
