// LimitExceeded: what was looked for did not come within so many bytes; those are still there.
#pragma once

#include <eddy/base/error.hpp>
#include <eddy/base/description.hpp>

#include <cerrno>

namespace eddy {

class LimitExceeded : public Error {
 public:
  // `code()` is EMSGSIZE. what() is
  //   read '127.0.0.1:80': longer than the limit
  explicit LimitExceeded(std::string_view operation, std::string_view subject = {})
      : Error({EMSGSIZE, own_category()}, operation, subject) {}
  //   read '127.0.0.1:80': no delimiter within 64 bytes
  LimitExceeded(std::string_view operation, std::string_view subject, std::size_t limit)
      : Error({EMSGSIZE, own_category()}, operation, subject,
              "no delimiter within " + internal::count_of_bytes(limit)) {}
};

}  // namespace eddy
