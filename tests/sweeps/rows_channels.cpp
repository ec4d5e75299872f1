// Rows of core and sync: descriptors of other libraries, what callbacks set, and channels.
#include "support/awaitables.hpp"

#include <eddy/core/call_later.hpp>
#include <eddy/core/poll_fd.hpp>
#include <eddy/core/ticker.hpp>
#include <eddy/sync/event.hpp>
#include <eddy/sync/future.hpp>

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace {

using namespace test;

// Nothing to read until wake(), and no room for another write.
struct Foreign {
  Foreign() : counter(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
              full(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    EXPECT_EQ(::eventfd_write(full.get(), ~std::uint64_t{1}), 0);
  }
  void wake() {
    EXPECT_EQ(::eventfd_write(counter.get(), 1), 0);
    eventfd_t count;
    static_cast<void>(!::eventfd_read(full.get(), &count));
  }
  UniqueFd counter;
  UniqueFd full;
};

const Rows<Foreign> foreign = {
    {"poll_fd", [](Foreign& w) { return only(poll_fd(w.counter.get(), POLLIN)); }, together},
    {"readable", [](Foreign& w) { return only(readable(w.counter.get())); }, together},
    {"writable", [](Foreign& w) { return only(writable(w.full.get())); }, together},
};

struct Timed {
  Task<> begin() {
    ticker.emplace(5ms);
    co_return;
  }
  std::optional<Ticker> ticker;
  Event called;
};

const Rows<Timed> timed = {
    {"call_later",
     [](Timed& w) -> Task<> {
       TimerHandle call = call_later(5ms, [&w] { w.called.set(); });
       const auto waited = co_await as_outcome(w.called.wait());
       call.cancel();
       if (!waited) co_await fail(waited.error());
     },
     by_time},
    {"Ticker::tick", [](Timed& w) { return only(w.ticker->tick()); },
     {.comes = Comes::by_time, .second = Second::refused}},
};

struct Set {
  void wake() { if (!setter.done()) setter.set_value(7); }
  FutureSetter<int> setter;
};

const Rows<Set> futures = {
    {"Future",
     [](Set& w) -> Task<> { EXPECT_EQ(co_await w.setter.future(), 7); }, at_once(together)}};

}  // namespace
