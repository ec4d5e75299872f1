// with(resource, body): Python's `async with`, whose exit may suspend, which no destructor can.
//
// The resource is entered, the body runs with what that gave, and the resource is left: once,
// however the body ended, cancellation included. That was delivered already, so that leaving can
// wait; a second cancel() interrupts it. What leaving throws replaces what the body threw. Nothing
// is left that could not be entered. No allocation but pooled frames.
#pragma once

#include <eddy/core/callable.hpp>
#include <eddy/flow/resource.hpp>

#include <concepts>
#include <functional>
#include <optional>
#include <utility>

namespace eddy {

namespace internal {

// A body takes what it is lent, or nothing.
template <class B, class R>
concept BodyWith = Resource<R> && (Body<B, std::add_lvalue_reference_t<Lent<R>>> || Body<B>);

template <class B, class G>
struct BodyOf : std::type_identity<BodyValue<B, G&>> {};
template <class B, class G>
  requires(!Body<B, G&>)
struct BodyOf<B, G> : std::type_identity<BodyValue<B>> {};
template <class B, class R>
using WithValue = typename BodyOf<B, std::remove_reference_t<Lent<R>>>::type;

// What the body throws before it returns its task counts as thrown by the task.
template <class B, class G>
Task<typename BodyOf<B, G>::type> call_with(B& body, G& lent) {
  if constexpr (Body<B, G&>) {
    co_return co_await std::invoke(body, lent);
  } else {
    co_return co_await std::invoke(body);
  }
}

// The value of a body that ended with an exception which was suppressed.
template <class T>
T no_value() {
  if constexpr (std::is_void_v<T>) {
    return;
  } else if constexpr (std::default_initializable<T>) {
    return T();
  } else {
    throw UsageError("the exception was suppressed, and the body's type has no default value");
  }
}

// `R` is a reference, or the resource moved into the frame.
template <class R, class B>
Task<WithValue<B, std::remove_reference_t<R>>> with_resource(R resource, B body) {
  decltype(auto) lent = co_await enter(resource);
  std::optional<Expected<Held<WithValue<B, std::remove_reference_t<R>>>>> ended;
  try {
    ended.emplace(co_await as_outcome(call_with(body, lent)));
  } catch (...) {  // no memory for its frame: what was entered is left all the same
    ended.emplace(std::unexpect, Failure::current());
  }
  auto& outcome = *ended;
  std::exception_ptr exception;
  if (!outcome) exception = outcome.error().exception();
  auto suppressed = co_await as_outcome(leave(resource, exception));
  if (!suppressed) co_await fail(std::move(suppressed.error()));
  if (!outcome) {
    if (!*suppressed) co_await fail(std::move(outcome.error()));
    co_return no_value<WithValue<B, std::remove_reference_t<R>>>();
  }
  if constexpr (!std::is_void_v<WithValue<B, std::remove_reference_t<R>>>) {
    co_return std::move(*outcome);
  }
}

template <class R, class B>
Task<WithValue<B, R>> with_opened(Task<R> opening, B body) {
  R resource = co_await std::move(opening);
  co_return co_await with_resource<R&, B>(resource, std::move(body));
}

}  // namespace internal

// Keeps an lvalue where it is and takes an rvalue over.
template <class R, class B>
  requires internal::BodyWith<std::decay_t<B>, std::remove_cvref_t<R>>
auto with(R&& resource, B&& body) {
  EDDY_CHECK_KEPT(B);
  return internal::with_resource<R, std::decay_t<B>>(std::forward<R>(resource),
                                                     std::forward<B>(body));
}

// The same with what a task opens: with(open("a"), [](File& file) -> Task<> { ... })
template <Resource R, class B>
  requires internal::BodyWith<std::decay_t<B>, R>
auto with(Task<R> opening, B&& body) {
  EDDY_CHECK_KEPT(B);
  return internal::with_opened<R, std::decay_t<B>>(std::move(opening), std::forward<B>(body));
}

// closing(x, body): x.aclose(), or x.close(), when the body has ended; nothing is entered. `R` may
// be a reference.
template <class R>
class Closing {
 public:
  explicit Closing(R&& resource) : resource_(std::forward<R>(resource)) {}
  Task<std::remove_reference_t<R>&> enter() { co_return resource_; }
  Task<bool> exit(std::exception_ptr) {
    co_await internal::close(resource_);
    co_return false;
  }

 private:
  R resource_;
};

template <class R, class B>
  requires Closable<std::remove_cvref_t<R>>
auto closing(R&& resource, B&& body) {
  EDDY_CHECK_KEPT(B);
  return with(Closing<R>(std::forward<R>(resource)), std::forward<B>(body));
}

}  // namespace eddy
