// ExitStack: resources and callbacks whose number is known only at run time, left in reverse order.
//
//   co_await with(ExitStack(), [&](ExitStack& stack) -> Task<> {
//     for (auto& path : paths) files.push_back(&co_await stack.enter(open(path)));
//     ...
//   });
//
// Each exit is told what is on its way: the body's exception, what a later one threw instead, or
// null once one has suppressed it (Python's AsyncExitStack). One that is cancelled or throws does
// not keep the others from running. A stack that is dropped without exit() or aclose() leaves
// nothing and calls nothing: it only frees. It is left by one task at a time, and must not die
// while it is.
#pragma once

#include <eddy/core/callable.hpp>
#include <eddy/flow/resource.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace eddy {

class ExitStack {
 public:
  ExitStack() = default;
  ExitStack(ExitStack&& other) noexcept : top_(std::exchange(other.top_, nullptr)) {}
  ExitStack& operator=(ExitStack&& other) noexcept {
    std::swap(top_, other.top_);
    return *this;
  }
  ~ExitStack();

  // Enters `resource`, which the stack keeps; gives what enter() gave, or the resource. The result
  // stays until the stack is left. What cannot be entered is not kept.
  template <class R>
    requires Resource<std::remove_cvref_t<R>>
  Task<std::remove_reference_t<internal::Lent<std::remove_cvref_t<R>>>&> enter(R&& resource) {
    return enter_new<R>(std::forward<R>(resource));
  }
  template <Resource R>
  Task<std::remove_reference_t<internal::Lent<R>>&> enter(Task<R> opening) {
    return enter_opened<R>(std::move(opening));
  }

  // `exit` is called with the exception on its way, or null, and returns an awaitable of bool: true
  // suppresses it.
  template <class F>
  void push_exit(F&& exit) {
    EDDY_CHECK_KEPT(F);
    push(std::make_unique<Exit<std::decay_t<F>>>(std::forward<F>(exit)));
  }
  // `function` is called without arguments; what it returns is awaited if it is an awaitable.
  template <class F>
  void callback(F&& function) {
    EDDY_CHECK_KEPT(F);
    push(std::make_unique<Callback<std::decay_t<F>>>(std::forward<F>(function)));
  }

  bool empty() const noexcept { return !top_; }

  // Everything, for somebody else to leave.
  ExitStack pop_all() noexcept { return std::move(*this); }

  // Leaves everything, the last first. Throws UsageError when somebody does that already.
  Task<> aclose();

  // As a resource itself.
  Task<> enter() { co_return; }
  Task<bool> exit(std::exception_ptr exception);

 private:
  struct Node : internal::Pooled {
    virtual ~Node() = default;
    virtual Task<bool> leave(std::exception_ptr exception) = 0;
    Node* below = nullptr;
  };
  template <class R>
  struct Entered : Node {
    using Given = internal::Lent<std::remove_reference_t<R>>;
    explicit Entered(R&& entered) : resource(std::forward<R>(entered)) {}
    Task<bool> leave(std::exception_ptr exception) override {
      return internal::leave(resource, exception);
    }
    R resource;  // may be a reference
    std::optional<std::remove_reference_t<Given>> given;  // unless it was lent by reference
  };
  template <class F>
  struct Exit : Node {
    template <class G>
    explicit Exit(G&& callable) : exit(std::forward<G>(callable)) {}
    Task<bool> leave(std::exception_ptr exception) override {
      co_return co_await std::invoke(exit, exception);
    }
    F exit;
  };
  template <class F>
  struct Callback : Node {
    template <class G>
    explicit Callback(G&& callable) : function(std::forward<G>(callable)) {}
    Task<bool> leave(std::exception_ptr) override {
      if constexpr (Awaitable<std::invoke_result_t<F&>>) {
        co_await std::invoke(function);
      } else {
        std::invoke(function);
      }
      co_return false;
    }
    F function;
  };

  template <class R>
  Task<std::remove_reference_t<internal::Lent<std::remove_reference_t<R>>>&> enter_new(R resource) {
    auto node = std::make_unique<Entered<R>>(std::forward<R>(resource));
    auto& entered = *node;
    if constexpr (std::is_reference_v<typename Entered<R>::Given>) {
      auto& given = co_await internal::enter(entered.resource);
      push(std::move(node));
      co_return given;
    } else {
      entered.given.emplace(co_await internal::enter(entered.resource));
      push(std::move(node));
      co_return *entered.given;
    }
  }
  template <class R>
  Task<std::remove_reference_t<internal::Lent<R>>&> enter_opened(Task<R> opening) {
    R resource = co_await std::move(opening);
    co_return co_await enter_new<R>(std::move(resource));
  }
  void push(std::unique_ptr<Node> node) noexcept;
  std::unique_ptr<Node> pop() noexcept;

  Node* top_ = nullptr;
  bool leaving_ = false;
};

}  // namespace eddy
