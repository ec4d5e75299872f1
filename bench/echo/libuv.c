/* libuv, with uv_try_write: it sends at once, and only what the kernel does not take is queued.
 *
 *   libuv PORT */
#define _GNU_SOURCE
#include "listen.h"

#include <uv.h>

enum { buffer_size = 4096 };

struct connection {
  uv_tcp_t tcp;
  uv_write_t write;
  char buffer[buffer_size];
};

static void start(uv_stream_t *stream);

static void on_closed(uv_handle_t *handle) { free(handle); }

static void end(uv_stream_t *stream) {
  if (!uv_is_closing((uv_handle_t *)stream)) uv_close((uv_handle_t *)stream, on_closed);
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  (void)suggested;
  *buffer = uv_buf_init(((struct connection *)handle)->buffer, buffer_size);
}

static void on_written(uv_write_t *write, int status) {
  if (status < 0)
    end(write->handle);
  else
    start(write->handle);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
  (void)buffer;
  struct connection *connection = (struct connection *)stream;
  if (got == 0) return;
  if (got < 0) {
    end(stream);
    return;
  }
  uv_buf_t bytes = uv_buf_init(connection->buffer, (unsigned)got);
  int sent = uv_try_write(stream, &bytes, 1);
  if (sent == (int)got) return;
  if (sent < 0 && sent != UV_EAGAIN) {
    end(stream);
    return;
  }
  /* The rest stands in the one buffer: no reading until it has gone. */
  if (sent < 0) sent = 0;
  bytes = uv_buf_init(connection->buffer + sent, (unsigned)(got - sent));
  uv_read_stop(stream);
  if (uv_write(&connection->write, stream, &bytes, 1, on_written)) end(stream);
}

static void start(uv_stream_t *stream) {
  if (uv_read_start(stream, give_buffer, on_read)) end(stream);
}

static void on_connection(uv_stream_t *listener, int status) {
  if (status < 0) return;
  struct connection *connection = malloc(sizeof *connection);
  uv_tcp_init(listener->loop, &connection->tcp);
  if (uv_accept(listener, (uv_stream_t *)&connection->tcp)) {
    end((uv_stream_t *)&connection->tcp);
    return;
  }
  uv_tcp_nodelay(&connection->tcp, 1);
  start((uv_stream_t *)&connection->tcp);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: libuv PORT\n");
    return 2;
  }
  const struct sockaddr_in address = loopback(argv[1]);
  uv_loop_t *loop = uv_default_loop();
  uv_tcp_t listener;
  uv_tcp_init(loop, &listener);
  int error = uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0);
  if (!error) error = uv_listen((uv_stream_t *)&listener, 4096, on_connection);
  if (error) die("listen", -error);
  announce();
  return uv_run(loop, UV_RUN_DEFAULT);
}
