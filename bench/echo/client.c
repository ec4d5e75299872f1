/* The client: connections that play ping-pong, each with one message on its way.
 *
 *   client PORT [--connections N] [--size BYTES] [--warmup SECONDS] [--cpu N] [--pid PID] [--gate]
 *          [--seconds S | --messages N] [--limit SECONDS]
 *
 * Each message is different, and what comes back is compared with it. The window begins when the
 * warm-up is over: with --gate it prints `ready` and waits for a line first. It prints one line of
 * JSON: messages in the window, its seconds, the 50th and 99th percentile of the time from one
 * message's batch to its answer's, and the processor time that process PID took in the window.
 * With --messages, exactly so many are sent, all of them in the window. Status 1: an answer was
 * wrong, the connection was lost or refused, or all was not over within the limit.
 *
 * It has to take less of its processor than the server of the other, or it is the client that is
 * measured. So it is on io_uring: one enter per turn, sends that report failures alone, and one
 * receive for all answers of a connection, into a ring of buffers; and on Reno, since BBR, where it
 * is the default, takes a timer per message. */
#define _GNU_SOURCE
#include "listen.h"

#include <getopt.h>
#include <liburing.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

struct connection {
  int fd;
  unsigned got; /* of the answer, so far */
  uint64_t sent_at;
  char *out;
};

enum { buffer_size = 4096, buffer_count = 1024 };

static struct {
  const char *port;
  unsigned connections;
  size_t size;
  double warmup, seconds;
  uint64_t messages;
  int cpu;
  pid_t pid;
  bool gate;
  unsigned limit;
} options = {NULL, 1, 64, 0.2, 1, 0, -1, 0, false, 10};

static struct io_uring ring;
static struct io_uring_buf_ring *buffers;
static char *buffer_memory;
static unsigned buffers_back; /* given back in this turn */
static struct connection *connections;
static uint64_t sequence;
static uint64_t to_send = UINT64_MAX; /* how many may still be sent */
static unsigned on_the_way;

/* 32 steps for each power of two. */
enum { steps = 32, powers = 40 };
static uint64_t histogram[powers * steps];
static uint64_t counted;

