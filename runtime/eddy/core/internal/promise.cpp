#include <eddy/core/internal/promise.hpp>

#include <utility>

namespace eddy::internal {
namespace {

constexpr int nested_most = 100;

// Of this thread: how many frames are being destroyed inside of each other, and those that are left
// for the outermost of them.
constinit thread_local int nested = 0;
constinit thread_local PromiseBase* left = nullptr;

}  // namespace

// One that never ran has nobody to tell: that word links those that are left.
void PromiseBase::destroy_unrun() noexcept {
  EDDY_ASSERT(!started());
  EDDY_ASSERT(!told_);
  if (nested == nested_most) [[unlikely]] {
    told_ = reinterpret_cast<std::uintptr_t>(std::exchange(left, this));
    return;
  }
  ++nested;
  std::coroutine_handle<PromiseBase>::from_promise(*this).destroy();
  while (nested == 1 && left) {
    PromiseBase* next = std::exchange(left, reinterpret_cast<PromiseBase*>(left->told_));
    std::coroutine_handle<PromiseBase>::from_promise(*next).destroy();
  }
  --nested;
}

}  // namespace eddy::internal
