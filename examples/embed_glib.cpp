// eddy inside of GLib's main loop, as a GTK program would have it: a GSource turns the loop. Before
// GLib sleeps it asks the source (prepare), which asks eddy's deadline(); it wakes for eddy's
// descriptor or that deadline (check), and turns eddy (dispatch). Callbacks of GLib start tasks and
// stop them, and need not wake anybody: they run before GLib asks again.
//
// Run:    examples/run embed_glib
// Prints: what GLib's timeouts and eddy's tasks do, and whether GLib slept in between.
#include <eddy/eddy.hpp>

#include <glib.h>

#include <algorithm>
#include <iostream>

using namespace eddy;
using namespace std::chrono_literals;

// Milliseconds until eddy must be turned, rounded up; -1 for as long as nothing happens.
static int until(std::optional<Instant> deadline) {
  if (!deadline) return -1;
  const auto left = *deadline - std::chrono::steady_clock::now();
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<long>(milliseconds, 0, G_MAXINT));
}

// A loop that GLib's default context turns for as long as this lives.
class EddyInGLib {
 public:
  EddyInGLib() : source_(g_source_new(&functions, sizeof(Source))) {
    reinterpret_cast<Source*>(source_)->eddy = this;
    readable_ = g_source_add_unix_fd(source_, loop_.fd(), G_IO_IN);
    g_source_attach(source_, nullptr);
  }
  ~EddyInGLib() {
    g_source_destroy(source_);
    g_source_unref(source_);
  }
  EddyInGLib(const EddyInGLib&) = delete;
  EddyInGLib& operator=(const EddyInGLib&) = delete;

  Loop& loop() noexcept { return loop_; }
  int turns() const noexcept { return turns_; }

 private:
  // GLib's part, and what follows it in the same memory.
  struct Source {
    GSource head;
    EddyInGLib* eddy;
  };
  static EddyInGLib& of(GSource* source) { return *reinterpret_cast<Source*>(source)->eddy; }

  static gboolean prepare(GSource* source, gint* timeout) {
    *timeout = until(of(source).loop_.deadline());
    return *timeout == 0;
  }
  static gboolean check(GSource* source) {
    return g_source_query_unix_fd(source, of(source).readable_) != 0 ||
           until(of(source).loop_.deadline()) == 0;
  }
  static gboolean dispatch(GSource* source, GSourceFunc, gpointer) {
    ++of(source).turns_;
    of(source).loop_.turn();
    return G_SOURCE_CONTINUE;
  }
  static inline GSourceFuncs functions{&prepare, &check, &dispatch, nullptr, nullptr, nullptr};

  Loop loop_;
  GSource* source_;
  gpointer readable_;
  int turns_ = 0;
};

static Task<> reader() {
  std::cout << "eddy: read " << co_await read_text("/proc/sys/kernel/ostype");
}

// What a window would have: eddy's loop, the task that a button starts and stops, the way out.
class Application {
 public:
  Application() : main_(g_main_loop_new(nullptr, false)) {}
  ~Application() { g_main_loop_unref(main_); }
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  void run() {
    g_timeout_add(5, &call_back, this);
    g_main_loop_run(main_);
    std::cout << (eddy_.turns() < 60 ? "GLib slept in between\n" : "GLib was kept busy\n");
  }

 private:
  static gboolean call_back(gpointer data) {
    static_cast<Application*>(data)->every_5_ms();
    return G_SOURCE_CONTINUE;
  }
  void every_5_ms() {
    if (!ticking_.valid()) {
      std::cout << "GLib: starts eddy's tasks\n";
      ticking_ = eddy_.loop().spawn(ticker());
      eddy_.loop().spawn(reader());
      ticking_.on_done([this](const TaskHandle& task) { ended(task); });
    } else if (ticks_ == 3 && ticking_.cancelling() == 0) {
      std::cout << "GLib: stops the ticker\n";
      ticking_.cancel();
    }
  }
  Task<> ticker() {
    while (ticks_ < 3) {
      co_await sleep(20ms);
      std::cout << "eddy: tick " << ++ticks_ << '\n';
    }
    co_await sleep(1h);
  }
  void ended(const TaskHandle& task) {
    std::cout << "eddy: the ticker " << (task.cancelled() ? "was cancelled\n" : "has ended\n");
    g_main_loop_quit(main_);
  }

  GMainLoop* main_;
  EddyInGLib eddy_;
  JoinHandle<> ticking_;
  int ticks_ = 0;
};

int main() {
  Application application;
  application.run();
}
