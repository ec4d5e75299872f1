// Rows of kit: children. Each ends when its input does.
#include "support/awaitables.hpp"

#include <eddy/kit/process.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace test;

// A pipe of this world's is the child's input: wake() needs no loop.
struct Child {
  Task<> begin() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    input.reset(ends[1]);
    const UniqueFd theirs(ends[0]);
    process = Process::exec({"cat"}, {.input = Stdio::descriptor(theirs.get()),
                                      .output = Stdio::pipe(),
                                      .kill_on_drop = true});
    co_return;
  }
  void wake() { input.reset(); }
  Task<> check() {
    const ExitStatus status = co_await process.wait();
    EXPECT_TRUE(status.success()) << "a cancel must not end the child: " << status.text();
  }
  UniqueFd input;
  Process process;
};

const Rows<Child> children = {
    {"Process::wait", [](Child& w) -> Task<> { co_await w.process.wait(); }, together},
    {"Process::communicate", [](Child& w) -> Task<> { co_await w.process.communicate(); }, apart},
};

}  // namespace
