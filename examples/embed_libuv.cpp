// eddy inside of libuv's loop. Before that sleeps (uv_prepare), eddy's deadline() sets a timer; the
// timer or eddy's descriptor (uv_poll) turns eddy. Callbacks of libuv start tasks and stop them,
// and wake nobody: they run before libuv's loop prepares to sleep again. Both loops end together,
// when neither has anything left to do.
//
// Run:    examples/run embed_libuv
// Prints: what libuv's timer and eddy's tasks do, and whether libuv slept in between.
#include <eddy/eddy.hpp>

#include <uv.h>

#include <algorithm>
#include <iostream>

using namespace eddy;
using namespace std::chrono_literals;

// A loop that libuv turns.
class EddyInLibuv {
 public:
  explicit EddyInLibuv(uv_loop_t* host) {
    uv_prepare_init(host, &prepare_);
    uv_timer_init(host, &timer_);
    uv_poll_init(host, &poll_, loop_.fd());
    prepare_.data = timer_.data = poll_.data = this;
    uv_prepare_start(&prepare_, [](uv_prepare_t* handle) { of(*handle).prepare(); });
    uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* handle, int, int) { of(*handle).turn(); });
    // libuv goes on for as long as eddy has tasks.
    uv_unref(reinterpret_cast<uv_handle_t*>(&prepare_));
    uv_unref(reinterpret_cast<uv_handle_t*>(&timer_));
  }
  // What libuv holds is given back while its loop runs once more.
  void close() {
    uv_close(reinterpret_cast<uv_handle_t*>(&prepare_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&poll_), nullptr);
  }

  Loop& loop() noexcept { return loop_; }
  int turns() const noexcept { return turns_; }

 private:
  template <class Handle>
  static EddyInLibuv& of(Handle& handle) {
    return *static_cast<EddyInLibuv*>(handle.data);
  }

  void prepare() {
    if (const auto deadline = loop_.deadline()) {
      const auto left = *deadline - std::chrono::steady_clock::now();
      const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      uv_update_time(timer_.loop);  // the timer counts from when libuv last looked
      uv_timer_start(
          &timer_, [](uv_timer_t* handle) { of(*handle).turn(); },
          static_cast<std::uint64_t>(std::max<long>(milliseconds, 0)), 0);
      keep_host(true);
    } else {
      uv_timer_stop(&timer_);
    }
  }
  void turn() {
    ++turns_;
    keep_host(loop_.turn());
  }
  void keep_host(bool more) {
    auto* handle = reinterpret_cast<uv_handle_t*>(&poll_);
    more ? uv_ref(handle) : uv_unref(handle);
  }

  Loop loop_;
  uv_prepare_t prepare_;
  uv_timer_t timer_;
  uv_poll_t poll_;
  int turns_ = 0;
};

static Task<> reader() {
  std::cout << "eddy: read " << co_await read_text("/proc/sys/kernel/ostype");
}

// A timer of libuv's that starts eddy's tasks and stops them.
class Application {
 public:
  explicit Application(uv_loop_t* host) : host_(host), eddy_(host) {}

  void run() {
    uv_timer_init(host_, &timer_);
    timer_.data = this;
    uv_timer_start(
        &timer_, [](uv_timer_t* timer) { static_cast<Application*>(timer->data)->every_5_ms(); },
        5, 5);
    uv_run(host_, UV_RUN_DEFAULT);
    std::cout << (eddy_.turns() < 60 ? "libuv slept in between\n" : "libuv was kept busy\n");
    eddy_.close();
    uv_run(host_, UV_RUN_DEFAULT);
  }

 private:
  void every_5_ms() {
    if (!ticking_.valid()) {
      std::cout << "libuv: starts eddy's tasks\n";
      ticking_ = eddy_.loop().spawn(ticker());
      eddy_.loop().spawn(reader());
      ticking_.on_done([](const TaskHandle& task) {
        std::cout << "eddy: the ticker " << (task.cancelled() ? "was cancelled\n" : "has ended\n");
      });
    } else if (ticks_ == 3) {
      std::cout << "libuv: stops the ticker, and its own timer\n";
      ticking_.cancel();
      uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
    }
  }
  Task<> ticker() {
    while (ticks_ < 3) {
      co_await sleep(20ms);
      std::cout << "eddy: tick " << ++ticks_ << '\n';
    }
    co_await sleep(1h);
  }

  uv_loop_t* host_;
  EddyInLibuv eddy_;
  uv_timer_t timer_{};
  JoinHandle<> ticking_;
  int ticks_ = 0;
};

int main() {
  Application(uv_default_loop()).run();
  return uv_loop_close(uv_default_loop()) == 0 ? 0 : 1;
}
