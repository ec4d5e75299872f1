// duplex: two streams in memory, each the other's peer: for tests of what talks over a Stream, and
// for tasks that talk to each other in bytes. No descriptor, no kernel, no time.
//
//   auto [client, server] = duplex();
//   spawn(handle(server));
//   co_await client.write_all("GET\n");
//
// Its verbs are those of Stream, and behave as they do over a socket pair: one task reads and one
// writes at a time, a second one throws UsageError; a writer waits while as many bytes as the limit
// are on their way; cancelling a read loses none. What is closed or dropped ends the calls on it
// with ECANCELED; its peer reads what was on its way, and then the end, or ECONNRESET where the
// other left bytes unread; its writes fail with EPIPE.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/internal/count.hpp>
#include <eddy/bytes/end_of_file.hpp>
#include <eddy/bytes/internal/memory_pipe.hpp>
#include <eddy/bytes/internal/read_verbs.hpp>
#include <eddy/core/internal/keeping.hpp>
#include <eddy/core/sleep.hpp>
#include <eddy/core/task.hpp>

#include <cstddef>
#include <string>
#include <utility>

namespace eddy {

class DuplexStream {
  using Source = internal::DuplexSource;
  template <class Verb>
  using AtOnce = internal::AtOnce<Verb>;  // a Task, and made only where something waits

 public:
  DuplexStream() noexcept = default;  // closed
  explicit DuplexStream(internal::Counted<internal::DuplexState> end) noexcept
      : end_(std::move(end)) {}

  // As Stream's, each of them. ∅ where that is. read_some() takes what it is asked for; the others
  // read ahead, and so make room for the peer.
  internal::PipeRead read_some(MutableBytes into) { return internal::PipeRead(to_use(), into); }
  AtOnce<internal::TakeExactly<Source>> read_exactly(MutableBytes into) {
    return {source(), into};
  }
  AtOnce<internal::ReadUntil<Source>> read_until(Delimiters delimiters,
                                                 std::size_t limit = internal::default_limit) {
    return {source(), delimiters, limit};
  }
  AtOnce<internal::ReadLine<internal::LinesAhead<Source>>> readline(
      std::size_t limit = internal::default_limit) {
    return {internal::LinesAhead(source(), limit)};
  }
  internal::LinesOf<Source> lines(std::size_t limit = internal::default_limit) {
    return internal::LinesOf<Source>(source(), limit);
  }
  Task<std::string> read_all() { return internal::read_all_of(source()); }

  internal::PipeFill fill() { return internal::PipeFill(to_use()); }
  Bytes buffered() const noexcept { return end_ ? end_->ahead.view() : Bytes(); }
  void consume(std::size_t count) {
    internal::DuplexState& end = *to_use();
    end.require_free_to_read();
    if (count > end.ahead.size()) throw UsageError("consume() of more than is read ahead");
    end.ahead.consume(count);
  }

  internal::PipeWrite write(Bytes bytes) { return internal::PipeWrite(to_use(), bytes); }
  template <internal::TemporaryBytes R>
  Task<std::size_t> write(R&& bytes) {
    return kept<internal::PipeWrite, R>(std::move(bytes));
  }
  internal::PipeWriteAll write_all(Bytes bytes) { return internal::PipeWriteAll(to_use(), bytes); }
  template <internal::TemporaryBytes R>
  Task<> write_all(R&& bytes) {
    return kept<internal::PipeWriteAll, R>(std::move(bytes));
  }

  void shutdown_write() { to_use()->out->end(false); }
  // Resumes when the calls that it ended have. Idempotent.
  Task<> close() { return close_end(end_); }
  bool closed() const noexcept { return !end_ || end_->closed; }

 private:
  const internal::Counted<internal::DuplexState>& to_use() const {
    if (closed()) [[unlikely]] throw UsageError("a call on a closed DuplexStream");
    return end_;
  }
  Source source() const { return Source(to_use()); }
  static Task<> close_end(internal::Counted<internal::DuplexState> end) {
    if (!end) co_return;
    end->close();
    while (end->reading || end->writing) EDDY_DO(yield());
  }
  template <class Call, class Memory>
  auto kept(Memory memory, std::source_location verb = std::source_location::current()) {
    return internal::keeping(
        std::move(memory), [end = to_use()](Memory& held) { return Call(end, held); }, verb);
  }

  internal::Handle<internal::DuplexState> end_;
};

// At most `limit` bytes are on their way in each direction. Throws UsageError when that is none.
inline std::pair<DuplexStream, DuplexStream> duplex(internal::Count limit = 64 * 1024) {
  using namespace internal;
  if (limit.value() == 0) throw UsageError("a duplex() has room for a byte at least");
  const Counted<MemoryPipe> there(new MemoryPipe(limit.value()));
  const Counted<MemoryPipe> back(new MemoryPipe(limit.value()));
  DuplexStream first(Counted<DuplexState>(new DuplexState(back, there)));
  DuplexStream second(Counted<DuplexState>(new DuplexState(there, back)));
  return {std::move(first), std::move(second)};
}

}  // namespace eddy
