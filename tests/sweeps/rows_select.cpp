// Rows of select: a gate beside what never comes, and beside itself.
#include "sweeps/gated.hpp"

#include <eddy/flow/select.hpp>
#include <eddy/flow/timeout.hpp>

#include <gtest/gtest.h>

namespace {

using namespace test;

const Rows<Gated> selects = {
    {"select",
     [](Gated& w) -> Task<> {
       auto chosen = co_await select(named<"late">(sleep(100h)), named<"gate">(w.gate.scoped()));
       EXPECT_TRUE(chosen.has<"gate">());
     },
     at_once()},
    {"select of_tasks",
     [](Gated& w) -> Task<> {
       auto chosen = co_await select(pass(w), pass(w));
       EXPECT_EQ(chosen.index(), 0u);
     }},
    {"select of_handles", [](Gated& w) { return only(select(w.inner, sleep(100h))); },
     at_once(together)},
    {"select in_a_timeout",
     [](Gated& w) { return only(timeout(1h, select(w.gate.scoped(), pass(w)))); }, at_once()},
    {"select in_a_select",
     [](Gated& w) { return only(select(sleep(100h), select(pass(w), sleep(100h)))); }},
};

}  // namespace
