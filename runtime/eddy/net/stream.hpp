// Stream: bytes to and from a peer, over TCP or a UNIX socket. TcpStream and UnixStream are its
// names.
//
// One task reads and one writes at a time; a second one throws UsageError. Cancelling a read loses
// no byte: what the kernel had given is returned (C13), or comes first in the next read. Errors are
// Error with the peer's address. A stream that is dropped is closed, and calls on it that are in
// progress end with ECANCELED. It belongs to the loop that first uses it.
//
// Where memory comes from: reads into the caller's memory are one receive each. fill(), and the
// verbs built on it, borrow a piece of the loop's buffers while nothing is there, so that a stream
// that waits holds no memory, and receive into memory of their own while there is more to come.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/bytes/end_of_file.hpp>
#include <eddy/bytes/internal/read_verbs.hpp>
#include <eddy/core/internal/keeping.hpp>
#include <eddy/core/task.hpp>
#include <eddy/net/internal/receive.hpp>
#include <eddy/net/internal/send.hpp>
#include <eddy/net/internal/socket_state.hpp>

#include <cstdint>
#include <initializer_list>
#include <source_location>
#include <span>
#include <string>
#include <vector>

namespace eddy {

class File;

namespace internal {

// What the verbs of reading read a stream by.
class StreamSource {
 public:
  explicit StreamSource(Counted<SocketState> state) : state_(std::move(state)) {}
  bool free() const noexcept { return !state_->in_use(SocketState::Side::reading); }
  void begin() const { state_->require_free(SocketState::Side::reading); }
  ReadAhead& ahead() { return state_->ahead; }
  Fill fill() { return Fill(state_); }
  Failure end_of_file(std::string_view verb, std::string partial, std::string_view expected) {
    return state_->end_of_file(verb, std::move(partial), expected);
  }
  Failure limit_exceeded(std::string_view verb, std::size_t limit) {
    return Failure::holding(LimitExceeded(verb, state_->peer_name(), limit));
  }

 private:
  Counted<SocketState> state_;
};

class PeerName;

// One in braces: what it views must stay, so that it is none of a temporary.
struct Piece : Bytes {
  using Bytes::Bytes;
  Piece(const Bytes& bytes) noexcept : Bytes(bytes) {}
  template <TemporaryBytes R>
  Piece(R&& gone) = delete;
};

}  // namespace internal

class Stream {
  using Source = internal::StreamSource;
  template <class Verb>
  using AtOnce = internal::AtOnce<Verb>;  // a Task, and made only where something waits

 public:
  Stream() = default;

  // A connected socket of type SOCK_STREAM, without O_NONBLOCK.
  explicit Stream(Socket socket) : handle_(std::move(socket)) {}

  // -- reading --

  // As many bytes as there are, at least one, at most `into`; 0 at the end. The memory must stay
  // until it resumes. ∅
  internal::ReadSome read_some(MutableBytes into) {
    return internal::ReadSome(handle_.to_use(), into);
  }
  // Fills `into`. Throws EndOfFile, with what there was, if the stream ends before. Cancelled, or
  // failed: what was read comes first in the next read. ∅
  internal::ReadExactly read_exactly(MutableBytes into) {
    return internal::ReadExactly(handle_.to_use(), into);
  }
  // Up to and with the first delimiter. Throws LimitExceeded when that is longer than `limit`, and
  // EndOfFile, with what there was, if the stream ends before. Cancelled, or too long: nothing is
  // taken.
  AtOnce<internal::ReadUntil<Source>> read_until(Delimiters delimiters,
                                                 std::size_t limit = internal::default_limit) {
    return {source(), delimiters, limit};
  }
  // Up to and with "\n"; the last line may lack it, and "" is the end. A line longer than `limit`
  // is dropped, and throws LimitExceeded.
  AtOnce<internal::ReadLine<internal::LinesAhead<Source>>> readline(
      std::size_t limit = internal::default_limit) {
    return {internal::LinesAhead(source(), limit)};
  }
  // while (auto line = co_await lines.next()) ...
  internal::LinesOf<Source> lines(std::size_t limit = internal::default_limit) {
    return internal::LinesOf<Source>(source(), limit);
  }
  // Up to the end.
  Task<std::string> read_all() {
    return internal::read_all_of(source());
  }

