#include <eddy/flow/exception_group.hpp>

namespace eddy {

ExceptionGroup::ExceptionGroup(std::string message, List exceptions) {
  const auto count = exceptions.size();
  std::string what = message + " (" + std::to_string(count) + " sub-exception" +
                     (count == 1 ? ")" : "s)");
  data_ = std::make_shared<const Data>(
      Data{std::move(message), std::move(exceptions), std::move(what)});
}

std::optional<ExceptionGroup> ExceptionGroup::subgroup(const Predicate& matches) const {
  List kept;
  for (const auto& exception : exceptions()) {
    try {
      std::rethrow_exception(exception);
    } catch (const ExceptionGroup& nested) {
      if (auto part = nested.subgroup(matches)) {
        kept.push_back(std::make_exception_ptr(std::move(*part)));
      }
    } catch (...) {
      if (matches(exception)) kept.push_back(exception);
    }
  }
  if (kept.empty()) return std::nullopt;
  return ExceptionGroup(message(), std::move(kept));
}

void ExceptionGroup::Handled::rethrow_rest() {
  if (empty()) return;
  if (raised_.empty()) throw *std::exchange(rest_, std::nullopt);
  List all = std::exchange(raised_, {});
  if (rest_) all.push_back(std::make_exception_ptr(*std::exchange(rest_, std::nullopt)));
  throw ExceptionGroup(message_, std::move(all));
}

}  // namespace eddy
