// The verbs of reading that need what is read ahead: over a stream, and over a Reader of anything.
//
// A Source is copied into the coroutine and keeps alive what it reads from:
//   free()     no other task reads
//   begin()    throws UsageError while another task does
//   ahead()    its ReadAhead
//   fill()     an awaitable: reads more ahead; how many bytes, 0 at the end
//   end_of_file(verb, partial, expected), limit_exceeded(verb, limit)    a Failure that names the
//              source
#pragma once

#include <eddy/bytes/delimiters.hpp>
#include <eddy/bytes/internal/line_verbs.hpp>
#include <eddy/bytes/internal/read_ahead.hpp>
#include <eddy/bytes/limit_exceeded.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/task.hpp>
#include <eddy/core/try.hpp>

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>

namespace eddy::internal {

inline constexpr std::size_t default_limit = 64 * 1024;

template <class S>
concept ReadSource = requires(S source) {
  { source.free() } noexcept;
  source.begin();
  { source.ahead() } -> std::same_as<ReadAhead&>;
  source.fill();
};

// Plain functions make what is awaited, so that a frame holds that alone and not also what it was
// made of: these are the frames of every connection that is idle.
template <ReadSource Source>
auto filling(Source& source) {
  return as_outcome(source.fill());
}

// Reads ahead until a piece is there. How long it is; no value at the end of the stream. Fails with
// LimitExceeded, with nothing taken, when it is longer than `limit` with its delimiter. Both
// references must stay until it resumes.
template <ReadSource Source>
Task<std::optional<std::size_t>> find_piece(Source& source, const Delimiters& delimiters,
                                            std::size_t limit) {
  source.begin();
  std::size_t searched = 0;
  Expected<std::size_t> got{};
  for (;;) {
    const std::string_view text = source.ahead().view().text();
    const auto end = delimiters.end_of_piece(text, searched);
    if (end && *end <= limit) co_return end;
    if (end || text.size() >= limit) got = std::unexpected(source.limit_exceeded("read", limit));
    if (!got) break;
    searched = text.size() - std::min(text.size(), delimiters.longest() - 1);
    got = co_await filling(source);
    if (!got) break;
    if (*got == 0) co_return std::nullopt;
  }
  co_await fail(std::move(got.error()));
  co_return std::nullopt;  // never: clang does not know that fail() does not return
}

template <ReadSource Source>
Task<std::string> read_until_of(Source source, Delimiters delimiters, std::size_t limit) {
  EDDY_TRY(const auto end, find_piece(source, delimiters, limit));
  ReadAhead& ahead = source.ahead();
  std::string piece = ahead.take_text(end.value_or(ahead.size()));
  if (!end) co_await fail(source.end_of_file("read", std::move(piece), "a delimiter"));
  co_return piece;
}

template <ReadSource Source>
class ReadUntil {
 public:
  using value_type = std::string;
  ReadUntil(Source source, const Delimiters& delimiters, std::size_t limit) noexcept
      : source_(std::move(source)), delimiters_(delimiters), limit_(limit) {}
  bool ready() noexcept {
    if (!source_.free()) return false;
    const auto end = delimiters_.end_of_piece(source_.ahead().view().text(), 0);
    size_ = end.value_or(0);
    return end && size_ <= limit_;
  }
  std::string now() { return source_.ahead().take_text(size_); }
  Task<std::string> task() { return read_until_of(std::move(source_), delimiters_, limit_); }

