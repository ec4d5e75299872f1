// Resource: what with(), closing() and ExitStack can enter and leave.
//
// Either it has enter() and exit(std::exception_ptr), both to be awaited, as Python's __aenter__
// and __aexit__: exit() is told what is on its way, or null, and gives true to suppress it. Or it
// has aclose() or close(), to be awaited or not: an open File, a Generator.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/task.hpp>

#include <exception>
#include <type_traits>

namespace eddy {

template <class R>
concept Managed = requires(R& resource, std::exception_ptr exception) {
  { resource.enter() } -> Awaitable;
  { resource.exit(exception) } -> Awaitable;
};

template <class R>
concept Closable = requires(R& resource) { resource.aclose(); } ||
                   requires(R& resource) { resource.close(); };

template <class R>
concept Resource = Managed<R> || Closable<R>;

// GCC 12 warns of the frames of these when a resource's class is local to a source file.
#pragma GCC diagnostic push
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wsubobject-linkage"
#endif

namespace internal {

template <Closable R>
Task<> close(R& resource) {
  if constexpr (requires { { resource.aclose() } -> Awaitable; }) {
    co_await resource.aclose();
  } else if constexpr (requires { { resource.close() } -> Awaitable; }) {
    co_await resource.close();
  } else {
    resource.close();
    co_return;
  }
}

// Ends the use of what was entered. True: `exception` goes no further.
template <Resource R>
Task<bool> leave(R& resource, std::exception_ptr exception) {
  if constexpr (Managed<R>) {
    co_return co_await resource.exit(exception);
  } else {
    co_await close(resource);
    co_return false;
  }
}

// What a body is given: the value of enter(), or the resource itself.
template <Resource R>
struct Lending : std::type_identity<R&> {};
template <Managed R>
  requires(!std::is_void_v<AwaitValue<decltype(std::declval<R&>().enter())>>)
struct Lending<R> : std::type_identity<AwaitValue<decltype(std::declval<R&>().enter())>> {};
template <class R>
using Lent = typename Lending<R>::type;

template <Resource R>
Task<Lent<R>> enter(R& resource) {
  if constexpr (std::is_same_v<Lent<R>, R&>) {
    if constexpr (Managed<R>) co_await resource.enter();
    co_return resource;
  } else {
    co_return co_await resource.enter();
  }
}

}  // namespace internal

#pragma GCC diagnostic pop

}  // namespace eddy
