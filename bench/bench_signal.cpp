// A signal that the process sends to itself, until the task that waits for it goes on.
//
// The twins: a signalfd that is read through raw liburing, with the signal blocked, as it has to
// be in every thread of such a program; and Asio's signal_set, whose handler writes into a pipe.
#include "harness.hpp"
#include "raw_ring.hpp"

#include <eddy/core/spawn.hpp>
#include <eddy/core/task.hpp>
#include <eddy/sync/signals.hpp>

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#if __has_include(<asio.hpp>)
#include <asio.hpp>
#define BENCH_HAS_ASIO 1
#endif

#include <cstdlib>

namespace {

constexpr int number = SIGUSR1;

void send() {
  if (::kill(::getpid(), number) < 0) std::abort();
}

eddy::Task<> receive(std::size_t count) {
  eddy::Signals signals({number});
  for (std::size_t i = 0; i < count; ++i) {
    send();
    if (co_await signals.next() != number) std::abort();
  }
}

// Blocked only while this side runs: the others have a handler.
class SignalFile {
 public:
  SignalFile() {
    ::sigemptyset(&mask_);
    ::sigaddset(&mask_, number);
    fd_ = ::signalfd(-1, &mask_, SFD_CLOEXEC);
    if (fd_ < 0) std::abort();
  }
  SignalFile(const SignalFile&) = delete;
  SignalFile& operator=(const SignalFile&) = delete;
  ~SignalFile() { ::close(fd_); }

  void receive(std::size_t count) {
    ::sigprocmask(SIG_BLOCK, &mask_, nullptr);
    for (std::size_t i = 0; i < count; ++i) {
      send();
      wait();
    }
    ::sigprocmask(SIG_UNBLOCK, &mask_, nullptr);
  }

 private:
  void wait() {
    signalfd_siginfo came{};
    io_uring_prep_read(ring_.entry(), fd_, &came, sizeof came, 0);
    ring_.turn(1, [](const io_uring_cqe& cqe) { bench::RawRing::check(cqe.res); });
    if (came.ssi_signo != number) std::abort();
  }

  bench::RawRing ring_;
  sigset_t mask_;
  int fd_;
};

#ifdef BENCH_HAS_ASIO
void receive_by_asio(asio::io_context& loop, std::size_t count) {
  asio::signal_set signals(loop, number);
  for (std::size_t i = 0; i < count; ++i) {
    int came = 0;
    signals.async_wait([&came](const asio::error_code&, int which) { came = which; });
    send();
    while (came == 0) loop.run_one();
    if (came != number) std::abort();
  }
}
#endif

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  static SignalFile file;
  const bench::Side own = [](std::size_t count) { loop.run(receive(count)); };
  bench::add({.name = "signal to wake-up",
              .eddy = own,
              .twin_name = "signalfd, liburing",
              .twin = [](std::size_t count) { file.receive(count); }});
#ifdef BENCH_HAS_ASIO
  static asio::io_context asio_loop(1);
  static const auto stays = asio::make_work_guard(asio_loop);
  bench::add({.name = "signal to wake-up",
              .eddy = own,
              .twin_name = "asio::signal_set",
              .twin = [](std::size_t count) { receive_by_asio(asio_loop, count); },
              .goal = bench::ahead()});
#endif
}
