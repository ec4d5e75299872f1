/* Raw liburing: what a careful hand writes without a library.
 *
 *   raw_uring PORT plain        a receive into the connection's own memory, then a send, in turn
 *   raw_uring PORT multishot    one receive stays for all messages, into a ring of buffers
 *
 * Accepting is multishot, descriptors live in the ring's table, one enter per turn, one step of the
 * completion queue per batch. */
#define _GNU_SOURCE
#include "listen.h"

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

enum { buffer_size = 4096, buffer_count = 1024, most_files = 8192 };

struct connection {
  int file; /* in the ring's table */
  unsigned pending_sends;
  bool armed;
  bool ended;
  bool starved; /* its receive ended for want of a buffer */
  struct connection *next_starved;
  char buffer[]; /* of the plain variant */
};

/* In the low bits of the user data; the rest is the connection. */
enum tag { tag_accept, tag_receive, tag_send, tag_close };
/* With multishot, the buffer of a send stands above the address. */
enum { buffer_shift = 48 };

static struct io_uring ring;
static struct io_uring_buf_ring *buffers;
static char *buffer_memory;
static unsigned buffers_back; /* given back in this batch */
static struct connection *starved;
static int listener;
static bool multishot;

static struct io_uring_sqe *entry(struct connection *connection, enum tag tag, unsigned buffer) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
  while (!sqe) {
    io_uring_submit(&ring);
    sqe = io_uring_get_sqe(&ring);
  }
  sqe->user_data = (uint64_t)(uintptr_t)connection | tag | (uint64_t)buffer << buffer_shift;
  return sqe;
}

/* The prepare functions leave the user data alone, and set the flags anew. */
static void accept_all(void) {
  io_uring_prep_multishot_accept_direct(entry(NULL, tag_accept, 0), listener, NULL, NULL, 0);
}