static uint64_t now_on(clockid_t clock) {
  struct timespec now;
  if (clock_gettime(clock, &now)) return 0;
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* All threads of the server, with what it is using just now. */
static uint64_t server_time(void) {
  clockid_t clock;
  if (!options.pid || clock_getcpuclockid(options.pid, &clock)) return 0;
  return now_on(clock);
}

static unsigned slot_of(uint64_t ns) {
  if (ns < steps) return (unsigned)ns;
  const unsigned power = 63 - (unsigned)__builtin_clzll(ns);
  const unsigned slot = (power - 4) * steps + (unsigned)((ns >> (power - 5)) & (steps - 1));
  return slot < powers * steps ? slot : powers * steps - 1;
}

static double percentile(double part) {
  uint64_t seen = 0;
  const uint64_t wanted = (uint64_t)(part * (double)counted);
  for (unsigned slot = 0; slot < powers * steps; ++slot) {
    seen += histogram[slot];
    if (seen <= wanted) continue;
    if (slot < steps) return slot;
    return (double)(1ull << (slot / steps + 4)) * (1 + (slot % steps + 0.5) / steps);
  }
  return 0;
}

static void too_late(int signal) {
  (void)signal;
  static const char text[] = "client: no answer within the limit\n";
  if (write(2, text, sizeof text - 1)) _exit(1);
  _exit(1);
}

static void fail(const char *what) {
  fprintf(stderr, "client: %s\n", what);
  exit(1);
}

static struct io_uring_sqe *entry(void) {
  struct io_uring_sqe *sqe;
  while (!(sqe = io_uring_get_sqe(&ring))) io_uring_submit(&ring);
  return sqe;
}

static void give_back(unsigned buffer) {
  io_uring_buf_ring_add(buffers, buffer_memory + (size_t)buffer * buffer_size, buffer_size,
                        (unsigned short)buffer, io_uring_buf_ring_mask(buffer_count),
                        (int)buffers_back++);
}

static void publish_buffers(void) {
  io_uring_buf_ring_advance(buffers, (int)buffers_back);
  buffers_back = 0;
}

/* One receive for all that comes, until it ends for want of a buffer. */
static void receive(struct connection *connection) {
  struct io_uring_sqe *sqe = entry();
  io_uring_prep_recv_multishot(sqe, (int)(connection - connections), NULL, 0, 0);
  sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
  sqe->buf_group = 0;
  sqe->user_data = (uint64_t)(uintptr_t)connection;
}

/* The next message, different from all others where 8 bytes suffice for that. */
static void send_next(struct connection *connection, uint64_t now) {
  if (to_send == 0) return;
  --to_send;
  ++sequence;
  memcpy(connection->out, &sequence,
         options.size < sizeof sequence ? options.size : sizeof sequence);
  const int file = (int)(connection - connections);
  struct io_uring_sqe *sqe = entry();
  io_uring_prep_send(sqe, file, connection->out, options.size, MSG_WAITALL | MSG_NOSIGNAL);
  sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
  sqe->user_data = 0;
  connection->sent_at = now;
  ++on_the_way;
}

static void on_answer(const struct io_uring_cqe *cqe, uint64_t now) {
  struct connection *connection = (void *)(uintptr_t)cqe->user_data;
  if (!connection) fail("a message could not be sent");
  if (cqe->res == -ENOBUFS) {
    receive(connection);
    return;
  }
  if (cqe->res <= 0) fail("a connection was lost");
  const unsigned buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
  const size_t size = (size_t)cqe->res;
  if (size > options.size - connection->got ||
      memcmp(connection->out + connection->got, buffer_memory + (size_t)buffer * buffer_size, size))
    fail("an answer is wrong");
  give_back(buffer);
  if (!(cqe->flags & IORING_CQE_F_MORE)) receive(connection);
  connection->got += (unsigned)size;
  if (connection->got < options.size) return;
  connection->got = 0;
  ++histogram[slot_of(now - connection->sent_at)];
  ++counted;
  --on_the_way;
  send_next(connection, now);
}

static void turn(void) {
  const int result = io_uring_submit_and_wait(&ring, 1);
  if (result < 0 && result != -EINTR) die("io_uring_enter", -result);
  const uint64_t now = now_on(CLOCK_MONOTONIC);
  struct io_uring_cqe *cqe;
  unsigned head, count = 0;
  io_uring_for_each_cqe(&ring, head, cqe) {
    on_answer(cqe, now);
    ++count;
  }
  io_uring_cq_advance(&ring, count);
  publish_buffers();
}

static void turn_until(uint64_t end) {
  while (now_on(CLOCK_MONOTONIC) < end) turn();
}

static void connect_all(void) {
  const struct sockaddr_in address = loopback(options.port);
  const int one = 1;
  int *files = calloc(options.connections, sizeof *files);
  connections = calloc(options.connections, sizeof *connections);
  for (unsigned i = 0; i < options.connections; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address))
      die("client: connect", errno);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
    files[i] = connections[i].fd = fd;
    connections[i].out = malloc(options.size);
    for (size_t at = 0; at < options.size; ++at)
      connections[i].out[at] = (char)(at * 7 + i);
  }
  const int result = io_uring_register_files(&ring, files, options.connections);
  if (result < 0) die("io_uring_register_files", -result);
  free(files);
  for (unsigned i = 0; i < options.connections; ++i) receive(&connections[i]);
}

static void set_up_buffers(void) {
  struct io_uring_buf_reg registration;
  memset(&registration, 0, sizeof registration);
  void *memory;
  if (posix_memalign(&memory, 4096, buffer_count * sizeof(struct io_uring_buf)) ||
      posix_memalign((void **)&buffer_memory, 4096, (size_t)buffer_count * buffer_size))
    die("memory", ENOMEM);
  buffers = memory;
  registration.ring_addr = (uint64_t)(uintptr_t)memory;
  registration.ring_entries = buffer_count;
  const int result = io_uring_register_buf_ring(&ring, &registration, 0);
  if (result < 0) die("io_uring_register_buf_ring", -result);
  io_uring_buf_ring_init(buffers);
  for (unsigned buffer = 0; buffer < buffer_count; ++buffer) give_back(buffer);
  publish_buffers();
}

