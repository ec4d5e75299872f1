// Rows of kit: what answers until it is cancelled.
#include "sweeps/sockets.hpp"

#include <eddy/kit/inspect.hpp>

#include <csignal>

namespace {

using namespace test;

struct Asked {
  Address where = fresh_name();
};

const Rows<Asked> asked = {
    {"inspect::serve", [](Asked& w) { return inspect::serve(w.where); }, never},
    {"inspect::dump_on_signal", [](Asked&) { return inspect::dump_on_signal(SIGUSR2); }, never},
};

}  // namespace
