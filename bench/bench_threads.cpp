// A function that does nothing, on a thread and back: one after the other, and many at a time.
//
// The twins: a pool of threads with a condition variable, written by hand, that tells who waits by
// another one; and Asio's thread_pool that tells an io_context.
#include "harness.hpp"

#include <eddy/core/spawn.hpp>
#include <eddy/work/to_thread.hpp>

#if __has_include(<asio.hpp>)
#include <asio.hpp>
#define BENCH_HAS_ASIO 1
#endif

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t together = 100;
constexpr unsigned threads = 2;

void nothing() {}

class PlainPool {
 public:
  PlainPool() {
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  ~PlainPool() {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_all();
  }
  void submit(std::function<void()> function) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(function));
    }
    wake_.notify_one();
  }

 private:
  void work() {
    bench::move_away();
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (ending_) return;
      const auto function = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      function();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool ending_ = false;
  std::vector<std::jthread> threads_;
};

class Countdown {
 public:
  void expect(std::size_t count) { left_ = count; }
  void count() {
    std::lock_guard lock(mutex_);
    if (--left_ == 0) ended_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return left_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t left_ = 0;
};

void call_plainly(PlainPool& pool, std::size_t count, std::size_t at_once) {
  static Countdown countdown;
  for (std::size_t done = 0; done < count; done += at_once) {
    countdown.expect(at_once);
    for (std::size_t i = 0; i < at_once; ++i) pool.submit([] { countdown.count(); });
    countdown.wait();
  }
}

eddy::Task<> call(eddy::ThreadPool& pool, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) co_await pool.submit(nothing);
}

eddy::Task<> call_together(eddy::ThreadPool& pool, std::size_t count) {
  std::array<eddy::JoinHandle<>, together> calls;
  for (std::size_t done = 0; done < count; done += together) {
    for (auto& each : calls) each = eddy::spawn(pool.submit(nothing));
    for (auto& each : calls) co_await each;
  }
}

// A thread inherits where its maker may run.
void let_threads_run_elsewhere(eddy::ThreadPool& pool, eddy::Loop& loop) {
  loop.run([](eddy::ThreadPool& of) -> eddy::Task<> {
    for (unsigned i = 0; i < 64; ++i) co_await of.submit(bench::move_away);
  }(pool));
}

#ifdef BENCH_HAS_ASIO
class AsioPool {
 public:
  AsioPool() {
    for (unsigned i = 0; i < 64; ++i) asio::post(pool_, bench::move_away);
  }
  void call(std::size_t count, std::size_t at_once) {
    for (std::size_t done = 0; done < count; done += at_once) {
      std::size_t left = at_once;
      for (std::size_t i = 0; i < at_once; ++i) {
        asio::post(pool_, [this, &left] {
          nothing();
          asio::post(loop_, [&left] { --left; });
        });
      }
      while (left > 0) loop_.run_one();
    }
  }

 private:
  asio::io_context loop_{1};
  asio::executor_work_guard<asio::io_context::executor_type> stays_{loop_.get_executor()};
  asio::thread_pool pool_{threads};
};
#endif

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  static eddy::ThreadPool pool(threads);
  static PlainPool plain;
  let_threads_run_elsewhere(pool, loop);
  const bench::Side one = [](std::size_t count) { loop.run(call(pool, count)); };
  const bench::Side many = [](std::size_t count) { loop.run(call_together(pool, count)); };
  bench::add({.name = "thread call, one by one",
              .eddy = one,
              .twin_name = "condition variables",
              .twin = [](std::size_t count) { call_plainly(plain, count, 1); },
              .clock = bench::Clock::wall});
  bench::add({.name = "thread call, 100 at once",
              .eddy = many,
              .twin_name = "condition variables",
              .twin = [](std::size_t count) { call_plainly(plain, count, together); },
              .grain = together,
              .clock = bench::Clock::wall});
#ifdef BENCH_HAS_ASIO
  static AsioPool asio_pool;
  bench::add({.name = "thread call, one by one",
              .eddy = one,
              .twin_name = "asio::thread_pool",
              .twin = [](std::size_t count) { asio_pool.call(count, 1); },
              .goal = bench::ahead(),
              .clock = bench::Clock::wall});
  bench::add({.name = "thread call, 100 at once",
              .eddy = many,
              .twin_name = "asio::thread_pool",
              .twin = [](std::size_t count) { asio_pool.call(count, together); },
              .goal = bench::ahead(),
              .grain = together,
              .clock = bench::Clock::wall});
#endif
}
