#include <eddy/net/internal/relay_pipes.hpp>

#include <eddy/base/internal/sys.hpp>

namespace eddy::internal {

RelayPipes::RelayPipes(Loop&) { kept_.reserve(most_kept); }

RelayPipe RelayPipes::take() noexcept {
  RelayPipe pipe;
  if (!kept_.empty()) {
    pipe = std::move(kept_.back());
    kept_.pop_back();
    EDDY_ASSERT(pipe.out);
    EDDY_ASSERT(pipe.in);
    return pipe;
  }
  int ends[2];
  if (sys::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return pipe;
  pipe.out = UniqueFd(ends[0]);
  pipe.in = UniqueFd(ends[1]);
  // Refused to who has many pipes already: a smaller one works as well.
  static_cast<void>(sys::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(size)));
  return pipe;
}

void RelayPipes::give_back(RelayPipe pipe) noexcept {
  EDDY_ASSERT(pipe);
  EDDY_ASSERT(kept_.size() <= most_kept);
  if (kept_.size() < most_kept) kept_.push_back(std::move(pipe));
}

}  // namespace eddy::internal
