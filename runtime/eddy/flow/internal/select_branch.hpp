// SelectBranch: one awaitable of a select(), with its name and what comes of it.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/task.hpp>
#include <eddy/flow/internal/select_waiter.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace eddy::internal {

// A text as a template's argument.
template <std::size_t size>
struct BranchName {
  consteval BranchName(const char (&literal)[size]) { std::copy_n(literal, size, text); }
  constexpr std::string_view view() const noexcept { return {text, size - 1}; }
  char text[size];
};

// The number of names where it is not among them.
template <BranchName wanted, BranchName... names>
consteval std::size_t place_of_name() {
  std::size_t place = 0;
  static_cast<void>(((wanted.view() == names.view() || (++place, false)) || ...));
  return place;
}

// `A`: what is kept, or a reference to what the caller keeps.
template <BranchName branch_name, class A>
class Named {
 public:
  static constexpr auto name = branch_name;
  explicit Named(A&& awaitable) : awaitable_(std::forward<A>(awaitable)) {}
  const std::remove_reference_t<A>& awaitable() const noexcept { return awaitable_; }
  A&& take() noexcept { return std::forward<A>(awaitable_); }
  using Awaitable = A;

 private:
  A awaitable_;
};

template <BranchName branch_name, Settles A>
class SelectBranch final : public SelectWaiter::Child {
 public:
  static constexpr auto name = branch_name;
  using value_type = typename A::value_type;
  using Outcome = Expected<Held<value_type>>;

  explicit SelectBranch(A&& awaiter) : awaiter_(std::move(awaiter)) {}

  bool take_if_ready() {
    try {
      if (!awaiter_.await_ready()) return false;
      settle_it();
    } catch (...) {
      fail(Failure::current());
    }
    return true;
  }
  bool suspend_in(std::coroutine_handle<> frame) { return suspend(awaiter_, frame); }
  void settle_it() { outcome_.emplace(settle(awaiter_)); }
  void fail(Failure failure) { outcome_.emplace(std::unexpected(std::move(failure))); }

  bool has_value() const noexcept { return outcome_ && outcome_->has_value(); }
  bool cancelled() const noexcept override {
    return outcome_ && !outcome_->has_value() && outcome_->error().is_cancelled();
  }
  void drop_unrun() noexcept override { internal::drop_unrun(awaiter_); }
  Failure failure() { return std::move(outcome_->error()); }
  std::optional<Outcome>&& take_outcome() noexcept { return std::move(outcome_); }

 private:
  A awaiter_;
  std::optional<Outcome> outcome_;
};

template <class Branch>
using BranchOutcome = std::optional<typename Branch::Outcome>;

// Goes on where await_ready() said no.
template <class Branch>
class [[nodiscard]] BranchWait {
 public:
  explicit BranchWait(Branch& branch) noexcept : branch_(branch) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> frame) { return branch_.suspend_in(frame); }
  void await_resume() { branch_.settle_it(); }

 private:
  Branch& branch_;
};

template <class Branch>
Task<> run_branch(Branch& branch) {
  try {
    co_await BranchWait<Branch>(branch);
  } catch (...) {  // it would not begin
    branch.fail(Failure::current());
  }
}

template <class A>
inline constexpr bool is_named = false;
template <BranchName name, class A>
inline constexpr bool is_named<Named<name, A>> = true;

template <class A>
concept BranchArgument = Awaitable<A> || is_named<std::remove_cvref_t<A>>;

template <class A>
decltype(auto) branch_awaiter(A&& awaitable) {
  if constexpr (is_named<std::remove_cvref_t<A>>) {
    return awaiter_of(awaitable.take());
  } else {
    return awaiter_of(std::forward<A>(awaitable));
  }
}
template <class A>
const auto& branch_awaitable(const A& awaitable) noexcept {
  if constexpr (is_named<A>) {
    return awaitable.awaitable();
  } else {
    return awaitable;
  }
}

template <class A>
inline constexpr auto name_of_branch = BranchName("");
template <BranchName name, class A>
inline constexpr auto name_of_branch<Named<name, A>> = name;
template <class A>
using BranchOf = SelectBranch<name_of_branch<std::remove_cvref_t<A>>,
                              std::remove_cvref_t<decltype(branch_awaiter(std::declval<A>()))>>;

}  // namespace eddy::internal
