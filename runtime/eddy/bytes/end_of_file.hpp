// EndOfFile: the data ended before what was asked for; what there was is not lost.
#pragma once

#include <eddy/base/error.hpp>

#include <cerrno>
#include <memory>
#include <string>

namespace eddy {

class EndOfFile : public Error {
 public:
  EndOfFile(std::string_view operation, std::string_view subject, std::string partial)
      : Error(ENODATA, operation, subject),
        partial_(std::make_shared<const std::string>(std::move(partial))) {}

  // The bytes that were read before the end.
  const std::string& partial() const noexcept { return *partial_; }

 private:
  std::shared_ptr<const std::string> partial_;  // copying an exception must not throw
};

}  // namespace eddy