  // Reads more ahead: how many bytes came, 0 at the end. Holds no memory while it waits, unless
  // something is read ahead already. ∅
  internal::Fill fill() { return internal::Fill(handle_.to_use()); }
  // What is read ahead, until the next read; consume() takes the first of it. No task may be
  // reading meanwhile.
  Bytes buffered() const noexcept {
    return handle_.state() ? handle_.state()->ahead.view() : Bytes();
  }
  void consume(std::size_t count);

  // -- writing; the bytes must stay until it resumes, unless they are those of a temporary --

  // Some of `bytes`, as many as the kernel takes without waiting for more room. ∅
  internal::WriteSome write(Bytes bytes) { return internal::WriteSome(handle_.to_use(), bytes); }
  template <internal::TemporaryBytes R>
  Task<std::size_t> write(R&& bytes) {
    return kept<internal::WriteSome, R>(std::move(bytes));
  }
  // All of them. Cancelled, or failed: a part may have gone. ∅
  internal::WriteAll write_all(Bytes bytes) { return internal::WriteAll(handle_.to_use(), bytes); }
  template <internal::TemporaryBytes R>
  Task<> write_all(R&& bytes) {
    return kept<internal::WriteAll, R>(std::move(bytes));
  }
  // All of each, as if they stood one behind the other. `pieces` itself must stay as well, unless
  // it is a temporary. ∅
  internal::WriteVectored write_vectored(std::span<const Bytes> pieces) {
    return internal::WriteVectored(handle_.to_use(), pieces);
  }
  Task<> write_vectored(std::initializer_list<internal::Piece> pieces) {
    return write_vectored(std::vector<Bytes>(pieces.begin(), pieces.end()));
  }
  template <internal::Temporary R>
    requires std::convertible_to<R&, std::span<const Bytes>>
  Task<> write_vectored(R&& pieces) {
    return kept<internal::WriteVectored, R>(std::move(pieces));
  }
  // All of `bytes`, without a copy of them: resumes when the peer has taken them. See
  // SendZeroCopy.
  internal::SendZeroCopy send_zero_copy(Bytes bytes) {
    return internal::SendZeroCopy(handle_.to_use(), bytes);
  }
  template <internal::TemporaryBytes R>
  Task<> send_zero_copy(R&& bytes) {
    return kept<internal::SendZeroCopy, R>(std::move(bytes));
  }
  // `count` bytes of `file` from `offset` on, or up to its end; how many that were. Its position
  // neither matters nor moves. A file that is dropped meanwhile ends it with ECANCELED.
  Task<std::uint64_t> send_file(File& file, std::uint64_t offset = 0,
                                std::uint64_t count = ~std::uint64_t{0});

  // Tells the peer that nothing more comes.
  void shutdown_write() { handle_.to_use()->socket.shutdown(SHUT_WR); }

  // -- the end --

  // Ends what is in progress, whose tasks get ECANCELED, waits for them, and closes. Idempotent.
  Task<> close();
  bool closed() const noexcept { return handle_.closed(); }

  Address local() const { return socket().local(); }
  Address peer() const { return socket().peer(); }
  // For options.
  Socket& socket() const { return handle_.to_use()->socket; }

 private:
  Source source() const { return Source(handle_.to_use()); }
  template <class Call, class Memory>
  auto kept(Memory memory, std::source_location verb = std::source_location::current()) {
    return internal::keeping(
        std::move(memory),
        [state = handle_.to_use()](Memory& kept) { return Call(state, kept); }, verb);
  }

  friend class internal::PeerName;
  friend class Relay;
  internal::SocketHandle handle_;
};

using TcpStream = Stream;
using UnixStream = Stream;

// Connects. Cancelled: nothing is left open. Throws Error with the address.
Task<Stream> connect(Address address);

}  // namespace eddy
