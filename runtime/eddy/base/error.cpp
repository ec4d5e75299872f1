#include <eddy/base/error.hpp>

#include <cerrno>

namespace eddy {
namespace {

std::string describe(std::string_view operation, std::string_view subject) {
  std::string text(operation);
  if (!subject.empty()) text.append(" '").append(subject).append("'");
  return text;
}

}  // namespace

Error::Error(int code, std::string_view operation, std::string_view subject)
    : Error(std::error_code(code, std::system_category()), operation, subject) {}

Error::Error(std::error_code code, std::string_view operation, std::string_view subject)
    : std::system_error(code, describe(operation, subject)) {}

TimeoutError::TimeoutError(std::string_view operation, std::string_view subject)
    : Error(ETIMEDOUT, operation, subject) {}

}  // namespace eddy
