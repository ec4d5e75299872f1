// Asio, with coroutines: faster here than its callbacks. No locks, since there is one thread.
//
//   asio PORT
#include <utility>  // Asio 1.22 uses it and does not say so

#include <asio.hpp>
#include <asio/experimental/as_tuple.hpp>

#include <cstdio>
#include <cstdlib>

using asio::ip::tcp;

// With the executor's own type, for calls through a general one cost; and errors come as values.
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using Awaitable = asio::awaitable<void, Executor>;
constexpr asio::use_awaitable_t<Executor> use_awaitable;
constexpr auto as_tuple = asio::experimental::as_tuple(use_awaitable);

static Awaitable echo(Socket socket) {
  char buffer[4096];
  for (;;) {
    auto [read_error, got] = co_await socket.async_read_some(asio::buffer(buffer), as_tuple);
    if (read_error) co_return;
    auto [write_error, sent] =
        co_await asio::async_write(socket, asio::buffer(buffer, got), as_tuple);
    if (write_error) co_return;
  }
}

static Awaitable serve(Acceptor& acceptor) {
  for (;;) {
    Socket socket = co_await acceptor.async_accept(use_awaitable);
    socket.set_option(tcp::no_delay(true));
    asio::co_spawn(acceptor.get_executor(), echo(std::move(socket)), asio::detached);
  }
}

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: asio PORT\n");
    return 2;
  }
  asio::io_context loop(ASIO_CONCURRENCY_HINT_UNSAFE);
  const auto port = static_cast<unsigned short>(std::atoi(argv[1]));
  Acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), port));
  acceptor.listen(4096);
  asio::co_spawn(loop, serve(acceptor), asio::detached);
  std::puts("listening");
  std::fflush(stdout);
  loop.run();
}
