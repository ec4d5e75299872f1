// Root: a directory whose files are served, and nothing that is not below it.
#pragma once

#include "validators.hpp"

#include <eddy/eddy.hpp>

namespace http {

// A file to read, or the error why there is none. Its version is that of when it was opened.
struct Found {
  eddy::File file;
  Validators version;
  int error = 0;
};

class Root {
 public:
  explicit Root(const char* directory);  // throws Error

  // The kernel itself refuses paths, and symbolic links on the way, that lead out (EXDEV). EACCES
  // for what is no regular file.
  eddy::Task<Found> open(const std::string& path) const;

 private:
  eddy::UniqueFd directory_;
};

}  // namespace http
