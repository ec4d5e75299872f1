// RelayPipes: a few empty pipes of a loop, for bytes that go from one socket to another.
#pragma once

#include <eddy/base/unique_fd.hpp>
#include <eddy/core/loop.hpp>

#include <cstddef>
#include <vector>

namespace eddy::internal {

struct RelayPipe {
  explicit operator bool() const noexcept { return static_cast<bool>(out); }
  UniqueFd out;  // where bytes come out
  UniqueFd in;
};

class RelayPipes : public LoopService {
 public:
  static constexpr std::size_t size = 256 * 1024;  // of each, if the kernel allows it

  explicit RelayPipes(Loop& loop);

  // An empty one; none when there is no descriptor left.
  RelayPipe take() noexcept;
  // REQUIRES: it is empty
  void give_back(RelayPipe pipe) noexcept;

 private:
  static constexpr std::size_t most_kept = 16;
  std::vector<RelayPipe> kept_;
};

}  // namespace eddy::internal
