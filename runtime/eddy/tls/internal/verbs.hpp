// The verbs of a tls::Stream: TlsSource, which the common ones of reading read it by, and its own.
#pragma once

#include <eddy/bytes/internal/read_verbs.hpp>
#include <eddy/core/task.hpp>
#include <eddy/tls/internal/state.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace eddy::internal {
class FileState;
}  // namespace eddy::internal

namespace eddy::tls::internal {

Task<std::size_t> read_some(TlsState::Counted state, MutableBytes into);
Task<> read_exactly(TlsState::Counted state, MutableBytes into);
Task<std::size_t> fill(TlsState::Counted state);
Task<std::size_t> write_some(TlsState::Counted state, Bytes bytes);
// `by_writer`: by one who has taken the writing side for longer.
Task<> write_all(TlsState::Counted state, Bytes bytes, bool by_writer = false);
Task<> write_vectored(TlsState::Counted state, std::span<const Bytes> pieces);
Task<std::uint64_t> send_file(TlsState::Counted state,
                              eddy::internal::Counted<eddy::internal::FileState> file,
                              std::uint64_t offset, std::uint64_t count);

class TlsSource {
 public:
  explicit TlsSource(TlsState::Counted state) noexcept : state_(std::move(state)) {}
  bool free() const noexcept { return !state_->reading; }
  void begin() const { state_->require_free_to_read(); }
  eddy::internal::ReadAhead& ahead() { return state_->ahead; }
  Task<std::size_t> fill() { return internal::fill(state_); }
  Failure end_of_file(std::string_view verb, std::string partial, std::string_view expected);
  Failure limit_exceeded(std::string_view verb, std::size_t limit);
  const TlsState::Counted& state() const noexcept { return state_; }

 private:
  TlsState::Counted state_;
};

class ReadSome : public eddy::internal::TakeSome<TlsSource> {
 public:
  ReadSome(TlsSource source, MutableBytes into) noexcept
      : TakeSome(source, into), state_(source.state()), into_(into) {}
  Task<std::size_t> task() { return read_some(std::move(state_), into_); }

 private:
  TlsState::Counted state_;
  MutableBytes into_;
};

class ReadExactly : public eddy::internal::TakeExactly<TlsSource> {
 public:
  ReadExactly(TlsSource source, MutableBytes into) noexcept
      : TakeExactly(source, into), state_(source.state()), into_(into) {}
  Task<> task() { return read_exactly(std::move(state_), into_); }

 private:
  TlsState::Counted state_;
  MutableBytes into_;
};

}  // namespace eddy::tls::internal