static void set_up_ring(void) {
  struct io_uring_params params;
  memset(&params, 0, sizeof params);
  params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SINGLE_ISSUER |
                 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL;
  params.cq_entries = 4096;
  const int result = io_uring_queue_init_params(256, &ring, &params);
  if (result < 0) die("io_uring_setup", -result);
  io_uring_register_ring_fd(&ring);
  set_up_buffers();
}

static void start_all(void) {
  const uint64_t now = now_on(CLOCK_MONOTONIC);
  for (unsigned i = 0; i < options.connections; ++i) send_next(&connections[i], now);
}

/* Everything that is on its way comes home, so that a window begins or ends with nothing pending. */
static void drain(void) {
  to_send = 0;
  while (on_the_way) turn();
}

static void wait_for_gate(void) {
  char line[16];
  puts("ready");
  fflush(stdout);
  if (!fgets(line, sizeof line, stdin)) exit(1);
}

static void measure(void) {
  memset(histogram, 0, sizeof histogram);
  counted = 0;
  const uint64_t used = server_time(), start = now_on(CLOCK_MONOTONIC);
  if (options.messages) {
    to_send = options.messages;
    start_all();
    while (on_the_way) turn();
  } else {
    turn_until(start + (uint64_t)(options.seconds * 1e9));
  }
  const uint64_t end = now_on(CLOCK_MONOTONIC), used_now = server_time();
  printf("{\"messages\": %llu, \"seconds\": %.9f, \"p50_us\": %.3f, \"p99_us\": %.3f, "
         "\"server_ns\": %llu}\n",
         (unsigned long long)counted, (double)(end - start) * 1e-9, percentile(0.5) * 1e-3,
         percentile(0.99) * 1e-3, (unsigned long long)(used_now - used));
  fflush(stdout);
}

static void parse(int argc, char **argv) {
  static const struct option names[] = {
      {"connections", required_argument, NULL, 'c'}, {"size", required_argument, NULL, 's'},
      {"warmup", required_argument, NULL, 'w'},      {"seconds", required_argument, NULL, 't'},
      {"messages", required_argument, NULL, 'n'},    {"cpu", required_argument, NULL, 'u'},
      {"pid", required_argument, NULL, 'p'},         {"gate", no_argument, NULL, 'g'},
      {"limit", required_argument, NULL, 'l'},       {NULL, 0, NULL, 0}};
  int option;
  while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
    switch (option) {
      case 'c': options.connections = (unsigned)atoi(optarg); break;
      case 's': options.size = (size_t)atoll(optarg); break;
      case 'w': options.warmup = atof(optarg); break;
      case 't': options.seconds = atof(optarg); break;
      case 'n': options.messages = (uint64_t)atoll(optarg); break;
      case 'u': options.cpu = atoi(optarg); break;
      case 'p': options.pid = atoi(optarg); break;
      case 'g': options.gate = true; break;
      case 'l': options.limit = (unsigned)atoi(optarg); break;
      default: exit(2);
    }
  }
  if (optind != argc - 1 || !options.connections || !options.size) {
    fprintf(stderr, "usage: client PORT [--connections N] [--size BYTES] [--warmup SECONDS]\n"
                    "  [--cpu N] [--pid PID] [--gate] [--seconds S | --messages N] [--limit S]\n");
    exit(2);
  }
  options.port = argv[optind];
}

static void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set)) die("sched_setaffinity", errno);
}

int main(int argc, char **argv) {
  parse(argc, argv);
  if (options.cpu >= 0) pin(options.cpu);
  signal(SIGALRM, too_late);
  alarm(options.limit);
  set_up_ring();
  connect_all();
  if (options.warmup > 0) {
    start_all();
    turn_until(now_on(CLOCK_MONOTONIC) + (uint64_t)(options.warmup * 1e9));
  }
  if (options.gate || options.messages) drain();
  if (options.gate) wait_for_gate();
  to_send = UINT64_MAX;
  if (!options.messages && !on_the_way) start_all();
  measure();
  drain();
  return 0;
}
