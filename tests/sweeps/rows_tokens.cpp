// Rows of sync and flow: cancellation tokens.
#include "gated.hpp"

#include <eddy/flow/with_token.hpp>
#include <eddy/sync/cancellation.hpp>

#include <gtest/gtest.h>

namespace {

using namespace test;

struct Source {
  void wake() { source.cancel("woken"); }
  CancellationSource source;
};

const Rows<Source> sources = {
    {"CancellationToken::cancelled",
     [](Source& w) -> Task<> { co_await w.source.token().cancelled(); }, at_once(together)},
    {"CancellationToken::cancelled of_a_child",
     [](Source& w) -> Task<> {
       const CancellationSource child(w.source.token());
       co_await child.token().cancelled();
     },
     at_once(together)},
    // What it ends with is the token's, not this task's.
    {"move_on_when fired",
     [](Source& w) -> Task<> {
       EXPECT_FALSE(co_await move_on_when(w.source.token(), sleep(1h)));
     },
     together},
};

struct Tokened : Gated {
  CancellationSource source;
};

const Rows<Tokened> tokened = {
    {"with_token of_a_lock",
     [](Tokened& w) -> Task<> {
       auto guard = co_await with_token(w.source.token(), w.gate.scoped());
     },
     at_once()},
    {"with_token of_a_task",
     [](Tokened& w) -> Task<> { co_await with_token(w.source.token(), pass(w)); }, at_once()},
    {"with_token of_a_handle",
     [](Tokened& w) -> Task<> { co_await with_token(w.source.token(), w.inner); },
     at_once(together)},
    {"with_token of_a_child_in_its_parent",
     [](Tokened& w) -> Task<> {
       const CancellationSource child(w.source.token());
       co_await with_token(w.source.token(), with_token(child.token(), pass(w)));
     },
     at_once()},
    {"move_on_when of_a_task",
     [](Tokened& w) -> Task<> { EXPECT_TRUE(co_await move_on_when(w.source.token(), pass(w))); },
     at_once()},
};

}  // namespace
