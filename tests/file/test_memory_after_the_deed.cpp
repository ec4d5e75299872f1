// Memory that runs out: once the new file has its name, or the line is there, nothing needs any, so
// that what failed was not done.
#include "file/policies.hpp"
#include "support/failing_memory.hpp"

#include <unistd.h>

namespace {

using namespace eddy;

class MemoryAfterTheDeed : public test::EveryPolicy {
 protected:
  // `call` fails exactly where the file has not got `text` then.
  template <class Call>
  void fail_each(const std::string& text, const Call& call) {
    const std::size_t failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
      directory.write("file", "");
      Loop loop(test::options({.file_policy = GetParam()}));
      bool done = false;
      const auto body = [&]() -> Task<> {
        memory.arm();
        auto outcome = co_await as_outcome(call());
        memory.disarm();
        done = outcome.has_value();
      };
      try {
        loop.run(body());
      } catch (const std::bad_alloc&) {
      }
      memory.disarm();
      EXPECT_EQ(directory.read("file"), done ? text : "");
      loop.close();
    });
    EXPECT_GT(failed, 0u);
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, MemoryAfterTheDeed, test::every_policy(), test::name_of_policy);

TEST_P(MemoryAfterTheDeed, IsNotNeededByWriteAtomic) {
  const std::string file = path("file");
  fail_each("new", [&] { return write_atomic(file, "new"); });
}

TEST_P(MemoryAfterTheDeed, IsNotNeededByAppendLine) {
  const std::string file = path("file");
  fail_each("line\n", [&] { return append_line(file, "line", {.durable = true}); });
}

}  // namespace
