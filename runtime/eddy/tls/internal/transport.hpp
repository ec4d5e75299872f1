// Transport: the stream of bytes below, its type forgotten.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/task.hpp>
#include <eddy/core/try.hpp>
#include <eddy/net/socket.hpp>
#include <eddy/tls/context.hpp>
#include <eddy/tls/error.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <utility>

namespace eddy::tls {
class Stream;
}  // namespace eddy::tls

namespace eddy::tls::internal {

// fill(), buffered() and consume() as Stream has them: bytes are read where they lie.
template <class S>
concept IsTransport = std::move_constructible<S> && requires(S& stream, Bytes bytes, std::size_t n) {
  { stream.fill() } -> Awaitable;
  { stream.buffered() } -> std::convertible_to<Bytes>;
  stream.consume(n);
  { stream.write(bytes) } -> Awaitable;
  stream.shutdown_write();
  { stream.close() } -> Awaitable;
};

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  virtual Task<std::size_t> fill() = 0;
  virtual Bytes buffered() const noexcept = 0;
  virtual void consume(std::size_t count) = 0;
  virtual Task<std::size_t> write(Bytes bytes) = 0;
  virtual void shutdown_write() = 0;
  virtual Task<> close() = 0;
  // Null where there is none at the bottom.
  virtual Socket* socket() = 0;
};

template <IsTransport S>
class TransportOver final : public Transport {
 public:
  explicit TransportOver(S stream) : stream_(std::move(stream)) {}

  Task<std::size_t> fill() override {
    EDDY_TRY(auto count, stream_.fill());
    co_return count;
  }
  Bytes buffered() const noexcept override { return stream_.buffered(); }
  void consume(std::size_t count) override { stream_.consume(count); }
  Task<std::size_t> write(Bytes bytes) override {
    EDDY_TRY(auto count, stream_.write(bytes));
    co_return count;
  }
  void shutdown_write() override { stream_.shutdown_write(); }
  Task<> close() override { EDDY_DO(stream_.close()); }
  Socket* socket() override {
    if constexpr (requires { { stream_.socket() } -> std::same_as<Socket&>; }) {
      return &stream_.socket();
    } else {
      return nullptr;
    }
  }

 private:
  S stream_;
};

template <IsTransport S>
std::unique_ptr<Transport> transport_over(S stream) {
  return std::make_unique<TransportOver<S>>(std::move(stream));
}

Task<Stream> client_handshake(std::unique_ptr<Transport> over, ClientContext context,
                              std::string host, std::string session);
Task<Stream> server_handshake(std::unique_ptr<Transport> over, ServerContext context);

}  // namespace eddy::tls::internal
