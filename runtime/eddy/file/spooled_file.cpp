#include <eddy/file/spooled_file.hpp>

#include <eddy/bytes/end_of_file.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>

#include <algorithm>
#include <cstring>

namespace eddy {
using namespace internal;

namespace {

using State = Counted<SpooledState>;

std::size_t take(SpooledState& spool, MutableBytes into) noexcept {
  const std::string_view rest = spool.rest().substr(0, into.size());
  if (!rest.empty()) std::memcpy(into.data(), rest.data(), rest.size());
  spool.place += rest.size();
  return rest.size();
}

// Zeros fill the place between, as in a file.
void put(SpooledState& spool, Bytes bytes) {
  const std::uint64_t end = spool.place + bytes.size();
  if (end > spool.memory.size()) spool.memory.resize(static_cast<std::size_t>(end));
  if (!bytes.empty()) std::memcpy(&spool.memory[spool.place], bytes.data(), bytes.size());
  spool.place = end;
}

// With its "\n"; all of `text` if there is none.
std::string_view first_line_of(std::string_view text) noexcept {
  return text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
}

Task<std::string> read_of(State state, std::size_t count, bool line) {
  EDDY_TRY(auto guard, state->turn());
  if (state->file) {
    Task<std::string> reading = line ? state->file->readline() : state->file->read(count);
    EDDY_TRY(auto text, std::move(reading));
    co_return text;
  }
  std::string_view rest = state->rest().substr(0, count);
  if (line) rest = first_line_of(rest);
  std::string text(rest);
  state->place += text.size();
  co_return text;
}

Task<std::size_t> read_into_of(State state, MutableBytes into) {
  EDDY_TRY(auto guard, state->turn());
  if (!state->file) co_return take(*state, into);
  EDDY_TRY(auto got, state->file->read_into(into));
  co_return got;
}

Task<std::size_t> read_some_of(State state, MutableBytes into) {
  EDDY_TRY(auto guard, state->turn());
  if (!state->file) co_return take(*state, into);
  EDDY_TRY(auto got, state->file->read_some(into));
  co_return got;
}

Task<> read_exactly_of(State state, MutableBytes into) {
  EDDY_TRY(auto guard, state->turn());
  if (state->file) {
    EDDY_DO(state->file->read_exactly(into));
    co_return;
  }
  const std::string_view rest = state->rest();
  if (rest.size() < into.size()) {
    EndOfFile end("read", "a spooled file", std::string(rest), count_of_bytes(into.size()));
    state->place += rest.size();
    throw end;
  }
  take(*state, into);
}

Task<std::vector<std::string>> readlines_of(State state, std::size_t hint) {
  EDDY_TRY(auto guard, state->turn());
  std::vector<std::string> lines;
  if (state->file) {
    EDDY_TRY(lines, state->file->readlines(hint));
    co_return lines;
  }
  std::size_t size = 0;
  for (std::string_view rest = state->rest(); !rest.empty() && size <= hint;) {
    lines.emplace_back(first_line_of(rest));
    size += lines.back().size();
    rest.remove_prefix(lines.back().size());
  }
  state->place += size;
  co_return lines;
}

Task<std::string> peek_of(State state, std::size_t count) {
  EDDY_TRY(auto guard, state->turn());
  if (!state->file) co_return std::string(state->rest().substr(0, count));
  EDDY_TRY(auto text, state->file->peek(count));
  co_return text;
}

Task<std::uint64_t> seek_of(State state, std::int64_t offset, Whence whence) {
  EDDY_TRY(auto guard, state->turn());
  if (state->file) {
    EDDY_TRY(auto place, state->file->seek(offset, whence));
    co_return place;
  }
  std::uint64_t from = 0;
  if (whence == Whence::current) from = state->place;
  if (whence == Whence::end) from = state->memory.size();
  std::int64_t place = 0;
  const bool known = whence == Whence::start || whence == Whence::current || whence == Whence::end;
  if (!known || __builtin_add_overflow(static_cast<std::int64_t>(from), offset, &place) ||
      place < 0) {
    co_await fail(Failure::error(EINVAL, "seek", "a spooled file"));
  }
  co_return state->place = static_cast<std::uint64_t>(place);
}

Task<std::uint64_t> truncate_of(State state, std::optional<std::uint64_t> size) {
  EDDY_TRY(auto guard, state->turn());
  if (size && !is_offset(*size)) co_await fail(no_offset("a spooled file"));
  const std::uint64_t wanted = size.value_or(state->place);
  if (!state->file && !state->has_room_for(wanted)) EDDY_DO(state->to_file());
  if (state->file) {
    EDDY_TRY(auto done, state->file->truncate(size));
    co_return done;
  }
  state->memory.resize(static_cast<std::size_t>(wanted));
  co_return wanted;
}

Task<> flush_of(State state) {
  EDDY_TRY(auto guard, state->turn());
  if (state->file) EDDY_DO(state->file->flush());
}

Task<> rollover_of(State state) {
  EDDY_TRY(auto guard, state->turn());
  EDDY_DO(state->to_file());
}

Task<int> fileno_of(State state) {
  EDDY_TRY(auto guard, state->turn());
  EDDY_DO(state->to_file());
  EDDY_DO(state->file->flush());  // whoever asks works on what is there
  co_return state->file->fileno();
}

Task<> close_of(State state) {
  if (!state) co_return;
  EDDY_TRY(auto guard, state->lock.scoped());
  if (state->closed) co_return;
  if (state->file) EDDY_DO(state->file->close());
  state->closed = true;
  state->memory = std::string();
}

}  // namespace

SpooledTemporaryFile::State SpooledTemporaryFile::state_to_use() const {
  if (!state_) throw UsageError("a call on a closed file");
  state_->check_open();
  return state_;
}

Task<std::size_t> SpooledTemporaryFile::write(State state, Bytes bytes) {
  EDDY_TRY(auto guard, state->turn());
  if (!is_offset(state->place + bytes.size())) co_await fail(no_offset("a spooled file"));
  if (!state->file && !state->has_room_for(state->place + bytes.size())) {
    EDDY_DO(state->to_file());
  }
  if (state->file) {
    EDDY_TRY(auto written, state->file->write(bytes));
    co_return written;
  }
  put(*state, bytes);
  co_return bytes.size();
}

Task<std::string> SpooledTemporaryFile::read(std::size_t count) {
  return read_of(state_to_use(), count, false);
}
Task<std::string> SpooledTemporaryFile::readline() { return read_of(state_to_use(), all, true); }
Task<std::size_t> SpooledTemporaryFile::read_into(MutableBytes into) {
  return read_into_of(state_to_use(), into);
}
Task<std::size_t> SpooledTemporaryFile::read_some(MutableBytes into) {
  return read_some_of(state_to_use(), into);
}
Task<> SpooledTemporaryFile::read_exactly(MutableBytes into) {
  return read_exactly_of(state_to_use(), into);
}
Task<std::vector<std::string>> SpooledTemporaryFile::readlines(std::size_t hint) {
  return readlines_of(state_to_use(), hint);
}
Task<std::string> SpooledTemporaryFile::peek(std::size_t count) {
  return peek_of(state_to_use(), count);
}
Task<std::size_t> SpooledTemporaryFile::write(Bytes bytes) { return write(state_to_use(), bytes); }
Task<std::uint64_t> SpooledTemporaryFile::seek(std::int64_t offset, Whence whence) {
  return seek_of(state_to_use(), offset, whence);
}
Task<std::uint64_t> SpooledTemporaryFile::tell() { return seek(0, Whence::current); }
Task<std::uint64_t> SpooledTemporaryFile::truncate(std::optional<std::uint64_t> size) {
  return truncate_of(state_to_use(), size);
}
Task<> SpooledTemporaryFile::flush() { return flush_of(state_to_use()); }
Task<> SpooledTemporaryFile::rollover() { return rollover_of(state_to_use()); }
Task<int> SpooledTemporaryFile::fileno() { return fileno_of(state_to_use()); }
Task<> SpooledTemporaryFile::close() { return close_of(state_); }

bool SpooledTemporaryFile::in_memory() const { return !state_to_use()->file; }
bool SpooledTemporaryFile::closed() const noexcept { return !state_ || state_->closed; }

SpooledTemporaryFile spooled_temporary_file(std::size_t max, TemporaryFileOptions options) {
  return SpooledTemporaryFile(
      Counted<SpooledState>(new SpooledState(max, options)));
}

}  // namespace eddy
