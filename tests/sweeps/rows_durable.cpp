// Rows of io: files that are on the disk, or are copied, when a call returns.
#include "sweeps/names.hpp"

#include <eddy/file/append_line.hpp>

namespace {

using namespace test;

constexpr auto both = {FilePolicy::automatic, FilePolicy::ring};

const Rows<Names> durable(both, {
    {"append_line",
     [](Names& w) {
       return append_line(w.may("a", "old text\nnew\n").path("a"), "new", {.durable = true});
     },
     by_itself},
    {"append_line to_a_new_file",
     [](Names& w) {
       w.texts.insert("");  // it may have been made, and nothing written
       return append_line(w.may("b", "new\n").path("b"), "new", {.durable = true});
     },
     by_itself},
});

}  // namespace
