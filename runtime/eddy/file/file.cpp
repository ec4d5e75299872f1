#include <eddy/file/file.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>

#include <linux/io_uring.h>

#include <algorithm>
#include <cstring>

namespace eddy {
using namespace internal;
namespace {

Task<Lock::Guard> turn_and_flush(FileState& file) {
  EDDY_TRY(auto guard, file.turn());
  if (file.dirty()) {
    EDDY_DO(file.flush());
  }
  EDDY_ASSERT(!file.dirty());
  co_return std::move(guard);
}

// Moves what is read ahead, as far as it goes.
std::size_t take_ahead(FileState& file, MutableBytes into) {
  const Bytes ahead = file.ahead();
  const std::size_t count = std::min(ahead.size(), into.size());
  if (count > 0) std::memcpy(into.data(), ahead.data(), count);
  file.consume(count);
  return count;
}

// Longer by memory that is read into: nobody sets it first. The lambda has the size, since GCC 12
// tells it the capacity.
void lengthen(std::string& text, std::size_t size) {
  EDDY_ASSERT(size >= text.size());
  text.resize_and_overwrite(size, [size](char*, std::size_t) { return size; });
}

// What a call has taken: goes back when it fails, so that the next one gets it.
class Taken {
 public:
  explicit Taken(FileState& file) noexcept : file_(file) {}
  Taken(const Taken&) = delete;
  Taken& operator=(const Taken&) = delete;
  ~Taken() { if (!given_) give_back(); }

  // What it is now. Stays where it is until given() or the end.
  void are(Bytes bytes) noexcept { bytes_ = bytes; }
  // The caller has it.
  void given() noexcept { given_ = true; }

 private:
  void give_back() noexcept {
    try {
      file_.unread(bytes_);
    } catch (const std::bad_alloc&) {  // of a pipe, more than the buffer holds
    }
  }

