#include <eddy/base/unique_fd.hpp>

#include <eddy/base/internal/sys.hpp>

namespace eddy {
using namespace internal;

void UniqueFd::close(int fd) noexcept { sys::close(fd); }

}  // namespace eddy