/* `how`: IORING_RECVSEND_POLL_FIRST where nothing can be there yet. */
static void receive(struct connection *connection, unsigned short how) {
  struct io_uring_sqe *sqe = entry(connection, tag_receive, 0);
  if (multishot) {
    io_uring_prep_recv_multishot(sqe, connection->file, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = 0;
  } else {
    io_uring_prep_recv(sqe, connection->file, connection->buffer, buffer_size, 0);
    sqe->ioprio = how;
  }
  sqe->flags |= IOSQE_FIXED_FILE;
  connection->armed = true;
}

static void send_back(struct connection *connection, char *from, int size, unsigned buffer) {
  struct io_uring_sqe *sqe = entry(connection, tag_send, buffer);
  io_uring_prep_send(sqe, connection->file, from, (size_t)size, MSG_WAITALL | MSG_NOSIGNAL);
  sqe->flags |= IOSQE_FIXED_FILE;
  ++connection->pending_sends;
}

static void give_back(unsigned buffer) {
  io_uring_buf_ring_add(buffers, buffer_memory + (size_t)buffer * buffer_size, buffer_size,
                        (unsigned short)buffer, io_uring_buf_ring_mask(buffer_count),
                        (int)buffers_back++);
}

static void close_if_idle(struct connection *connection) {
  if (!connection->ended || connection->armed || connection->pending_sends) return;
  io_uring_prep_close_direct(entry(NULL, tag_close, 0), (unsigned)connection->file);
  free(connection);
}

static void on_accept(const struct io_uring_cqe *cqe) {
  if (cqe->res >= 0) {
    struct connection *connection =
        calloc(1, sizeof *connection + (multishot ? 0 : (size_t)buffer_size));
    connection->file = cqe->res;
    receive(connection, IORING_RECVSEND_POLL_FIRST);
  }
  if (!(cqe->flags & IORING_CQE_F_MORE)) accept_all();
}

static void on_receive(struct connection *connection, const struct io_uring_cqe *cqe) {
  if (!(cqe->flags & IORING_CQE_F_MORE)) connection->armed = false;
  if (cqe->res > 0 && multishot) {
    const unsigned buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    send_back(connection, buffer_memory + (size_t)buffer * buffer_size, cqe->res, buffer);
    if (!connection->armed && !connection->ended) receive(connection, 0);
  } else if (cqe->res > 0) {
    send_back(connection, connection->buffer, cqe->res, 0);
  } else if (cqe->res == -ENOBUFS) {
    connection->starved = true;
    connection->next_starved = starved;
    starved = connection;
  } else {
    connection->ended = true;
    close_if_idle(connection);
  }
}

static void on_send(struct connection *connection, const struct io_uring_cqe *cqe) {
  --connection->pending_sends;
  if (multishot) give_back((unsigned)(cqe->user_data >> buffer_shift));
  if (cqe->res < 0) connection->ended = true;
  if (!multishot && !connection->ended)
    receive(connection, IORING_RECVSEND_POLL_FIRST);
  else if (connection->ended && !connection->starved)
    close_if_idle(connection);
}

/* Buffers have come back: what had to stop for want of one goes on. */
static void feed_starved(void) {
  struct connection *connection = starved;
  starved = NULL;
  while (connection) {
    struct connection *next = connection->next_starved;
    connection->starved = false;
    if (connection->ended)
      close_if_idle(connection);
    else
      receive(connection, 0);
    connection = next;
  }
}

static void dispatch(const struct io_uring_cqe *cqe) {
  struct connection *connection =
      (void *)(uintptr_t)(cqe->user_data & ((1ULL << buffer_shift) - 1) & ~7ULL);
  switch (cqe->user_data & 7) {
    case tag_accept: on_accept(cqe); break;
    case tag_receive: on_receive(connection, cqe); break;
    case tag_send: on_send(connection, cqe); break;
    default: break;
  }
}

static void set_up(void) {
  struct io_uring_params params;
  memset(&params, 0, sizeof params);
  params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SINGLE_ISSUER |
                 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL;
  params.cq_entries = 4096;
  int result = io_uring_queue_init_params(256, &ring, &params);
  if (result < 0) die("io_uring_setup", -result);
  io_uring_register_ring_fd(&ring);
  result = io_uring_register_files_sparse(&ring, most_files);
  if (result < 0) die("io_uring_register_files_sparse", -result);
  if (!multishot) return;

  struct io_uring_buf_reg registration;
  memset(&registration, 0, sizeof registration);
  void *memory;
  if (posix_memalign(&memory, 4096, buffer_count * sizeof(struct io_uring_buf)) ||
      posix_memalign((void **)&buffer_memory, 4096, (size_t)buffer_count * buffer_size))
    die("memory", ENOMEM);
  memset(memory, 0, buffer_count * sizeof(struct io_uring_buf));
  buffers = memory;
  registration.ring_addr = (uint64_t)(uintptr_t)memory;
  registration.ring_entries = buffer_count;
  result = io_uring_register_buf_ring(&ring, &registration, 0);
  if (result < 0) die("io_uring_register_buf_ring", -result);
  io_uring_buf_ring_init(buffers);
  for (unsigned buffer = 0; buffer < buffer_count; ++buffer) give_back(buffer);
  io_uring_buf_ring_advance(buffers, (int)buffers_back);
  buffers_back = 0;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: raw_uring PORT plain|multishot\n");
    return 2;
  }
  multishot = strcmp(argv[2], "multishot") == 0;
  listener = listen_on(argv[1], 0);
  set_up();
  accept_all();
  announce();
  for (;;) {
    const int result = io_uring_submit_and_wait(&ring, 1);
    if (result < 0 && result != -EINTR && result != -EBUSY) die("io_uring_enter", -result);
    struct io_uring_cqe *cqe;
    unsigned head, count = 0;
    io_uring_for_each_cqe(&ring, head, cqe) {
      dispatch(cqe);
      ++count;
    }
    io_uring_cq_advance(&ring, count);
    if (buffers_back) {
      io_uring_buf_ring_advance(buffers, (int)buffers_back);
      buffers_back = 0;
      if (starved) feed_starved();
    }
  }
}
