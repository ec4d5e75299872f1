// Reader: buffering over anything that reads bytes: a File, a pipe, a Stream, another Reader.
//
// Reads as much as fits into its buffer and gives it out in the pieces that are asked for. One task
// reads at a time; a second one throws UsageError. Cancelling a call loses no byte: what was read
// stays in the buffer. The source must stay for as long as the Reader, and the Reader until the
// calls on it have ended; while it is used, nobody else should read from the source.
#pragma once

#include <eddy/bytes/end_of_file.hpp>
#include <eddy/bytes/internal/read_verbs.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/task.hpp>

#include <concepts>
#include <string>

namespace eddy {

// Gives some bytes, at least one; 0 at the end.
template <class S>
concept ReadsSome = requires(S& source, MutableBytes into) {
  { source.read_some(into) } -> Awaitable;
};

template <ReadsSome S>
class Reader {
  class Source;
  template <class Verb>
  using AtOnce = internal::AtOnce<Verb>;  // a Task, and made only where something waits

 public:
  static constexpr std::size_t default_capacity = 16 * 1024;

  // Reads at most `capacity` bytes at once.
  explicit Reader(S& source, std::size_t capacity = default_capacity) noexcept
      : source_(source), capacity_(std::max<std::size_t>(capacity, 1)) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { EDDY_VERIFY(!reading_); }  // it outlives the calls on it

  // As Stream's, each of them.
  AtOnce<internal::TakeSome<Source>> read_some(MutableBytes into) {
    return {Source(*this), into};
  }
  AtOnce<internal::TakeExactly<Source>> read_exactly(MutableBytes into) {
    return {Source(*this), into};
  }
  AtOnce<internal::ReadUntil<Source>> read_until(Delimiters delimiters,
                                                 std::size_t limit = internal::default_limit) {
    return {Source(*this), delimiters, limit};
  }
  AtOnce<internal::ReadLine<internal::LinesAhead<Source>>> readline(
      std::size_t limit = internal::default_limit) {
    return {internal::LinesAhead(Source(*this), limit)};
  }
  auto lines(std::size_t limit = internal::default_limit) {
    return internal::LinesOf<Source>(Source(*this), limit);
  }
  Task<std::string> read_all() { return internal::read_all_of(Source(*this)); }

  // Reads more ahead: how many bytes came, 0 at the end. ∅
  Task<std::size_t> fill() {
    begin();
    const Marked reading(reading_);
    const MutableBytes room(ahead_.room(capacity_).first(capacity_));
    auto got = co_await as_outcome(source_.read_some(room));
    ahead_.add(got ? *got : 0);
    if (!got) co_await fail(std::move(got.error()));
    co_return *got;
  }
  Bytes buffered() const noexcept { return ahead_.view(); }
  void consume(std::size_t count) {
    begin();
    if (count > ahead_.size()) throw UsageError("consume() of more than is read ahead");
    ahead_.consume(count);
  }

 private:
  class Source {
   public:
    explicit Source(Reader& reader) noexcept : reader_(&reader) {}
    bool free() const noexcept { return !reader_->reading_; }
    void begin() const { reader_->begin(); }
    internal::ReadAhead& ahead() { return reader_->ahead_; }
    Task<std::size_t> fill() { return reader_->fill(); }
    Failure end_of_file(std::string_view verb, std::string partial, std::string_view expected) {
      return Failure::holding(EndOfFile(verb, {}, std::move(partial), expected));
    }
    Failure limit_exceeded(std::string_view verb, std::size_t limit) {
      return Failure::holding(LimitExceeded(verb, {}, limit));
    }

   private:
    Reader* reader_;
  };

  struct Marked {
    explicit Marked(bool& place) noexcept : mark(place) { mark = true; }
    Marked(const Marked&) = delete;
    Marked& operator=(const Marked&) = delete;
    ~Marked() { mark = false; }
    bool& mark;
  };

  void begin() const {
    if (reading_) throw UsageError("two tasks read from one Reader");
  }

  S& source_;
  std::size_t capacity_;
  internal::ReadAhead ahead_;
  bool reading_ = false;
};

}  // namespace eddy
