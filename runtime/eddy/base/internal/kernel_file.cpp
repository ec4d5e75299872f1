#include <eddy/base/internal/kernel_file.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/base/unique_fd.hpp>

namespace eddy::internal {

std::string read_kernel_file(const std::string& path) {
  std::string text;
  const UniqueFd fd(sys::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[4096];
  for (ssize_t count; fd && (count = sys::read(fd.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

}  // namespace eddy::internal
