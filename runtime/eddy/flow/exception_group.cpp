#include <eddy/flow/exception_group.hpp>

#include <eddy/base/description.hpp>

#include <cstddef>

namespace eddy {
namespace {

// What a text may be long that tells of a group in a group in a group.
constexpr std::size_t longest = 2000;
constexpr std::size_t longest_leaf = 300;

// No character of UTF-8 is cut into two.
void shorten(std::string& text, std::size_t size) {
  if (text.size() <= size) return;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  text.resize(size);
  text += "...";
}

std::string describe(std::string_view message, const ExceptionGroup::List& exceptions) {
  const std::size_t count = exceptions.size();
  std::string text(message);
  text.append(" (").append(std::to_string(count)).append(" sub-exception");
  text.append(count == 1 ? ") [" : "s) [");
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text += "; ";
    if (text.size() >= longest) {
      text.append("and ").append(std::to_string(count - i)).append(" more");
      break;
    }
    std::string said = to_text(exceptions[i]);
    const bool is_group = ExceptionGroup::is<ExceptionGroup>(exceptions[i]);
    shorten(said, is_group ? longest - text.size() : longest_leaf);
    text += said;
  }
  return text += ']';
}

}  // namespace

ExceptionGroup::ExceptionGroup(std::string message, List exceptions) {
  std::string what = describe(message, exceptions);
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
