// Writer: buffering in front of anything that writes bytes: a Stream, a File, a pipe.
//
// write() only appends, and never waits. A task of the Writer's own brings to the sink what has
// come together, in as few calls as possible. drain() is how a producer keeps to the pace of the
// sink: it waits while more than the high mark is buffered, until the low one is reached. Several
// tasks may write and drain.
//
// The sink must stay until close() has resumed, or for as long as the Writer; nobody else should
// write to it meanwhile. A Writer that is dropped before forgets what it has not written, which is
// reported in debug mode, and stops; who waits on it gets ECANCELED. A call on the sink that has
// begun then ends after the Writer: a sink whose calls do not keep it alive by themselves, as those
// of a Stream and of a File do, must stay until close() has resumed.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/internal/counted.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/at_once.hpp>
#include <eddy/core/internal/misuse.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/core/try.hpp>
#include <eddy/sync/event.hpp>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>

namespace eddy {

// Writes all of the bytes.
template <class S>
concept WritesAll = requires(S& sink, Bytes bytes) {
  { sink.write_all(bytes) } -> Awaitable;
};
// The same by another name: a File.
template <class S>
concept WritesWhole = requires(S& sink, Bytes bytes) {
  { sink.write(bytes) } -> Awaitable;
  { sink.flush() } -> Awaitable;
};

// In bytes. Trivially copyable.
struct WriterOptions {
  std::size_t high = 64 * 1024;
  std::size_t low = 16 * 1024;
};

template <class S>
  requires WritesAll<S> || WritesWhole<S>
class Writer {
  class Wait;
  template <class Verb>
  using AtOnce = internal::AtOnce<Verb>;  // a Task, and made only where something waits

 public:
  explicit Writer(S& sink, WriterOptions options = {}) : state_(new State(sink, options)) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    if (buffered() > 0 && !state_->failure) [[unlikely]] {
      internal::report_lost_bytes(buffered(), "a Writer that was dropped before close()");
    }
    state_->sink = nullptr;
    state_->end(Failure::error(ECANCELED, "write"));
    if (state_->flusher) state_->flusher->cancel();
  }

  // Takes a copy of `bytes`. Throws what an earlier write has failed with, and UsageError after
  // close(). ∅ once the buffer has grown
  void write(Bytes bytes) {
    if (closed_) throw UsageError("write to a closed Writer");
    state_->check();
    if (bytes.empty()) return;
    state_->pending += bytes.text();
    try {
      State::start(state_);
    } catch (...) {  // no memory for the task: nothing was taken
      state_->pending.resize(state_->pending.size() - bytes.size());
      throw;
    }
  }

  // Returns at once unless more than the high mark is buffered; resumes at the low one. Throws what
  // a write has failed with. ∅
  AtOnce<Wait> drain() { return {state_, state_->options.high, state_->options.low}; }
  // Resumes when the sink has everything.
  AtOnce<Wait> flush() { return {state_, std::size_t{0}, std::size_t{0}}; }
  // The same, and takes no more. Idempotent. The sink itself stays open.
  AtOnce<Wait> close() {
    closed_ = true;
    return {state_, std::size_t{0}, std::size_t{0}};
  }

  // What the sink does not have yet.
  std::size_t buffered() const noexcept { return state_->buffered(); }

 private:
  // Shared with the task that writes, which may end after the Writer.
  struct State : internal::RefCounted<State> {
    State(S& to, const WriterOptions& how) noexcept : sink(&to), options(how) {}

    std::size_t buffered() const noexcept { return pending.size() + sending.size(); }
    void check() const { if (failure) failure->raise(); }

    // The first failure is what all calls from now on end with.
    void end(Failure why) noexcept {
      if (!failure) failure = std::move(why);
      changed.set();
    }

    static void start(const internal::Counted<State>& state) {
      if (state->running) return;
      state->flusher = spawn(run(state));
      state->running = true;
    }

    static Task<> run(internal::Counted<State> state) {
      try {
        auto written = co_await as_outcome(write_pending(*state));
        if (!written) state->end(std::move(written.error()));
      } catch (...) {  // no memory
        state->end(Failure::current());
      }
      state->running = false;
      state->flusher.reset();
      state->changed.set();
    }

    static Task<> write_pending(State& state) {
      while (!state.pending.empty() && state.sink) {
        std::swap(state.pending, state.sending);
        auto written = co_await as_outcome(put(state));
        state.sending.clear();
        if (!written) co_await fail(std::move(written.error()));
        state.changed.set();
      }
    }

    static auto put(State& state) {
      if constexpr (WritesAll<S>) {
        return state.sink->write_all(Bytes(state.sending));
      } else {
        return put_whole(state);
      }
    }
    static Task<> put_whole(State& state) {
      EDDY_DO(state.sink->write(Bytes(state.sending)));
      if (!state.sink) co_return;  // the Writer is gone, and the sink may be as well
      EDDY_DO(state.sink->flush());
    }

    static Task<> wait(internal::Counted<State> state, std::size_t high, std::size_t low) {
      const std::size_t mark = state->buffered() <= high ? high : low;
      while (state->buffered() > mark && !state->failure) {
        state->changed.clear();
        EDDY_DO(state->changed.wait());
      }
      if (state->failure) co_await fail(*state->failure);
    }

    S* sink;
    WriterOptions options;
    std::string pending;
    std::string sending;
    std::optional<Failure> failure;
    std::optional<JoinHandle<>> flusher;
    Event changed;
    bool running = false;
  };

  // Until no more than `low` is buffered, unless it is no more than `high` already.
  class Wait {
   public:
    using value_type = void;
    Wait(internal::Counted<State> state, std::size_t high, std::size_t low) noexcept
        : state_(std::move(state)), high_(high), low_(low) {}
    bool ready() const noexcept { return state_->buffered() <= high_ && !state_->failure; }
    void now() const noexcept {}
    Task<> task() { return State::wait(std::move(state_), high_, low_); }

   private:
    internal::Counted<State> state_;
    std::size_t high_;
    std::size_t low_;
  };

  internal::Counted<State> state_;
  bool closed_ = false;
};

}  // namespace eddy
