#include <eddy/net/stream.hpp>

#include <eddy/core/as_result.hpp>

#include <linux/io_uring.h>
#include <netinet/tcp.h>

namespace eddy {
using namespace internal;

void Stream::consume(std::size_t count) {
  SocketState& state = *handle_.to_use();
  if (state.in_use(SocketState::Side::reading)) throw UsageError("consume() while a task reads");
  if (count > state.ahead.size()) throw UsageError("consume() of more than is read ahead");
  state.ahead.consume(count);
}

Task<> Stream::close() { return SocketState::close(handle_.state()); }

Task<Stream> connect(Address address) {
  Socket socket(address.family(), SOCK_STREAM);
  if (address.is_ip()) socket.set_flag(IPPROTO_TCP, TCP_NODELAY);
  const Request request{.opcode = IORING_OP_CONNECT,
                        .fd = socket.fileno(),
                        .offset = address.size(),
                        .address = address_of(address.data())};
  auto connected = co_await as_outcome(Operation(request, "connect"));
  if (!connected && connected.error().is_cancelled()) {
    co_await fail(std::move(connected.error()));
  }
  if (!connected) throw Error(connected.error().code(), "connect", address.format());
  co_return Stream(std::move(socket));
}

}  // namespace eddy
