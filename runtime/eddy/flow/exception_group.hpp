// ExceptionGroup: several failures at once, nested as the groups were.
//
//   catch (const ExceptionGroup& group) {
//     group.handle<ValueError>([](const ValueError& e) { ... })
//          .handle<Error>([](const Error& e) { ... })
//          .rethrow_rest();
//   }
//
// is the twin of Python's except*: each leaf goes to the first clause that fits; what fits none,
// and what the clauses throw, is thrown again as a group.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eddy {

class ExceptionGroup : public std::exception {
 public:
  using List = std::vector<std::exception_ptr>;
  using Predicate = std::function<bool(const std::exception_ptr&)>;
  class Handled;

  // REQUIRES: `exceptions` is not empty.
  ExceptionGroup(std::string message, List exceptions);

  // "unhandled errors in a TaskGroup (2 sub-exceptions) [read: Input/output error; cancelled]",
  // with groups among them in brackets of their own; of very many the first.
  const char* what() const noexcept override { return data_->what.c_str(); }
  const std::string& message() const noexcept { return data_->message; }
  // In the order in which they happened; groups among them stay groups.
  const List& exceptions() const noexcept { return data_->exceptions; }

  // The leaves for which `matches` is true, in groups as they were; no value if there are none.
  std::optional<ExceptionGroup> subgroup(const Predicate& matches) const;

  // Those that are an E, and the rest.
  template <class E>
  std::pair<std::optional<ExceptionGroup>, std::optional<ExceptionGroup>> split() const {
    return {subgroup(&is<E>), subgroup([](const auto& leaf) { return !is<E>(leaf); })};
  }

  template <class E, std::invocable<const E&> F>
  Handled handle(F clause) const;

  template <class E>
  static bool is(const std::exception_ptr& exception) {
    try {
      std::rethrow_exception(exception);
    } catch (const E&) {
      return true;
    } catch (...) {
      return false;
    }
  }

 private:
  struct Data {
    std::string message;
    List exceptions;
    std::string what;
  };
  std::shared_ptr<const Data> data_;  // copying an exception must not throw
};

// What is left of a group after some clauses.
class ExceptionGroup::Handled {
 public:
  explicit Handled(const ExceptionGroup& group) : rest_(group), message_(group.message()) {}

  template <class E, std::invocable<const E&> F>
  Handled& handle(F clause) {
    if (!rest_) return *this;
    auto [mine, others] = rest_->split<E>();
    if (mine) call<E>(*mine, clause);
    rest_ = std::move(others);
    return *this;
  }

  // Throws what no clause took and what clauses threw, as a group; nothing if there is none.
  void rethrow_rest();
  bool empty() const noexcept { return !rest_ && raised_.empty(); }

 private:
  template <class E, class F>
  void call(const ExceptionGroup& group, F& clause) {
    for (const auto& exception : group.exceptions()) {
      try {
        std::rethrow_exception(exception);
      } catch (const ExceptionGroup& nested) {
        call<E>(nested, clause);
      } catch (const E& error) {
        try {
          std::invoke(clause, error);
        } catch (...) {
          raised_.push_back(std::current_exception());
        }
      }
    }
  }

  std::optional<ExceptionGroup> rest_;
  std::string message_;
  List raised_;
};

template <class E, std::invocable<const E&> F>
ExceptionGroup::Handled ExceptionGroup::handle(F clause) const {
  Handled handled(*this);
  handled.handle<E>(std::move(clause));
  return handled;
}

}  // namespace eddy
