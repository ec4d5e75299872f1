// LimitExceeded: what was looked for did not come within so many bytes; those are still there.
#pragma once

#include <eddy/base/error.hpp>

#include <cerrno>

namespace eddy {

class LimitExceeded : public Error {
 public:
  // `code()` is EMSGSIZE.
  explicit LimitExceeded(std::string_view operation, std::string_view subject = {})
      : Error(EMSGSIZE, operation, subject) {}
};

}  // namespace eddy
