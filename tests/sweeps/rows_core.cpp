// Rows of core: time, turns, tasks, and one request to the kernel.
#include "support/awaitables.hpp"

#include <eddy/core/internal/operation.hpp>
#include <eddy/sync/event.hpp>

#include <gtest/gtest.h>

#include <linux/io_uring.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace {

using namespace test;

struct Timed {
  Task<> begin() {
    deadline = Loop::current().now() + 5ms;
    co_return;
  }
  Instant deadline;
};

Task<> child(Timed& w) { co_await sleep_until(w.deadline); }
Task<> leaf(Timed&) { co_await yield(); }

const Rows<Timed> timed = {
    {"yield", [](Timed&) { return only(yield()); }, by_itself},
    {"sleep", [](Timed&) { return only(sleep(5ms)); }, by_time},
    {"sleep of_no_length", [](Timed&) { return only(sleep(0ms)); }, by_itself},
    {"sleep_until", [](Timed& w) { return only(sleep_until(w.deadline)); }, by_time},
    {"Task of_a_sleep", [](Timed& w) -> Task<> { co_await child(w); }, by_time},
    {"Task of_a_yield", [](Timed& w) -> Task<> { co_await leaf(w); }, by_itself},
    {"as_result of_a_sleep",
     [](Timed& w) -> Task<> {
       const auto slept = co_await as_result(sleep_until(w.deadline));
       EXPECT_TRUE(slept.has_value());
     },
     by_time},
};

// A task that ends when it is told to.
struct Joined {
  Task<> begin() {
    inner = spawn([this]() -> Task<int> {
      co_await told.wait();
      co_return 7;
    });
    co_await yield();
  }
  void wake() { told.set(); }
  Task<> check() { static_cast<void>(co_await as_outcome(JoinHandle<>(inner))); }
  Event told;
  JoinHandle<int> inner;
};

const Rows<Joined> joined = {
    {"JoinHandle", [](Joined& w) -> Task<> { EXPECT_EQ(co_await w.inner, 7); }, at_once(together)},
    {"JoinHandle of_any_type",
     [](Joined& w) { return only(JoinHandle<>(w.inner).operator co_await()); }, at_once(together)},
    {"as_outcome of_a_join",
     [](Joined& w) -> Task<> {
       auto outcome = co_await as_outcome(w.inner);
       if (!outcome) co_await fail(std::move(outcome.error()));
     },
     at_once(together)},
    {"Loop::spawn and_joined_at_once",
     [](Joined& w) -> Task<> { co_await spawn(only(w.told.wait()), {.name = "a child"}); }},
    {"Loop::spawn eager_and_joined",
     [](Joined& w) -> Task<> { co_await spawn(only(w.told.wait()), {.eager = true}); },
     at_once()},
};

// An eventfd that is polled.
struct Polled {
  Polled() : fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  void wake() { EXPECT_EQ(::eventfd_write(fd.get(), 1), 0); }
  UniqueFd fd;
};

Operation poll_of(Polled& w) {
  Request request;
  request.opcode = IORING_OP_POLL_ADD;
  request.fd = w.fd.get();
  request.op_flags = POLLIN;
  return Operation(request, "poll");
}

const Rows<Polled> polled = {
    {"Operation of_a_poll", [](Polled& w) { return only(poll_of(w)); }, together},
    {"Operation of_nothing",
     [](Polled&) { return only(Operation(Request{.opcode = IORING_OP_NOP}, "nop")); }, by_itself},
};

}  // namespace
