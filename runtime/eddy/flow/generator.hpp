// Generator<T>: a coroutine that yields values, and may wait between them.
//
// Lazy: it runs only while somebody waits for next(), in the task of whoever does; a value that
// needs no waiting takes no turn. aclose() ends it early: at its co_yield a GeneratorExit is
// thrown, so that cleanup runs and may wait. A generator that is dropped half-way is closed by the
// loop on which it started, or waited last, wherever it is dropped: in a task of its own, at the
// latest when that loop closes. Without that loop, or memory for the task, its frame is destroyed
// as it stands. One that is dropped while a task waits for its next value is a mistake: that task
// would go on in a frame that is gone, so the process ends with a message. When the body fails, all
// that it holds dies before its consumer goes on.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/core/spawn.hpp>

#include <optional>
#include <utility>

namespace eddy {

// What a closed generator's body sees; not a std::exception. To be passed on.
class GeneratorExit {};

template <class T>
class [[nodiscard]] Generator {
 public:
  class promise_type;
  using Handle = std::coroutine_handle<promise_type>;
  class Next;
  class ResumeWith;
  class Close;

  Generator(Generator&& other) noexcept { take(other); }
  Generator& operator=(Generator&& other) noexcept {
    if (this != &other) {
      abandon();
      take(other);
    }
    return *this;
  }
  ~Generator() { abandon(); }

  // What these three return is awaited while the generator lives, and stays where it is until then;
  // it may be moved while the wait lasts.

  // The next value, or none at the end. Throws what the body throws, once; then it is at its end.
  // Cancelling the wait cancels what the body waits for. One consumer at a time. ∅
  Next next() noexcept { return Next(*this); }

  // The same, but what the body sees at its co_yield is `exception`, unless null. REQUIRES: it
  // yielded
  ResumeWith resume_with(std::exception_ptr exception) noexcept {
    return ResumeWith(*this, std::move(exception));
  }

  // Ends the generator; resumes when its cleanup has run. Nothing happens when it never started or
  // has ended. Throws UsageError when the body yields once more.
  Close aclose() noexcept { return Close(*this); }

 private:
  explicit Generator(Handle frame) noexcept : frame_(frame) { frame_.promise().set_owner(*this); }

  void take(Generator& other) noexcept {
    frame_ = std::exchange(other.frame_, nullptr);
    failed_ = std::exchange(other.failed_, false);
    if (frame_) frame_.promise().set_owner(*this);
  }

  // For what is about to wait: asked then, for the frame dies when the body fails. Null at its end.
  Handle frame() const {
    if (!frame_ && !failed_) [[unlikely]] {
      internal::throw_misuse("next() of a generator that was moved from");
    }
    return frame_;
  }

  // The body has failed, and may be suspended where it did, with all its locals.
  static Failure take_failure(Handle frame) noexcept {
    EDDY_ASSERT(frame);
    Failure failure = frame.promise().take_failure();
    Generator& owner = frame.promise().owner();
    EDDY_ASSERT(owner.frame_ == frame);
    owner.frame_ = nullptr;
    owner.failed_ = true;
    frame.destroy();
    return failure;
  }

  void abandon() noexcept {
    if (!frame_) return;
    Handle frame = std::exchange(frame_, nullptr);
    EDDY_VERIFY(!frame.promise().running() && "a Generator died while a task waited for it");
    Loop* loop = frame.promise().closable() ? Loop::open(frame.promise().loop()) : nullptr;
    if (loop) {
      close_on(*loop, Abandoned(frame));
    } else {
      frame.destroy();
    }
  }

  // A frame that dies as it stands unless somebody closes it.
  class Abandoned {
   public:
    explicit Abandoned(Handle frame) noexcept : frame_(frame) {}
    Abandoned(Abandoned&& other) noexcept : frame_(other.release()) {}
    ~Abandoned() { if (frame_) frame_.destroy(); }
    Handle release() noexcept { return std::exchange(frame_, nullptr); }

