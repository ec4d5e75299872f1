// EndOfFile: the data ended before what was asked for; what there was is not lost.
#pragma once

#include <eddy/base/error.hpp>
#include <eddy/base/description.hpp>

#include <cerrno>
#include <memory>
#include <string>

namespace eddy {

class EndOfFile : public Error {
 public:
  // `expected` is what was asked for: "a delimiter", "10 bytes"; empty: left out. what() is
  //   read '127.0.0.1:80': end of file after 3 bytes, expected 10 bytes
  EndOfFile(std::string_view operation, std::string_view subject, std::string partial,
            std::string_view expected = {})
      : Error({ENODATA, own_category()}, operation, subject, describe(partial.size(), expected)),
        partial_(std::make_shared<const std::string>(std::move(partial))) {}

  // The bytes that were read before the end.
  const std::string& partial() const noexcept { return *partial_; }

 private:
  static std::string describe(std::size_t came, std::string_view expected) {
    std::string text = "end of file after " + internal::count_of_bytes(came);
    if (!expected.empty()) text.append(", expected ").append(expected);
    return text;
  }

  std::shared_ptr<const std::string> partial_;  // copying an exception must not throw
};

}  // namespace eddy
