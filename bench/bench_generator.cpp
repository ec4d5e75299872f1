// A step of a generator, beside two bare coroutines that switch to each other.
#include "harness.hpp"
#include "reference.hpp"

#include <eddy/core/spawn.hpp>
#include <eddy/flow/generator.hpp>

namespace {

eddy::Generator<std::size_t> numbers(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) co_yield i;
}
eddy::Task<> consume(std::size_t count) {
  auto source = numbers(count);
  std::size_t sum = 0;
  while (auto number = co_await source.next()) sum += *number;
  if (sum != count * (count - 1) / 2) std::terminate();
}

// By hand: one that makes numbers and one that takes them switch to each other.
struct Switch {
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) const noexcept {
    return std::exchange(other, frame);
  }
  void await_resume() const noexcept {}
  static inline std::coroutine_handle<> other;
  static inline std::size_t number = 0;
};
struct Pair {
  struct promise_type : reference::Frame {
    Pair get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
  };
  std::coroutine_handle<> frame;
};
Pair make(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    Switch::number = i;
    co_await Switch();
  }
}
Pair take(std::size_t count) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    co_await Switch();
    sum += Switch::number;
  }
  if (sum != count * (count - 1) / 2) std::terminate();
}

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  bench::add({.name = "generator, one value",
              .eddy = [](std::size_t count) { loop.run(consume(count)); },
              .twin_name = "two coroutines that switch",
              .twin =
                  [](std::size_t count) {
                    const Pair maker = make(count), taker = take(count);
                    Switch::other = maker.frame;
                    taker.frame.resume();
                    maker.frame.destroy();
                    taker.frame.destroy();
                  },
              .goal = bench::times(3)});
}
