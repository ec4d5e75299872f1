// A relay between two ends that are never empty and never full gives the others their turn.
#include "net/ends.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace {

// What a relay finds, while there is any: as much as it asks for.
std::size_t endless_left = 0;

}  // namespace

extern "C" ssize_t splice(int in, off64_t* in_place, int out, off64_t* out_place, size_t size,
                          unsigned flags) {
  if (endless_left == 0) return ::syscall(SYS_splice, in, in_place, out, out_place, size, flags);
  const std::size_t count = std::min<std::size_t>({size, 64 * 1024, endless_left});
  endless_left -= count;
  return static_cast<ssize_t>(count);
}

namespace {

using namespace eddy;

TEST(RelayTurns, ComeAfterAMebibyte) {
  test::run([]() -> Task<> {
    test::Ends from, to;
    from.a.shutdown_write();
    endless_left = 128 << 20;  // half of it in, half of it out
    std::size_t most = 0, turns = 0;
    auto relaying = spawn(relay(from.b, to.a));
    for (std::size_t left = endless_left; !relaying.done(); ++turns) {
      co_await yield();
      most = std::max(most, left - endless_left);
      left = endless_left;
    }
    EXPECT_EQ(co_await relaying, 64u << 20);
    EXPECT_LE(most, 4u << 20) << "in one turn, in and out";
    EXPECT_GE(turns, 32u);
  });
}

}  // namespace
