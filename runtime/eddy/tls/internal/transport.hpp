// Transport: the stream of bytes below, its type forgotten.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/core/task.hpp>
#include <eddy/core/try.hpp>
#include <eddy/net/socket.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/tls/context.hpp>
#include <eddy/tls/error.hpp>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace eddy::tls {
class Stream;
}  // namespace eddy::tls

namespace eddy::tls::internal {

// fill(), buffered() and consume() as Stream has them: bytes are read where they lie.
template <class S>
concept IsTransport =
    std::move_constructible<S> && requires(S& stream, Bytes bytes, std::size_t count) {
      { stream.fill() } -> Awaitable;
      { stream.buffered() } -> std::convertible_to<Bytes>;
      stream.consume(count);
      { stream.write(bytes) } -> Awaitable;
      stream.shutdown_write();
      { stream.close() } -> Awaitable;
    };

class Transport;

// A call on the transport, awaited without a frame of its own: the awaitable of the type that only
// TransportOver knows is made where this lies, once it is awaited. It may outlive the transport.
class [[nodiscard]] TransportCall : public eddy::internal::Raises<TransportCall, std::size_t> {
 public:
  using Start = void (Transport::*)(TransportCall& call);

  TransportCall(Transport& transport, Start start, Bytes bytes = {}) noexcept
      : transport_(&transport), start_(start), bytes_(bytes) {}
  TransportCall(const TransportCall& other) noexcept  // before it was awaited
      : TransportCall(*other.transport_, other.start_, other.bytes_) {}
  TransportCall& operator=(const TransportCall&) = delete;
  ~TransportCall() { if (made_) made_->destroy(memory_); }

  bool await_ready();
  bool await_suspend(std::coroutine_handle<> frame) { return made_->suspend(memory_, frame); }
  Expected<std::size_t> await_outcome() { return made_->outcome(memory_); }

  Bytes bytes() const noexcept { return bytes_; }
  template <class A>
  void make(A&& awaitable) {
    using Awaiter = eddy::internal::AwaiterOf<A>;
    static_assert(alignof(Awaiter) <= 16);
    if constexpr (sizeof(Awaiter) <= size) {
      ::new (memory_) Awaiter(eddy::internal::awaiter_of(std::forward<A>(awaitable)));
      made_ = &of<Awaiter>;
    } else {
      ::new (memory_) Task<std::size_t>(in_task(std::forward<A>(awaitable)));
      made_ = &of<Task<std::size_t>>;
    }
  }

 private:
  static constexpr std::size_t size = 256;

  struct Made {
    bool (*ready)(void*);
    bool (*suspend)(void*, std::coroutine_handle<>);
    Expected<std::size_t> (*outcome)(void*);
    void (*destroy)(void*) noexcept;
  };
  template <class A>
  static constexpr Made of{
      [](void* at) -> bool { return static_cast<A*>(at)->await_ready(); },
      [](void* at, std::coroutine_handle<> frame) {
        return eddy::internal::suspend(*static_cast<A*>(at), frame);
      },
      [](void* at) { return Expected<std::size_t>(static_cast<A*>(at)->await_outcome()); },
      [](void* at) noexcept { static_cast<A*>(at)->~A(); }};
  template <class A>
  static Task<std::size_t> in_task(A awaitable) {
    EDDY_TRY(auto count, std::move(awaitable));
    co_return count;
  }

  Transport* transport_;
  Start start_;
  Bytes bytes_;
  const Made* made_ = nullptr;
  alignas(16) std::byte memory_[size];
};

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  TransportCall fill() noexcept { return {*this, &Transport::start_fill}; }
  TransportCall write(Bytes bytes) noexcept { return {*this, &Transport::start_write, bytes}; }
  virtual Bytes buffered() const noexcept = 0;
  virtual void consume(std::size_t count) = 0;
  virtual void shutdown_write() = 0;
  virtual Task<> close() = 0;
  // Null where there is none at the bottom.
  virtual Socket* socket() = 0;
  // How many of `bytes` it takes at once, by a plain call that never waits; maybe none.
  virtual std::size_t write_now(Bytes bytes) noexcept = 0;

 private:
  virtual void start_fill(TransportCall& call) = 0;
  virtual void start_write(TransportCall& call) = 0;
};

inline bool TransportCall::await_ready() {
  (transport_->*start_)(*this);
  return made_->ready(memory_);
}

std::size_t send_now(eddy::Stream& stream, Bytes bytes) noexcept;

template <IsTransport S>
class TransportOver final : public Transport {
 public:
  explicit TransportOver(S stream) : stream_(std::move(stream)) {}

  Bytes buffered() const noexcept override { return stream_.buffered(); }
  void consume(std::size_t count) override { stream_.consume(count); }
  void shutdown_write() override { stream_.shutdown_write(); }
  Task<> close() override { EDDY_DO(stream_.close()); }
  Socket* socket() override {
    if constexpr (requires { { stream_.socket() } -> std::same_as<Socket&>; }) {
      return &stream_.socket();
    } else {
      return nullptr;
    }
  }
  std::size_t write_now(Bytes bytes) noexcept override {
    if constexpr (std::same_as<S, eddy::Stream>) {
      return send_now(stream_, bytes);
    } else {
      return 0;
    }
  }

 private:
  void start_fill(TransportCall& call) override { call.make(stream_.fill()); }
  void start_write(TransportCall& call) override { call.make(stream_.write(call.bytes())); }

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
