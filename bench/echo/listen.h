/* Listening: what the servers in C share. */
#ifndef BENCH_ECHO_LISTEN_H
#define BENCH_ECHO_LISTEN_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static inline void die(const char *what, int error) {
  fprintf(stderr, "%s: %s\n", what, strerror(error));
  exit(1);
}

static inline struct sockaddr_in loopback(const char *port) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)atoi(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/* On 127.0.0.1. What is accepted inherits TCP_NODELAY, which saves a call for each connection. */
static inline int listen_on(const char *port, int type_flags) {
  struct sockaddr_in address = loopback(port);
  const int one = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ||
      bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096))
    die("listen", errno);
  return fd;
}

static inline void announce(void) {
  puts("listening");
  fflush(stdout);
}

#endif
