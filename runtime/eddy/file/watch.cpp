#include <eddy/file/watch.hpp>

#include <eddy/core/as_result.hpp>
#include <eddy/core/sleep.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/watch_state.hpp>

namespace eddy {
using namespace internal;

namespace fs {

Watch::Watch() noexcept = default;
Watch::Watch(State state) noexcept : state_(std::move(state)) {}
Watch::Watch(Watch&&) noexcept = default;
Watch& Watch::operator=(Watch&&) noexcept = default;
Watch::~Watch() = default;

Task<std::optional<WatchEvent>> Watch::next() { return next(state_); }

Task<std::optional<WatchEvent>> Watch::next(State state) {
  if (!state || state->dropped()) throw UsageError("next() of a watch that is closed");
  state->require_own_loop();
  const WatchState::InUse in_use(*state);
  EDDY_TRY(auto turn, state->turn.scoped());
  for (std::optional<WatchEvent> told;;) {
    if (state->dropped()) co_await fail(WatchState::dropped_failure());
    if (Storage::current().turn_is_over()) {
      EDDY_DO(yield());
    }
    if (state->has_visits()) {
      EDDY_TRY(told, state->visit_some());
    } else if (state->has_events()) {
      told = state->take_event();
    } else if (state->at_end()) {
      co_return std::nullopt;
    } else {
      EDDY_DO(state->wait());
    }
    if (told) co_return told;
  }
}

void Watch::close() noexcept { if (state_) state_->drop(); }
bool Watch::closed() const noexcept { return !state_ || state_->dropped(); }
std::size_t Watch::watched() const noexcept { return state_ ? state_->watched() : 0; }

Task<Watch> watch(std::vector<std::string> paths, WatchOptions options) {
  if (paths.empty()) throw UsageError("watch() of no path");
  const Counted<WatchState> state(new WatchState(Loop::current(), options));
  Watch watch(state);
  const WatchState::InUse in_use(*state);
  EDDY_DO(state->begin(std::move(paths)));
  co_return std::move(watch);
}

Task<Watch> watch(Text path, WatchOptions options) {
  std::vector<std::string> paths;
  paths.emplace_back(path.view());
  return watch(std::move(paths), options);
}

}  // namespace fs
}  // namespace eddy