 private:
  Source source_;
  Delimiters delimiters_;
  std::size_t limit_;
  std::size_t size_ = 0;
};

// -- lines --

template <ReadSource Source>
auto finding_line(Source& source, std::size_t limit) {
  static const Delimiters newline("\n");
  return as_outcome(find_piece(source, newline, limit));
}

// The line that was found, into `line`, its "\n" included; false at the end, true for a last line
// without one. One that is too long is dropped, up to its "\n" if that is there already.
inline bool take_line(ReadAhead& ahead, const Expected<std::optional<std::size_t>>& end,
                      std::string& line) {
  if (end) {
    const std::size_t size = end->value_or(ahead.size());
    line.assign(ahead.view().text(), 0, size);
    ahead.consume(size);
  } else if (end.error().error_code().value() == EMSGSIZE) {
    const std::size_t last = ahead.view().text().find('\n');
    ahead.consume(last == std::string_view::npos ? ahead.size() : last + 1);
  }
  return end && !line.empty();
}

template <ReadSource Source>
Task<bool> read_line_of(Source source, std::string& line, std::size_t limit) {
  auto end = co_await finding_line(source, limit);
  const bool there = take_line(source.ahead(), end, line);
  if (!end) co_await fail(std::move(end.error()));
  co_return there;
}

template <ReadSource Source>
Task<std::string> read_new_line_of(Source source, std::size_t limit) {
  std::string line;
  auto end = co_await finding_line(source, limit);
  take_line(source.ahead(), end, line);
  if (!end) co_await fail(std::move(end.error()));
  co_return line;
}

template <ReadSource Source>
Task<std::optional<std::string>> next_line_of(Source source, std::size_t limit) {
  std::string line;
  auto end = co_await finding_line(source, limit);
  const bool there = take_line(source.ahead(), end, line);
  if (!end) co_await fail(std::move(end.error()));
  if (!there) co_return std::nullopt;
  co_return line;
}

// What the verbs that give a line read of a source.
template <ReadSource Source>
class LinesAhead {
 public:
  LinesAhead(Source source, std::size_t limit) noexcept
      : source_(std::move(source)), limit_(limit) {}
  Bytes ahead() noexcept { return source_.free() ? source_.ahead().view() : Bytes(); }
  void consume(std::size_t count) noexcept { source_.ahead().consume(count); }
  std::size_t limit() const noexcept { return limit_; }
  Task<std::string> readline() && { return read_new_line_of(std::move(source_), limit_); }
  Task<std::optional<std::string>> next_line() && {
    return next_line_of(std::move(source_), limit_);
  }
  Task<bool> readline_into(std::string& line) && {
    return read_line_of(std::move(source_), line, limit_);
  }

 private:
  Source source_;
  std::size_t limit_;
};

template <ReadSource Source>
Task<std::string> read_all_of(Source source) {
  source.begin();
  for (;;) {
    EDDY_TRY(auto got, source.fill());
    if (got == 0) break;
  }
  co_return source.ahead().take_text(source.ahead().size());
}

// The end came before `wanted` bytes: takes what there is.
template <ReadSource Source>
Failure ended_before(Source& source, std::size_t wanted) {
  std::string partial = source.ahead().take_text(source.ahead().size());
  return source.end_of_file("read", std::move(partial), count_of_bytes(wanted));
}

template <ReadSource Source>
Task<> read_exactly_of(Source source, MutableBytes into) {
  source.begin();
  ReadAhead& ahead = source.ahead();
  while (ahead.size() < into.size()) {
    EDDY_TRY(auto got, source.fill());
    if (got > 0) continue;
    co_await fail(ended_before(source, into.size()));
  }
  ahead.take(into);
}

template <ReadSource Source>
class TakeExactly {
 public:
  using value_type = void;
  TakeExactly(Source source, MutableBytes into) noexcept
      : source_(std::move(source)), into_(into) {}
  bool ready() noexcept { return source_.free() && into_.size() <= source_.ahead().size(); }
  void now() noexcept { source_.ahead().take(into_); }
  Task<> task() { return read_exactly_of(std::move(source_), into_); }

 private:
  Source source_;
  MutableBytes into_;
};

template <ReadSource Source>
Task<std::size_t> read_some_of(Source source, MutableBytes into) {
  source.begin();
  if (source.ahead().empty() && !into.empty()) {
    EDDY_DO(source.fill());
  }
  co_return source.ahead().take(into);
}

template <ReadSource Source>
class TakeSome {
 public:
  using value_type = std::size_t;
  TakeSome(Source source, MutableBytes into) noexcept : source_(std::move(source)), into_(into) {}
  bool ready() noexcept { return source_.free() && !source_.ahead().empty(); }
  std::size_t now() noexcept { return source_.ahead().take(into_); }
  Task<std::size_t> task() { return read_some_of(std::move(source_), into_); }

 private:
  Source source_;
  MutableBytes into_;
};

// The lines of a source, one at a time. REQUIRES: nobody else reads it meanwhile
template <ReadSource Source>
class LinesOf {
 public:
  LinesOf(Source source, std::size_t limit) : lines_(std::move(source), limit) {}

  // No value at the end. A last line may lack its "\n".
  AtOnce<NextLine<LinesAhead<Source>>> next() { return {lines_}; }
  // The same into `line`, whose memory is used again; false at the end. ∅
  AtOnce<ReadLineInto<LinesAhead<Source>>> next_into(std::string& line) { return {lines_, line}; }

 private:
  LinesAhead<Source> lines_;
};

}  // namespace eddy::internal
