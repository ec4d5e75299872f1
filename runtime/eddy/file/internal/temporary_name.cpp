#include <eddy/file/internal/temporary_name.hpp>

#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/loop.hpp>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdint>

namespace eddy::internal {
namespace {

std::uint64_t random_bits() noexcept {
  std::uint64_t bits;
  if (sys::getrandom(&bits, sizeof bits, GRND_NONBLOCK) == sizeof bits) return bits;
  static std::atomic<std::uint64_t> calls = 0;  // refused, or the machine has just been switched on
  const auto now = Loop::current().clock().time_since_epoch().count();
  return (static_cast<std::uint64_t>(now) + ++calls) * 0x9e3779b97f4a7c15u;
}

}  // namespace

std::string random_name() {
  std::string name;
  for (std::uint64_t bits = random_bits(), letters = 12; letters > 0; --letters, bits >>= 5) {
    name += "abcdefghijklmnopqrstuvwxyz234567"[bits % 32];
  }
  EDDY_ASSERT(name.size() == 12);
  return name;
}

Text name_beside(std::string_view path) {
  const auto slash = path.rfind('/');
  std::string beside(path.substr(0, slash == std::string_view::npos ? 0 : slash + 1));
  std::string name = ".tmp-" + random_name();
  const auto room = PATH_MAX - 1 - static_cast<std::int64_t>(beside.size());
  if (room < static_cast<std::int64_t>(name.size())) {
    name.erase(0, name.size() - static_cast<std::size_t>(std::max<std::int64_t>(room, 1)));
  }
  EDDY_ASSERT(!name.empty());
  return Text(beside + name);
}

}  // namespace eddy::internal
