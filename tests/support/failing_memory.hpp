// Makes one allocation of this thread fail, whichever is wanted: edges are found by failing the
// first, the second, the third ... until a run is through before its turn comes.
//
//   const std::size_t failed = test::fail_each_allocation([](test::FailingMemory& memory) {
//     eddy::Loop loop(test::options());       // not armed yet: does not fail
//     memory.arm();
//     try {
//       loop.spawn(work(), {.name = "a name that is long enough to be allocated"});
//     } catch (const std::bad_alloc&) {
//     }
//     memory.disarm();                        // before EXPECT and what else may allocate
//     loop.close();                           // whatever failed: nobody waits for ever
//   });
//   EXPECT_GT(failed, 0u);                    // the test did test something
//
// What fails is operator new of every kind, and so Pool::allocate(): the pool keeps nothing
// meanwhile. The memory of exceptions themselves comes from elsewhere and does not fail. Threads
// other than this one do not notice. Under sanitizers too.
#pragma once

#include <cstddef>

namespace test {

class FailingMemory {
 public:
  // The `which`-th allocation after arm() fails, from 1, and the ones after it until `times` have
  // failed. One object at a time in a thread.
  explicit FailingMemory(std::size_t which, std::size_t times = 1) noexcept;
  FailingMemory(const FailingMemory&) = delete;
  FailingMemory& operator=(const FailingMemory&) = delete;
  ~FailingMemory();

  // Counts from here on, and goes on where disarm() left off.
  void arm() noexcept;
  void disarm() noexcept;

  // The `which`-th came, and failed.
  bool failed() const noexcept;
};

// Calls `body(memory)` with the first allocation failing, then with the second, until it is through
// without a failure. How many runs failed.
template <class F>
std::size_t fail_each_allocation(F&& body, std::size_t times = 1) {
  for (std::size_t which = 1;; ++which) {
    FailingMemory memory(which, times);
    body(memory);
    if (!memory.failed()) return which - 1;
  }
}

}  // namespace test
