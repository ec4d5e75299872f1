// One event that wakes a thousand tasks, again and again.
#include "harness.hpp"
#include "reference.hpp"

#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/sync/event.hpp>

namespace {

constexpr std::size_t waiters = 1000;

eddy::Task<> wait_often(eddy::Event& event, std::size_t rounds) {
  for (std::size_t i = 0; i < rounds; ++i) co_await event.wait();
}
eddy::Task<> broadcast(std::size_t rounds) {
  eddy::Event event;
  for (std::size_t i = 0; i < waiters; ++i) eddy::spawn(wait_often(event, rounds));
  for (std::size_t i = 0; i < rounds; ++i) {
    co_await eddy::yield();
    event.set();
    event.clear();
  }
  co_await eddy::yield();
}

struct PlainEvent {
  struct Wait : reference::Node {
    explicit Wait(PlainEvent& owner) noexcept : event(owner) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> suspended) noexcept {
      frame = suspended;
      event.waiting.push(*this);
    }
    void await_resume() const noexcept {}
    PlainEvent& event;
  };
  void set() noexcept {
    while (reference::Node* waiter = waiting.pop()) reference::ready.push(*waiter);
  }
  reference::Queue waiting;
};

reference::Detached plain_wait_often(PlainEvent& event, std::size_t rounds) {
  for (std::size_t i = 0; i < rounds; ++i) co_await PlainEvent::Wait(event);
}
reference::Detached plain_broadcast(PlainEvent& event, std::size_t rounds) {
  for (std::size_t i = 0; i < rounds; ++i) {
    co_await reference::Yield();
    event.set();
  }
}

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  bench::add({.name = "event, wake each of 1000",
              .eddy = [](std::size_t count) { loop.run(broadcast(count / waiters)); },
              .twin_name = "coroutines by hand",
              .twin =
                  [](std::size_t count) {
                    PlainEvent event;
                    for (std::size_t i = 0; i < waiters; ++i) {
                      plain_wait_often(event, count / waiters);
                    }
                    plain_broadcast(event, count / waiters);
                    reference::run();
                  },
              .goal = bench::at_most(10),
              .grain = 20 * waiters});
}