  FileState& file_;
  Bytes bytes_;
  bool given_ = false;
};

}  // namespace

FileState& File::open_state() const {
  if (closed()) throw UsageError("a call on a closed file");
  return *state_;
}

FileState& File::to_use(const State& state) {
  if (!state) throw UsageError("a call on a closed file");
  if (!state->usable() && !state->make_usable()) state->dropped("use").raise();
  return *state;
}

FileState& File::to_read(const State& state) {
  FileState& file = to_use(state);
  if (!file.mode.readable) throw Error(EBADF, "read", file.name.view());
  return file;
}

FileState& File::to_write(const State& state) {
  FileState& file = to_use(state);
  if (!file.mode.writable) throw Error(EBADF, "write", file.name.view());
  return file;
}

// -- reading --

// Fills `into`, or as much as there is. What is at least as large as the buffer goes past it.
static Task<std::size_t> read_some_more(FileState& file, MutableBytes into) {
  std::size_t done = 0;
  Taken taken(file);
  for (;;) {
    done += take_ahead(file, MutableBytes(into.data() + done, into.size() - done));
    taken.are(Bytes(into.data(), done));
    EDDY_ASSERT(done <= into.size());
    if (done == into.size()) break;
    EDDY_ASSERT(file.empty());
    const MutableBytes rest(into.data() + done, into.size() - done);
    const bool past = rest.size() >= file.capacity();
    Task<std::size_t> reading = past ? file.read_raw(rest) : file.fill();
    EDDY_TRY(auto got, std::move(reading));
    if (got == 0) break;
    if (past) done += got;
  }
  taken.given();
  co_return done;
}

Task<std::size_t> File::read_into(State state, MutableBytes into) {
  FileState& file = to_read(state);
  EDDY_TRY(auto guard, turn_and_flush(file));
  EDDY_TRY(auto got, read_some_more(file, into));
  co_return got;
}

Task<std::size_t> File::read_some(State state, MutableBytes into) {
  FileState& file = to_read(state);
  EDDY_TRY(auto guard, turn_and_flush(file));
  const std::size_t there = take_ahead(file, into);
  if (there > 0 || into.empty()) co_return there;
  const bool past = into.size() >= file.capacity();
  Task<std::size_t> reading = past ? file.read_raw(into) : file.fill();
  EDDY_TRY(auto got, std::move(reading));
  co_return past ? got : take_ahead(file, into);
}

Task<> File::read_exactly(State state, MutableBytes into) {
  EDDY_TRY(auto got, read_into(state, into));
  EDDY_ASSERT(got <= into.size());
  if (got < into.size()) {
    Taken taken(*state);
    taken.are(Bytes(into.data(), got));
    EndOfFile end("read", state->name.view(), std::string(Bytes(into.data(), got).text()),
                  count_of_bytes(into.size()));
    taken.given();
    throw end;
  }
}

Task<std::string> File::read(State state, std::size_t count) {
  FileState& file = to_read(state);
  EDDY_TRY(auto guard, turn_and_flush(file));
  std::string text;
  Taken taken(file);
  std::size_t chunk = FileState::default_capacity;
  if (count == all && file.seeks() && !file.mount->remote) {
    // Up to where the file ends now. Without a size, as in /proc, only reading tells.
    const auto left = sys::lseek(file.fd, 0, SEEK_END) - file.position();
    if (left > 0) chunk = count = static_cast<std::size_t>(left);
  }
  EDDY_ASSERT(chunk > 0);
  while (text.size() < count) {
    const std::size_t before = text.size();
    lengthen(text, before + std::min(chunk, count - before));
    taken.are(Bytes(text.data(), before));
    const MutableBytes into(text.data() + before, text.size() - before);
    EDDY_TRY(auto got, read_some_more(file, into));
    EDDY_ASSERT(got <= into.size());
    text.resize(before + got);
    taken.are(text);
    if (got < into.size()) break;
    chunk = std::max(chunk, text.size());
  }
  taken.given();
  co_return text;
}

Task<bool> File::readline_into(State state, std::string& line, std::size_t limit) {
  FileState& file = to_read(state);
  EDDY_TRY(auto guard, turn_and_flush(file));
  line.clear();
  Taken taken(file);
  for (;;) {
    const std::string_view ahead = file.ahead().text().substr(0, limit - line.size());
    const auto end = ahead.find('\n');
    const std::size_t count = end == std::string_view::npos ? ahead.size() : end + 1;
    line.append(ahead.substr(0, count));
    file.consume(count);
    taken.are(line);
    EDDY_ASSERT(line.size() <= limit);
    if (end != std::string_view::npos || line.size() == limit) break;
    EDDY_TRY(auto filled, file.fill());
    if (filled == 0) break;
  }
  taken.given();
  co_return !line.empty();
}

Task<std::string> File::readline(State state, std::size_t limit) {
  std::string line;
  EDDY_DO(readline_into(state, line, limit));
  co_return line;
}

// Whole lines, until they have more than `hint` bytes.
static Task<std::string> read_lines(FileState& file, std::size_t hint) {
  EDDY_TRY(auto guard, turn_and_flush(file));
  std::string text;
  Taken taken(file);
  for (;;) {
    const std::string_view ahead = file.ahead().text();
    // The first line that makes them more than that is the last.
    const std::size_t before = std::min(ahead.size(), hint - std::min(hint, text.size()));
    const std::size_t end = ahead.find('\n', before);
    const std::size_t count = end == std::string_view::npos ? ahead.size() : end + 1;
    text.append(ahead.substr(0, count));
    file.consume(count);
    taken.are(text);
    EDDY_ASSERT(end == std::string_view::npos || text.size() > hint);
    if (end != std::string_view::npos) break;
    EDDY_TRY(auto filled, file.fill());
    if (filled == 0) break;
  }
  taken.given();
  co_return text;
}

// In one turn, so that no other call comes in between and a cancelled one gives all back; so does
// one without memory, before any other call runs.
Task<std::vector<std::string>> File::readlines(State state, std::size_t hint) {
  Task<std::string> reading = hint == all ? read(state, all) : read_lines(to_read(state), hint);
  EDDY_TRY(auto text, std::move(reading));
  Taken taken(*state);
  taken.are(text);
  std::vector<std::string> all_lines;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t size = std::min(rest.find('\n'), rest.size() - 1) + 1;
    all_lines.emplace_back(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  taken.given();
  co_return all_lines;
}

Task<std::optional<std::string>> File::next_line(State state) {
  std::string line;
  EDDY_TRY(const bool found, readline_into(state, line));
  if (!found) co_return std::nullopt;
  co_return std::optional<std::string>(std::move(line));
}

Task<std::string> File::peek(State state, std::size_t count) {
  FileState& file = to_read(state);
  EDDY_TRY(auto guard, turn_and_flush(file));
  if (file.ahead().empty()) {
    EDDY_DO(file.fill());
  }
  co_return std::string(file.ahead().text().substr(0, count));
}

// -- writing --

Task<std::size_t> File::write(State state, Bytes bytes) {
  FileState& file = to_write(state);
  EDDY_TRY(auto guard, file.turn());
  file.drop_ahead();
  // A stream that is read and written at once keeps what is read ahead, and is written directly.
  const bool direct =
      bytes.size() >= file.capacity() || !file.ahead().empty() || file.ends_line(bytes);
  if (direct || bytes.size() > file.room()) EDDY_DO(file.flush());
  if (!direct) {
    EDDY_ASSERT(bytes.size() <= file.room());
    file.append(bytes);
    co_return bytes.size();
  }
  for (std::size_t done = 0; done < bytes.size();) {
    EDDY_TRY(auto written, file.write_raw(Bytes(bytes.subspan(done))));
    done += written;
  }
  co_return bytes.size();
}

Task<> File::flush(State state) {
  FileState& file = to_use(state);
  EDDY_TRY(auto guard, turn_and_flush(file));
}

Task<> File::sync(State state, unsigned flags) {
  FileState& file = to_use(state);
  EDDY_TRY(auto guard, turn_and_flush(file));
  const Request request{.opcode = IORING_OP_FSYNC, .fd = file.fd, .op_flags = flags};
  const auto call = [fd = file.fd, flags] { return flags ? sys::fdatasync(fd) : sys::fsync(fd); };
  EDDY_DO(perform(request, "sync", *file.mount, FilePolicy::ring, file.name, call));
}

Task<> File::datasync() { return sync(state_, IORING_FSYNC_DATASYNC); }

// -- what the buffer alone could not do --

Task<std::size_t> FileVerbs::ReadInto::task() { return File::read_into(std::move(file_), into_); }
Task<> FileVerbs::ReadExactly::task() { return File::read_exactly(std::move(file_), into_); }
Task<std::size_t> FileVerbs::ReadSome::task() { return File::read_some(std::move(file_), into_); }
Task<std::size_t> FileVerbs::Write::task() { return File::write(std::move(file_), bytes_); }
Task<std::string> FileVerbs::Lines::readline() && { return File::readline(std::move(file_)); }
Task<bool> FileVerbs::Lines::readline_into(std::string& line) && {
  return File::readline_into(std::move(file_), line);
}
Task<std::optional<std::string>> FileVerbs::Lines::next_line() && {
  return File::next_line(std::move(file_));
}

}  // namespace eddy
