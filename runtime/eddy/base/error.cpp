#include <eddy/base/error.hpp>

#include <cerrno>

namespace eddy {
namespace {

std::string describe(std::string_view operation, std::string_view subject) {
  std::string text(operation);
  if (!subject.empty()) text.append(" '").append(subject).append("'");
  return text;
}

class OwnCategory : public std::error_category {
 public:
  const char* name() const noexcept override { return "eddy"; }
  std::string message(int code) const override {
    if (code == ETIMEDOUT) return "timed out";
    if (code == ENODATA) return "end of file";
    if (code == EMSGSIZE) return "longer than the limit";
    return std::generic_category().message(code);
  }
  std::error_condition default_error_condition(int code) const noexcept override {
    return {code, std::generic_category()};
  }
};

}  // namespace

const std::error_category& own_category() noexcept {
  static const OwnCategory category;
  return category;
}

Error::Error(int code, std::string_view operation, std::string_view subject)
    : Error(std::error_code(code, std::system_category()), operation, subject) {}

Error::Error(std::error_code code, std::string_view operation, std::string_view subject)
    : std::system_error(code, describe(operation, subject)) {}

Error::Error(std::error_code code, std::string_view operation, std::string_view subject,
             std::string_view said)
    : std::system_error(code), whole_(describe(operation, subject).append(": ").append(said)) {}

TimeoutError::TimeoutError(std::string_view operation, std::string_view subject)
    : TimeoutError({ETIMEDOUT, own_category()}, operation, subject) {}

TimeoutError::TimeoutError(std::error_code code, std::string_view operation,
                           std::string_view subject)
    : Error(code, operation, subject) {}

TimeoutError::TimeoutError(std::string_view operation, std::string_view subject,
                           std::string_view after)
    : Error({ETIMEDOUT, own_category()}, operation, subject,
            std::string("timed out ").append(after)) {}

}  // namespace eddy
