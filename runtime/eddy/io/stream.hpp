// Stream: bytes to and from a peer, over TCP or a UNIX socket. TcpStream and UnixStream are its
// names.
//
// One task reads and one writes at a time; a second one throws UsageError. Cancelling a read loses
// no byte: what the kernel had given is returned (C13). Errors are Error with the peer's address.
// A stream that is dropped is closed; it belongs to the loop that it was made on, and outlives the
// calls on it.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/pool.hpp>
#include <eddy/base/text.hpp>
#include <eddy/core/operation.hpp>
#include <eddy/core/task.hpp>
#include <eddy/io/end_of_file.hpp>
#include <eddy/io/socket.hpp>
#include <eddy/sync/event.hpp>

#include <memory>
#include <string>

namespace eddy {

// What is behind a stream. It stays where it is while the handle moves.
class StreamState {
 public:
  static void* operator new(std::size_t size) { return Pool::allocate(size); }
  static void operator delete(void* memory, std::size_t size) { Pool::release(memory, size); }

  explicit StreamState(Socket socket) noexcept : socket(std::move(socket)) {}
  StreamState(const StreamState&) = delete;
  StreamState& operator=(const StreamState&) = delete;
  ~StreamState() { EDDY_ASSERT(!reading && !writing); }  // a Stream outlives the calls on it

  // As an Error with the peer's address.
  Failure failure(int code, std::string_view verb);
  void ended() noexcept {
    if (closing && !reading && !writing) idle.set();
  }

  Socket socket;
  Text name;   // of the peer, once an error has asked for it
  Event idle;  // for close(): nobody reads or writes any more
  bool reading = false;
  bool writing = false;
  bool closing = false;
  bool has_more = true;  // there may be something to read without waiting for it
};

// One receive into the caller's memory.
class [[nodiscard]] ReadSome : public Operation {
 public:
  using value_type = std::size_t;
  ReadSome(StreamState& stream, MutableBytes into) noexcept
      : Operation("read"), stream_(stream), into_(into) {}

  bool await_ready();
  void await_suspend(std::coroutine_handle<> frame);
  std::size_t await_resume() {
    auto outcome = await_outcome();
    if (!outcome) [[unlikely]]
      outcome.error().raise();
    return *outcome;
  }
  Expected<std::size_t> await_outcome();

 private:
  StreamState& stream_;
  MutableBytes into_;
  bool waited_ = false;
};

class Stream {
 public:
  Stream() = default;
  Stream(Stream&&) noexcept = default;
  Stream& operator=(Stream&&) noexcept = default;

  // A connected socket of type SOCK_STREAM.
  explicit Stream(Socket socket) : state_(new StreamState(std::move(socket))) {}

  // As many bytes as there are, at least one, at most `into`; 0 at the end. The memory must stay
  // until it resumes. ∅
  ReadSome read_some(MutableBytes into) { return ReadSome(to_use(), into); }
  // Fills `into`. Throws EndOfFile, with what there was, if the stream ends before. Cancelled: what
  // was read is lost to the stream; use a Reader where that matters.
  Task<> read_exactly(MutableBytes into);
  // Up to the end.
  Task<std::string> read_all();

  // Some of `bytes`, as many as the kernel takes without waiting for more room. ∅
  Task<std::size_t> write(Bytes bytes) { return send(bytes, 0); }
  // All of them. Cancelled, or failed: a part may have gone. ∅
  Task<> write_all(Bytes bytes);

  // Tells the peer that nothing more comes.
  void shutdown_write() { to_use().socket.shutdown(SHUT_WR); }
  // Ends what is in progress, whose tasks get ECANCELED, and closes. Idempotent.
  Task<> close();

  bool closed() const noexcept { return !state_ || state_->socket.closed(); }
  Address local() const { return to_use().socket.local(); }
  Address peer() const { return to_use().socket.peer(); }
  // For options.
  Socket& socket() const { return to_use().socket; }

 private:
  StreamState& to_use() const;
  Task<std::size_t> send(Bytes bytes, int flags);

  std::unique_ptr<StreamState> state_;
};

using TcpStream = Stream;
using UnixStream = Stream;

}  // namespace eddy
