// Rows of sync: what the process is sent.
#include "support/awaitables.hpp"

#include <eddy/sync/signals.hpp>

#include <gtest/gtest.h>

#include <csignal>

namespace {

using namespace test;

// A call that has been cancelled leaves the signal what it was: ignored.
struct Ignored {
  Ignored() { before = ::signal(SIGUSR2, SIG_IGN); }
  ~Ignored() { ::signal(SIGUSR2, before); }
  Ignored(const Ignored&) = delete;
  Ignored& operator=(const Ignored&) = delete;
  void wake() {
    sent = true;
    ::raise(SIGUSR2);
  }
  bool sent = false;
  void (*before)(int);
};

struct Sent : Ignored {
  Task<> begin() {
    signals.emplace(std::initializer_list<int>{SIGUSR2});
    co_return;
  }
  std::optional<Signals> signals;
};

const Rows<Sent> sent = {
    {"Signals::next",
     [](Sent& w) -> Task<> { EXPECT_EQ(co_await w.signals->next(), SIGUSR2); }, at_once()},
};

const Rows<Ignored> once = {
    {"signal",
     [](Ignored& w) -> Task<> {
       // One that came before nobody was told of.
       if (w.sent) Loop::current().post([] { ::raise(SIGUSR2); });
       EXPECT_EQ(co_await signal(SIGUSR2), SIGUSR2);
     },
     together},
};

}  // namespace
