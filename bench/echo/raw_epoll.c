/* Raw epoll: what a careful hand writes without a library.
 *
 *   raw_epoll PORT
 *
 * Edge-triggered, which saves the kernel a second look at each socket. A short receive proves that
 * nothing more is there, unless the peer has closed, and that is told by EPOLLRDHUP. The answer is
 * sent at once; only what the kernel does not take waits for EPOLLOUT. */
#define _GNU_SOURCE
#include "listen.h"

#include <sys/epoll.h>
#include <unistd.h>

enum { buffer_size = 4096, batch = 512 };

struct connection {
  int fd;
  int start, end; /* of what the kernel did not take yet */
  char buffer[buffer_size];
};

static int poller;

static void watch(struct connection *connection, int operation, unsigned events) {
  struct epoll_event event = {.events = events | EPOLLET, .data.ptr = connection};
  if (epoll_ctl(poller, operation, connection->fd, &event)) die("epoll_ctl", errno);
}

static void accept_all(int listener) {
  for (;;) {
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    struct connection *connection = malloc(sizeof *connection);
    connection->fd = fd;
    connection->start = connection->end = 0;
    watch(connection, EPOLL_CTL_ADD, EPOLLIN | EPOLLRDHUP);
  }
}

static void end(struct connection *connection) {
  close(connection->fd);
  free(connection);
}

/* 1: all sent; 0: the kernel takes no more; -1: the connection is lost. */
static int flush(struct connection *connection) {
  while (connection->start < connection->end) {
    const ssize_t sent = send(connection->fd, connection->buffer + connection->start,
                              (size_t)(connection->end - connection->start), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN ? 0 : -1;
    connection->start += (int)sent;
  }
  return 1;
}

static void serve(struct connection *connection, unsigned events) {
  if (connection->start < connection->end) {
    const int done = flush(connection);
    if (done < 0) {
      end(connection);
      return;
    }
    if (done == 0) return;
    watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLRDHUP);
    events |= EPOLLRDHUP; /* what came meanwhile has to be looked for */
  }
  for (;;) {
    const ssize_t got = recv(connection->fd, connection->buffer, buffer_size, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      end(connection);
      return;
    }
    connection->start = 0;
    connection->end = (int)got;
    const int done = flush(connection);
    if (done < 0) {
      end(connection);
      return;
    }
    if (done == 0) {
      watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLRDHUP | EPOLLOUT);
      return;
    }
    if (got < buffer_size && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) return;
  }
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: raw_epoll PORT\n");
    return 2;
  }
  const int listener = listen_on(argv[1], SOCK_NONBLOCK);
  struct epoll_event events[batch] = {{.events = EPOLLIN, .data.ptr = NULL}};
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, events)) die("epoll", errno);
  announce();
  for (;;) {
    const int count = epoll_wait(poller, events, batch, -1);
    if (count < 0 && errno != EINTR) die("epoll_wait", errno);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr)
        serve(events[i].data.ptr, events[i].events);
      else
        accept_all(listener);
    }
  }
}
