#include <eddy/flow/exit_stack.hpp>

#include <eddy/core/try.hpp>

namespace eddy {

ExitStack::~ExitStack() {
  EDDY_VERIFY(!leaving_ && "an ExitStack died while it was being left");
  while (top_) pop();
}

void ExitStack::push(std::unique_ptr<Node> node) noexcept {
  EDDY_ASSERT(node);
  EDDY_ASSERT(!node->below);
  node->below = top_;
  top_ = node.release();
}

std::unique_ptr<ExitStack::Node> ExitStack::pop() noexcept {
  EDDY_ASSERT(top_);
  std::unique_ptr<Node> node(top_);
  top_ = node->below;
  return node;
}

Task<bool> ExitStack::exit(std::exception_ptr exception) {
  if (leaving_) throw UsageError("an exit stack is being left already");
  leaving_ = true;
  const bool failed = exception != nullptr;
  std::optional<Failure> thrown;  // by an exit, in the place of what was on its way
  while (top_) {
    const std::unique_ptr<Node> node = pop();
    try {
      auto suppressed = co_await as_outcome(node->leave(exception));
      if (!suppressed) {
        thrown = std::move(suppressed.error());
      } else if (*suppressed) {
        exception = nullptr;
        thrown.reset();
      }
    } catch (...) {  // no memory for its frame: the others are left all the same
      thrown = Failure::current();
    }
    if (thrown) exception = thrown->exception();
  }
  leaving_ = false;
  EDDY_ASSERT(!thrown || exception);
  if (thrown) co_await fail(std::move(*thrown));
  co_return failed && !exception;
}

Task<> ExitStack::aclose() {
  EDDY_DO(exit(nullptr));
}

}  // namespace eddy
