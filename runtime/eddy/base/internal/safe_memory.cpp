#include <eddy/base/internal/safe_memory.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/sys.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace eddy::internal {
namespace {

constexpr std::uintptr_t page = 4096;

}  // namespace

SafeMemory::SafeMemory() : process_(sys::getpid()) {
  const int here = 1;
  int seen = 0;
  const auto address = reinterpret_cast<std::uintptr_t>(&here);
  if (read(address, seen)) return;
  const int error = errno;  // by a filter of system calls, or in a kernel without it
  file_.reset(sys::open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
  if (file_ && read(address, seen)) return;
  throw Error(error, "read the memory of this process");
}

bool SafeMemory::read(std::uintptr_t from, void* into, std::size_t size) const noexcept {
  EDDY_ASSERT(into);
  ssize_t got;
  if (file_) {
    got = sys::pread(file_.get(), into, size, static_cast<off_t>(from));
  } else {
    got = sys::process_vm_readv(process_, {into, size}, {reinterpret_cast<void*>(from), size});
  }
  return got == static_cast<ssize_t>(size);
}

// Page by page: the one behind it may not be there.
std::string SafeMemory::read_text(std::uintptr_t from, std::size_t most) const {
  std::string text;
  while (text.size() < most) {
    char part[64];
    const std::size_t size = std::min<std::uintptr_t>(sizeof part, page - from % page);
    if (!read(from, part, size)) break;
    const std::size_t length = ::strnlen(part, size);
    text.append(part, length);
    if (length < size) break;
    from += size;
  }
  text.resize(std::min(text.size(), most));
  return text;
}

}  // namespace eddy::internal
