#include "file/path_calls.hpp"
#include "file/policies.hpp"
#include "support/failing_memory.hpp"

#include <fcntl.h>

namespace {

using namespace eddy;

// The k-th allocation of a call on a path fails, for every k: it ends with std::bad_alloc or with
// its result, leaves nothing open and nothing beside what it was to make.
class MemoryOfCalls : public test::EveryPolicy {
 protected:
  // Fails each allocation of `call(path)` in turn; `look` sees what is there after each.
  template <class Call, class Look>
  void fail_each(const std::string& name, const Call& call, const Look& look) {
    const auto before = test::open_descriptors();
    const std::size_t failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
      test::prepare_for(directory, name);
      Loop loop(test::options({.file_policy = GetParam()}));
      bool done = false;
      const auto body = [&]() -> Task<> {
        co_await fs::exists("/");  // what the loop has for all calls is there
        memory.arm();
        try {
          co_await call();
          done = true;
        } catch (const std::bad_alloc&) {
        }
        memory.disarm();
      };
      loop.run(body());
      loop.close();
      EXPECT_EQ(loop.stats().tasks, 0u) << name;
      EXPECT_EQ(loop.stats().in_flight, 0u) << name;
      look(done);
    });
    EXPECT_GT(failed, 0u) << name;
    EXPECT_EQ(test::open_descriptors(), before) << name;
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, MemoryOfCalls, test::every_policy(), test::name_of_policy);

TEST_P(MemoryOfCalls, OnPathsMayRunOutAnywhere) {
  for (const auto& call : test::path_calls()) {
    const std::string name = call.name;
    const auto make = [&]() -> Task<> { return call.make(path("it"), path("other")); };
    fail_each(name, make, [&](bool done) {
      for (const auto& entry : std::filesystem::directory_iterator(path(""))) {
        const std::string left = entry.path().filename();
        EXPECT_TRUE(left == "it" || left == "other") << name << " left " << left;
      }
      if (name == "write_atomic") {
        const std::string now = directory.read("it");
        EXPECT_EQ(now.size(), now == "new" ? 3u : 600'000u);
        if (done) { EXPECT_EQ(now, "new"); }
      }
    });
  }
}

// Two tasks wait for the other end, one of them in a worker: none is left there.
TEST_P(MemoryOfCalls, ThatOpenAFifoMayRunOutAnywhere) {
  const std::string fifo = path("it");  // so that the writer needs no memory
  const auto open_fifo = [&]() -> Task<> {
    auto writer = spawn([&]() -> Task<> {
      int end = -1;
      while (end < 0) {
        co_await yield();
        end = ::open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
      }
      ::close(end);
    });
    auto opened = co_await as_outcome(open(fifo, "r"));
    writer.cancel();
    if (!opened) co_await fail(std::move(opened.error()));
  };
  fail_each("fifo", open_fifo, [](bool) {});
}

}  // namespace
