#include <eddy/file/internal/path.hpp>

#include <eddy/base/error.hpp>

namespace eddy::internal {

void refuse_path(std::string_view path) {
  const std::string begin(path.substr(0, path.find('\0')));
  throw UsageError("a path with a zero byte after '" + begin + "'");
}

}  // namespace eddy::internal
