#include <eddy/core/context.hpp>

#include <eddy/core/internal/task_state.hpp>
#include <eddy/core/internal/thread_state.hpp>

#include <new>

namespace eddy {
using namespace internal;
namespace {

constinit thread_local const Context* lent = nullptr;

}  // namespace

Context& Context::current() noexcept {
  static thread_local Context outside;  // for what runs in no task: main() before run()
  return thread_state.task ? thread_state.task->context() : outside;
}

Context::Lent::Lent(const Context& context) noexcept
    : before_(std::exchange(lent, &context)), own_(std::exchange(Context::current(), Context())) {
  EDDY_ASSERT(!thread_state.task);
}

Context::Lent::~Lent() {
  EDDY_ASSERT(!thread_state.task);
  Context::current() = std::move(own_);
  lent = before_;
}

Context::Box* Context::find(const void* variable) const noexcept {
  Box* box = own(variable);
  return box || !lent ? box : lent->own(variable);
}

Context::Box* Context::own(const void* variable) const noexcept {
  if (!values_) return nullptr;
  for (unsigned i = 0; i < values_->count; ++i) {
    if (values_->slots()[i].variable == variable) return values_->slots()[i].box;
  }
  return nullptr;
}

void Context::set(const void* variable, Box* box) {
  const unsigned old_count = values_ ? values_->count : 0;
  const unsigned kept = old_count - (own(variable) ? 1 : 0);
  const unsigned count = kept + (box ? 1 : 0);
  auto* fresh = ::new (Pool::allocate(sizeof(Values) + count * sizeof(Slot))) Values{1, count};
  Slot* slot = fresh->slots();
  for (unsigned i = 0; i < old_count; ++i) {
    if (values_->slots()[i].variable == variable) continue;
    *slot = values_->slots()[i];
    ++slot++->box->references;
  }
  if (box) *slot = {variable, box};
  EDDY_ASSERT(slot == fresh->slots() + kept);
  drop();
  values_ = fresh;
}

void Context::set_or_drop(const void* variable, Box* box) {
  try {
    set(variable, box);
  } catch (...) {
    if (box) box->release();
    throw;
  }
}

void Context::put_back(const void* variable, const Context& before, const Context& after) {
  if (values_ == after.values_) {
    *this = before;
    return;
  }
  Box* box = before.own(variable);
  if (box) ++box->references;
  set_or_drop(variable, box);
}

void Context::drop() noexcept {
  if (!values_ || --values_->references > 0) return;
  for (unsigned i = 0; i < values_->count; ++i) values_->slots()[i].box->release();
  Pool::release(values_, sizeof(Values) + values_->count * sizeof(Slot));
}

}  // namespace eddy