   private:
    Handle frame_;
  };
  // Eager, in a turn of that loop: what needs no waiting is done at once. A loop that closes waits
  // for it and does not cancel it (R4).
  static void close_on(Loop& loop, Abandoned frame) noexcept {
    try {
      auto closing = loop.spawn(close_abandoned(std::move(frame)), {.eager = true});
      if (!closing.done()) closing.state().report_at_close();
      closing.set_name("abandoned generator");
    } catch (...) {  // no memory, if only for the name
    }
  }
  static Task<> close_abandoned(Abandoned frame) {
    Generator generator(frame.release());
    co_await generator.aclose();
  }

  Handle frame_;
  bool failed_ = false;  // and so has no frame: it is at its end
};

template <class T>
class Generator<T>::promise_type : public internal::FrameLink {
 public:
  Generator get_return_object(
      std::source_location where = std::source_location::current()) noexcept {
    const Handle frame = Handle::from_promise(*this);
    internal::check_frame(frame.address(), where);
    this->set_where(where);
    return Generator(frame);
  }
  std::suspend_always initial_suspend() const noexcept { return {}; }

  // Suspends, and lets the consumer go on if it waits.
  struct End {
    bool await_ready() const noexcept { return false; }
    void await_suspend(Handle frame) const noexcept { frame.promise().finish(); }
    void await_resume() const noexcept {}
  };
  // The same at a yield, which a close() ends.
  struct Yielded : End {
    explicit Yielded(promise_type& own) noexcept : promise(own) {}
    void await_resume() const {
      if (promise.closing_) throw GeneratorExit();
      if (promise.thrown_) std::rethrow_exception(std::exchange(promise.thrown_, nullptr));
    }
    promise_type& promise;
  };
  End final_suspend() noexcept {
    state_ = State::ended;
    return {};
  }
  Yielded yield_value(T value) {
    EDDY_ASSERT(running());
    value_.emplace(std::move(value));
    state_ = State::yielded;
    return Yielded(*this);
  }
  void return_void() const noexcept {}
  void unhandled_exception() noexcept {
    try {
      throw;
    } catch (const GeneratorExit&) {
      if (!closing_) failure_ = Failure::current();
    } catch (...) {
      failure_ = Failure::current();
    }
  }
  void set_failure(Failure failure) noexcept {
    failure_ = std::move(failure);
    state_ = State::ended;
  }
  void finish() noexcept {
    if (!told_) return;
    void* consumer = reinterpret_cast<void*>(std::exchange(told_, 0));
    internal::thread_state.next = std::coroutine_handle<>::from_address(consumer);
  }

  // Runs the body until it yields, ends or waits. True: it waits, and `consumer` is resumed later.
  bool advance(Handle frame, std::coroutine_handle<> consumer) {
    EDDY_ASSERT(!running());
    EDDY_ASSERT(!ended());
    EDDY_ASSERT(!told_);
    EDDY_ASSERT(consumer);
    state_ = State::running;
    if (internal::thread_state.stack_is_deep()) [[unlikely]] {
      internal::thread_state.next = frame;
    } else {
      frame.resume();
      if (state_ != State::running) return false;
    }
    loop_ = internal::thread_state.loop_id;
    told_ = reinterpret_cast<std::uintptr_t>(consumer.address());
    return true;
  }

  // For the next value of one that is not at a yield. False: it has ended.
  bool starts() {
    if (running()) throw UsageError("a generator has one consumer at a time");
    if (unstarted()) loop_ = internal::thread_state.loop_id;
    return !ended();
  }

  bool ended() const noexcept { return state_ == State::ended; }
  bool running() const noexcept { return state_ == State::running; }
  bool closable() const noexcept { return state_ == State::yielded; }
  bool unstarted() const noexcept { return state_ == State::created; }
  void close() noexcept {
    EDDY_ASSERT(closable());
    closing_ = true;
  }
  void throw_at_yield(std::exception_ptr exception) noexcept { thrown_ = std::move(exception); }
  void end_unstarted() noexcept {
    EDDY_ASSERT(unstarted());
    state_ = State::ended;
  }

