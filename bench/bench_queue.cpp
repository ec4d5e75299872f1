// Items through a bounded queue, from one task to another.
#include "harness.hpp"
#include "reference.hpp"

#include <eddy/core/spawn.hpp>
#include <eddy/sync/queue.hpp>

#include <array>

namespace {

constexpr std::size_t room = 64;

eddy::Task<> produce(eddy::Queue<std::size_t>& queue, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) co_await queue.put(i);
}
eddy::Task<> consume(std::size_t count) {
  eddy::Queue<std::size_t> queue(room);
  auto producer = eddy::spawn(produce(queue, count));
  std::size_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += co_await queue.get();
  co_await producer;
  if (sum != count * (count - 1) / 2) std::terminate();
}

// The same by hand: an array, and one that waits on either side.
class PlainQueue {
 public:
  struct Get : reference::Node {
    explicit Get(PlainQueue& owner) noexcept : queue(owner) {}
    bool await_ready() const noexcept { return queue.size_ > 0; }
    void await_suspend(std::coroutine_handle<> suspended) noexcept {
      frame = suspended;
      queue.getters_.push(*this);
    }
    std::size_t await_resume() noexcept {
      const std::size_t item = queue.items_[queue.first_++ % room];
      --queue.size_;
      if (reference::Node* putter = queue.putters_.pop()) reference::ready.push(*putter);
      return item;
    }
    PlainQueue& queue;
  };
  struct Put : reference::Node {
    Put(PlainQueue& owner, std::size_t value) noexcept : queue(owner), item(value) {}
    bool await_ready() const noexcept { return queue.size_ < room; }
    void await_suspend(std::coroutine_handle<> suspended) noexcept {
      frame = suspended;
      queue.putters_.push(*this);
    }
    void await_resume() noexcept {
      queue.items_[(queue.first_ + queue.size_++) % room] = item;
      if (reference::Node* getter = queue.getters_.pop()) reference::ready.push(*getter);
    }
    PlainQueue& queue;
    std::size_t item;
  };

 private:
  std::array<std::size_t, room> items_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  reference::Queue getters_;
  reference::Queue putters_;
};

reference::Detached plain_produce(PlainQueue& queue, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) co_await PlainQueue::Put(queue, i);
}
reference::Detached plain_consume(PlainQueue& queue, std::size_t count) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += co_await PlainQueue::Get(queue);
  if (sum != count * (count - 1) / 2) std::terminate();
}

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  bench::add({.name = "queue of 64, per item",
              .eddy = [](std::size_t count) { loop.run(consume(count)); },
              .twin_name = "coroutines by hand",
              .twin =
                  [](std::size_t count) {
                    PlainQueue queue;
                    plain_consume(queue, count);
                    plain_produce(queue, count);
                    reference::run();
                  },
              .goal = bench::at_most(6)});
}
