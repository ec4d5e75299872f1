// Producers and consumers around a bounded queue: who is too fast waits, and a shutdown ends the
// consumers when everything was taken.
//
// Run:    examples/run producer_consumer
// Prints: how often the producers had to wait, and what each consumer took.
#include <eddy/eddy.hpp>

#include <iostream>
#include <numeric>

using namespace eddy;
using namespace std::chrono_literals;

static Task<> produce(Queue<int>& queue, int from, int to, int& waits) {
  for (int item = from; item < to; ++item) {
    if (queue.try_put(item)) continue;
    ++waits;
    co_await queue.put(item);
  }
}

static Task<std::vector<int>> consume(Queue<int>& queue) {
  std::vector<int> taken;
  for (;;) {
    auto item = co_await as_result(queue.get());
    if (!item) co_return taken;
    co_await sleep(1ms);
    taken.push_back(*item);
  }
}

static Task<> amain() {
  Queue<int> queue(5);
  int waits = 0;
  auto first = spawn(consume(queue));
  auto second = spawn(consume(queue));
  co_await gather(produce(queue, 0, 10, waits), produce(queue, 10, 20, waits));
  queue.shutdown();  // what is in it is still given out

  auto [a, b] = co_await gather(first, second);
  const int sum = std::reduce(a.begin(), a.end()) + std::reduce(b.begin(), b.end());
  std::cout << "producers waited " << (waits > 0 ? "for room" : "never") << '\n'
            << a.size() + b.size() << " items, sum " << sum << '\n'
            << "both consumers worked: " << (!a.empty() && !b.empty() ? "yes" : "no") << '\n';
}

int main() { run(amain()); }