  std::uint64_t loop() const noexcept { return loop_; }

  void set_owner(Generator& owner) noexcept { owner_ = &owner; }
  Generator& owner() const noexcept { return *owner_; }
  bool failed() const noexcept { return failure_.has_value(); }
  Failure take_failure() {
    EDDY_ASSERT(failed());
    return *std::exchange(failure_, std::nullopt);
  }
  // Value by value: copying the optional as a whole, just after it was stored in two pieces, waits
  // for the store buffer.
  std::optional<T> take_value() {
    std::optional<T> value;
    if (value_) value.emplace(std::move(*value_));
    value_.reset();
    return value;
  }

 private:
  enum class State : std::uint8_t { created, running, yielded, ended };
  std::optional<T> value_;
  std::optional<Failure> failure_;
  Generator* owner_ = nullptr;
  std::uint64_t loop_ = 0;  // on which it started, or waited last
  std::exception_ptr thrown_;
  State state_ = State::created;
  bool closing_ = false;
};

template <class T>
class [[nodiscard]] Generator<T>::Next {
 public:
  using value_type = std::optional<T>;
  explicit Next(const Generator& generator) noexcept : generator_(&generator) {}

  bool await_ready() {
    frame_ = generator_->frame();
    if (!frame_) [[unlikely]] return true;
    if (frame_.promise().closable()) [[likely]] return false;
    return !frame_.promise().starts();
  }
  bool await_suspend(std::coroutine_handle<> consumer) {
    return frame_.promise().advance(frame_, consumer);
  }
  value_type await_resume() {
    if (!frame_) [[unlikely]] return std::nullopt;
    auto& promise = frame_.promise();
    if (promise.failed()) [[unlikely]] take_failure(frame_).raise();
    return promise.take_value();
  }
  Expected<value_type> await_outcome() {
    if (!frame_) [[unlikely]] return std::nullopt;
    auto& promise = frame_.promise();
    if (promise.failed()) return std::unexpected(take_failure(frame_));
    return promise.take_value();
  }

 protected:
  Handle frame_;  // once it is awaited

 private:
  const Generator* generator_;
};

template <class T>
class [[nodiscard]] Generator<T>::ResumeWith : public Next {
 public:
  ResumeWith(const Generator& generator, std::exception_ptr thrown) noexcept
      : Next(generator), thrown_(std::move(thrown)) {}
  bool await_suspend(std::coroutine_handle<> consumer) {
    if (thrown_) this->frame_.promise().throw_at_yield(std::move(thrown_));
    return Next::await_suspend(consumer);
  }

 private:
  std::exception_ptr thrown_;
};

template <class T>
class [[nodiscard]] Generator<T>::Close
    : public internal::Raises<typename Generator<T>::Close> {
 public:
  explicit Close(const Generator& generator) noexcept : generator_(&generator) {}

  bool await_ready() {
    frame_ = generator_->frame_;
    if (!frame_ || frame_.promise().ended()) return true;
    if (frame_.promise().running()) throw UsageError("aclose() of a generator that is running");
    if (frame_.promise().unstarted()) frame_.promise().end_unstarted();
    return frame_.promise().ended();
  }
  bool await_suspend(std::coroutine_handle<> consumer) {
    frame_.promise().close();
    return frame_.promise().advance(frame_, consumer);
  }
  Expected<void> await_outcome() {
    if (!frame_) return {};
    auto& promise = frame_.promise();
    if (promise.failed()) return std::unexpected(take_failure(frame_));
    promise.take_value();
    if (!promise.ended())
      throw UsageError("a generator yielded while it was being closed");
    return {};
  }

 private:
  Handle frame_;  // once it is awaited
  const Generator* generator_;
};

}  // namespace eddy
