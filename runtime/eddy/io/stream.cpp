#include <eddy/io/stream.hpp>

#include <eddy/core/as_result.hpp>

#include <linux/io_uring.h>

#include <algorithm>

namespace eddy {

static constexpr std::size_t transfer_max = 0x7ffff000;

Failure StreamState::failure(int code, std::string_view verb) {
  if (name.empty()) {
    Address peer;
    socklen_t size = Address::capacity;
    if (::getpeername(socket.fileno(), peer.data(), &size) == 0) peer.set_size(size);
    name = Text(peer.format());
  }
  return Failure::error(code, verb, name.view());
}

// -- reading --

bool ReadSome::await_ready() {
  if (stream_.reading) throw UsageError("two tasks read from one stream");
  if (into_.empty()) {
    finish(0);
    return true;
  }
  stream_.reading = true;
  waited_ = true;
  return false;
}

void ReadSome::await_suspend(std::coroutine_handle<> frame) {
  Request request;
  request.opcode = IORING_OP_RECV;
  request.fd = stream_.socket.fileno();
  request.address = address_of(into_.data());
  request.length = static_cast<std::uint32_t>(std::min(into_.size(), transfer_max));
  // Trying first is in vain when the last receive left nothing behind.
  if (!stream_.has_more) request.ioprio = IORING_RECVSEND_POLL_FIRST;
  prepare(request);
  Operation::await_suspend(frame);
}

Expected<std::size_t> ReadSome::await_outcome() {
  if (!waited_) return 0;
  stream_.reading = false;
  stream_.ended();
  auto outcome = Operation::await_outcome();
  if (outcome) {
    if (*outcome == 0 && stream_.closing) {
      return std::unexpected(stream_.failure(ECANCELED, "read"));
    }
    stream_.has_more = flags() & IORING_CQE_F_SOCK_NONEMPTY;
    return static_cast<std::size_t>(*outcome);
  }
  if (!outcome.error().is_error()) return std::unexpected(std::move(outcome.error()));
  return std::unexpected(stream_.failure(outcome.error().code(), "read"));
}

StreamState& Stream::to_use() const {
  if (closed() || state_->closing) throw UsageError("a call on a closed stream");
  return *state_;
}

Task<> Stream::read_exactly(MutableBytes into) {
  std::size_t done = 0;
  while (done < into.size()) {
    auto got = co_await as_outcome(read_some(MutableBytes(into.data() + done, into.size() - done)));
    if (!got) co_await fail(std::move(got.error()));
    if (*got == 0) {
      throw EndOfFile("read", peer().format(), std::string(Bytes(into.data(), done).text()));
    }
    done += *got;
  }
}

Task<std::string> Stream::read_all() {
  std::string text;
  for (std::size_t chunk = 4096;; chunk = std::min<std::size_t>(2 * chunk, 1 << 20)) {
    const std::size_t before = text.size();
    text.resize(before + chunk);
    auto got = co_await as_outcome(read_some(MutableBytes(text.data() + before, chunk)));
    if (!got) co_await fail(std::move(got.error()));
    text.resize(before + *got);
    if (*got == 0) co_return text;
  }
}

// -- writing --

// Clears the mark however the frame ends.
class Writing {
 public:
  explicit Writing(StreamState& stream) : stream_(stream) {
    if (stream.writing) throw UsageError("two tasks write to one stream");
    stream.writing = true;
  }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;
  ~Writing() {
    stream_.writing = false;
    stream_.ended();
  }

 private:
  StreamState& stream_;
};

static Task<std::size_t> send_once(StreamState& stream, Bytes bytes, int flags) {
  Request request;
  request.opcode = IORING_OP_SEND;
  request.fd = stream.socket.fileno();
  request.address = address_of(bytes.data());
  request.length = static_cast<std::uint32_t>(std::min(bytes.size(), transfer_max));
  request.op_flags = static_cast<std::uint32_t>(flags | MSG_NOSIGNAL);
  auto sent = co_await as_outcome(Operation(request, "write"));
  if (!sent && sent.error().is_cancelled()) co_await fail(std::move(sent.error()));
  if (!sent) {
    const int code = stream.closing ? ECANCELED : sent.error().code();
    co_await fail(stream.failure(code, "write"));
  }
  co_return static_cast<std::size_t>(*sent);
}

Task<std::size_t> Stream::send(Bytes bytes, int flags) {
  StreamState& stream = to_use();
  const Writing writing(stream);
  if (bytes.empty()) co_return 0;
  auto sent = co_await as_outcome(send_once(stream, bytes, flags));
  if (!sent) co_await fail(std::move(sent.error()));
  co_return *sent;
}

// The kernel goes on after a short send by itself (MSG_WAITALL, 5.19); the loop is for older ones.
Task<> Stream::write_all(Bytes bytes) {
  StreamState& stream = to_use();
  const Writing writing(stream);
  while (!bytes.empty()) {
    auto sent = co_await as_outcome(send_once(stream, bytes, MSG_WAITALL));
    if (!sent) co_await fail(std::move(sent.error()));
    bytes = Bytes(bytes.subspan(*sent));
  }
}

// -- the end --

// shutdown(2) ends whatever waits in the kernel, and what is still on its way there.
Task<> Stream::close() {
  if (closed()) co_return;
  StreamState& stream = *state_;
  stream.closing = true;
  if (stream.reading || stream.writing) {
    stream.socket.shutdown(SHUT_RDWR);
    auto idle = co_await as_outcome(stream.idle.wait());
    if (!idle) co_await fail(std::move(idle.error()));
  }
  if (stream.socket.closed()) co_return;  // by another close()
  Request request;
  request.opcode = IORING_OP_CLOSE;
  UniqueFd fd = stream.socket.release();
  request.fd = fd.get();
  auto closed = co_await as_outcome(Operation(request, "close"));
  if (closed || closed.error().code() != ECANCELED) fd.release();
  if (!closed && closed.error().is_cancelled()) co_await fail(std::move(closed.error()));
}

}  // namespace eddy
