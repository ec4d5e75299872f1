// select: the first of several awaitables that is ready, whatever each of them gives.
//
//   auto chosen = co_await select(named<"job">(jobs.get()), named<"tick">(ticker.tick()));
//   if (chosen.has<"job">()) work(chosen.get<"job">());
//   if (chosen.has<"tick">()) report();
//
// race() is for tasks that all give the same, and throws away what a loser has.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/flow/internal/same_loop.hpp>
#include <eddy/flow/internal/select_branch.hpp>
#include <eddy/flow/internal/select_waiter.hpp>

#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>

namespace eddy {

// What became of the branches of a select(), by place or by name.
template <class... Branches>
class Selected {
  template <std::size_t place>
  using Value = std::tuple_element_t<place, std::tuple<typename Branches::value_type...>>;
  template <internal::BranchName name>
  static consteval std::size_t place_of() {
    constexpr std::size_t place = internal::place_of_name<name, Branches::name...>();
    static_assert(place < sizeof...(Branches), "select() has no branch of that name");
    return place;
  }

 public:
  explicit Selected(std::size_t index, internal::BranchOutcome<Branches>&&... outcomes)
      : index_(index), outcomes_(std::move(outcomes)...) {}

  // The one that was first.
  std::size_t index() const noexcept { return index_; }

  // It was first, or has a value all the same: see select().
  template <std::size_t place>
  bool has() const noexcept {
    const auto& outcome = std::get<place>(outcomes_);
    return index_ == place || (outcome && outcome->has_value());
  }
  template <internal::BranchName name>
  bool has() const noexcept {
    return has<place_of<name>()>();
  }

  // Its value; throws what it failed with. Throws UsageError unless has().
  template <std::size_t place>
  std::add_lvalue_reference_t<Value<place>> get() {
    if (!has<place>()) internal::throw_misuse("a branch of a select() that has lost has no value");
    auto& outcome = *std::get<place>(outcomes_);
    if (!outcome) outcome.error().raise();
    if constexpr (!std::is_void_v<Value<place>>) return *outcome;
  }
  template <internal::BranchName name>
  std::add_lvalue_reference_t<Value<place_of<name>()>> get() {
    return get<place_of<name>()>();
  }

 private:
  std::size_t index_;
  std::tuple<internal::BranchOutcome<Branches>...> outcomes_;
};

namespace internal {

template <class... Branches>
class [[nodiscard]] Select final : public SelectWaiter,
                                   public Raises<Select<Branches...>, Selected<Branches...>> {
 public:
  using value_type = Selected<Branches...>;
  explicit Select(Branches... branches) : branches_(std::move(branches)...) {}

  bool await_ready() {
    begin();
    std::size_t index = 0;
    each([&](auto& branch) {
      if (!chosen() && branch.take_if_ready()) choose(index);
      ++index;
    });
    if (chosen()) drop_unrun();
    return chosen().has_value();
  }
  bool await_suspend(std::coroutine_handle<> frame) {
    const bool begins = may_begin(frame);
    std::size_t index = 0;
    each([&](auto& branch) {
      if (begins && !chosen()) start(branch, index);
      ++index;
    });
    drop_unrun();
    return !begins || SelectWaiter::suspend(frame);
  }
  Expected<value_type> await_outcome() {
    if (auto failure = SelectWaiter::cancelled()) return std::unexpected(std::move(*failure));
    EDDY_ASSERT(chosen());
    return std::apply(
        [&](auto&... branch) -> Expected<value_type> {
          const bool gives_something = (branch.has_value() || ...);
          if (!gives_something) return std::unexpected(failure());
          return value_type(*chosen(), branch.take_outcome()...);
        },
        branches_);
  }

 private:
  template <class F>
  void each(F&& function) {
    std::apply([&](auto&... branch) { (function(branch), ...); }, branches_);
  }
  template <class Branch>
  void start(Branch& branch, std::size_t index) {
    try {
      began(index, spawn(run_branch(branch), {.name = {}, .eager = true}));
    } catch (...) {  // no memory
      branch.fail(Failure::current());
      choose(index);
    }
  }
  // Of the first.
  Failure failure() {
    std::optional<Failure> found;
    std::size_t index = 0;
    each([&](auto& branch) { if (index++ == *chosen()) found = branch.failure(); });
    return std::move(*found);
  }
  std::size_t count() const noexcept override { return sizeof...(Branches); }
  Child& child(std::size_t index) noexcept override {
    Child* found = nullptr;
    each([&](auto& branch) { if (index-- == 0) found = &branch; });
    return *found;
  }

  std::tuple<Branches...> branches_;
};

}  // namespace internal

// A name for a branch of a select().
template <internal::BranchName name, Awaitable A>
internal::Named<name, A> named(A&& awaitable) {
  return internal::Named<name, A>(std::forward<A>(awaitable));
}

// Resumes when the first has ended and the others have: those are cancelled and waited for. Each is
// asked in its order whether it is ready: the first that is wins, none of the others begins, and
// nothing is suspended. Where none is, they begin in their order, each in a task of its own, until
// one has ended; a Task or what else is not known to be ready before it runs begins here. Of those
// that end in one turn, the one whose turn was first.
//
// Nothing is lost of a loser: a queue's get() that was woken in the same turn hands its item back,
// as any cancelled wait undoes what its contract says. One that has a value all the same, since the
// kernel had done it, or since it does not listen, has<>() it beside the first. A loser's failure
// is nobody's concern; a handle that loses is cancelled, shield(handle) is not.
//
// Throws what the first failed with; has a loser a value then, get() of the first throws instead.
// Cancelled: every branch is, and has ended; if one has a value all the same, or failed, that is
// what comes, and the request stays pending (C13). Throws UsageError for a task of another loop. ∅
template <class... As>
  requires(sizeof...(As) > 0 && (internal::BranchArgument<As> && ...))
auto select(As&&... awaitables) {
  (internal::require_same_loop_of(internal::branch_awaitable(awaitables)), ...);
  return internal::Select<internal::BranchOf<As>...>(
      internal::BranchOf<As>(internal::branch_awaiter(std::forward<As>(awaitables)))...);
}

}  // namespace eddy
