// Writer: buffering in front of anything that writes bytes: a Stream, a File, a pipe.
//
// write() only appends, and never waits. A task of the Writer's own brings to the sink what has
// come together, in as few calls as possible. drain() is how a producer keeps to the pace of the
// sink: it waits while more than the high mark is buffered, until the low one is reached. Several
// tasks may write and drain.
//
// The sink must stay until close() has resumed; nobody else should write to it meanwhile. A Writer
// that is dropped before forgets what it has not written, and stops.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/counted.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/sync/event.hpp>

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
 public:
  explicit Writer(S& sink, WriterOptions options = {}) : state_(new State(sink, options)) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    state_->sink = nullptr;
    if (state_->flusher) state_->flusher->cancel();
  }

  // Takes a copy of `bytes`. Throws what an earlier write has failed with, and UsageError after
  // close(). ∅ once the buffer has grown
  void write(Bytes bytes) {
    if (closed_) throw UsageError("write to a closed Writer");
    state_->check();
    state_->pending += bytes.text();
    if (!bytes.empty()) State::start(state_);
  }

  // Returns at once unless more than the high mark is buffered; resumes at the low one. Throws what
  // a write has failed with. ∅
  Task<> drain() {
    if (state_->buffered() <= state_->options.high) return State::wait(state_, ~std::size_t{0});
    return State::wait(state_, state_->options.low);
  }
  // Resumes when the sink has everything.
  Task<> flush() { return State::wait(state_, 0); }
  // The same, and takes no more. Idempotent. The sink itself stays open.
  Task<> close() {
    closed_ = true;
    return State::wait(state_, 0);
  }

  // What the sink does not have yet.
  std::size_t buffered() const noexcept { return state_->buffered(); }

 private:
  // Shared with the task that writes, which may end after the Writer.
  struct State {
    State(S& sink, const WriterOptions& options) noexcept : sink(&sink), options(options) {}

    void retain() noexcept { ++references; }
    void release() noexcept { if (--references == 0) delete this; }
    std::size_t buffered() const noexcept { return pending.size() + sending.size(); }
    void check() const { if (failure) failure->raise(); }

    static void start(const Counted<State>& state) {
      if (!std::exchange(state->running, true)) state->flusher = spawn(run(state));
    }

    static Task<> run(Counted<State> state) {
      while (!state->pending.empty() && state->sink) {
        std::swap(state->pending, state->sending);
        auto written = co_await as_outcome(put(*state->sink, state->sending));
        state->sending.clear();
        if (!written) {
          state->failure = std::move(written.error());
          break;
        }
        state->changed.set();
      }
      state->running = false;
      state->flusher.reset();
      state->changed.set();
    }

    static auto put(S& sink, const std::string& bytes) {
      if constexpr (WritesAll<S>) {
        return sink.write_all(Bytes(bytes));
      } else {
        return put_whole(sink, bytes);
      }
    }
    static Task<> put_whole(S& sink, const std::string& bytes) {
      auto written = co_await as_outcome(sink.write(Bytes(bytes)));
      if (!written) co_await fail(std::move(written.error()));
      auto flushed = co_await as_outcome(sink.flush());
      if (!flushed) co_await fail(std::move(flushed.error()));
    }

    static Task<> wait(Counted<State> state, std::size_t mark) {
      while (state->buffered() > mark && !state->failure) {
        state->changed.clear();
        auto changed = co_await as_outcome(state->changed.wait());
        if (!changed) co_await fail(std::move(changed.error()));
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
    unsigned references = 0;
    bool running = false;
  };

  Counted<State> state_;
  bool closed_ = false;
};

}  // namespace eddy
