#include <eddy/base/internal/kernel_file.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/work/cpus.hpp>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

namespace eddy {
using namespace internal;
namespace {

// The number that `text` begins with, which it loses; 0 where there is none: "max", "-1".
long long take_number(std::string_view& text) {
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return 0;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  return number;
}

// 0: no limit.
unsigned cpus_of(long long quota, long long period) {
  if (quota <= 0 || period <= 0) return 0;
  return static_cast<unsigned>(std::min((quota - 1) / period + 1, 1LL << 20));
}

unsigned limit_of(const std::string& folder, bool second_version) {
  if (second_version) {
    // "150000 100000", "max 100000"
    const std::string text = read_kernel_file(folder + "/cpu.max");
    std::string_view rest = text;
    const long long quota = take_number(rest);
    return cpus_of(quota, take_number(rest));
  }
  const std::string quota = read_kernel_file(folder + "/cpu.cfs_quota_us");
  const std::string period = read_kernel_file(folder + "/cpu.cfs_period_us");
  std::string_view quota_text = quota, period_text = period;
  return cpus_of(take_number(quota_text), take_number(period_text));
}

unsigned smaller_limit(unsigned a, unsigned b) {
  return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

// Each group is held to the limits of those above it.
unsigned smallest_limit(const std::string& top, std::string path, bool second_version) {
  unsigned limit = 0;
  for (;;) {
    limit = smaller_limit(limit, limit_of(top + path, second_version));
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return limit;
    path.resize(slash);
  }
}

bool has_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const std::size_t comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == "cpu") return true;
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return false;
}

}  // namespace

// Lines as "0::/user.slice" of the second version, "4:cpu,cpuacct:/docker/1" of the first.
unsigned internal::control_group_cpus(const char* membership, const char* root) {
  const std::string text = read_kernel_file(membership);
  std::string_view rest = text;
  unsigned limit = 0;
  while (!rest.empty()) {
    const std::size_t length = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, length);
    rest.remove_prefix(std::min(length + 1, rest.size()));
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    std::string path(line.substr(second + 1));
    if (path.ends_with('/')) path.pop_back();
    if (controllers.empty()) {
      limit = smaller_limit(limit, smallest_limit(root, path, true));
    } else if (has_cpu(controllers)) {
      limit = smaller_limit(limit, smallest_limit(root + std::string("/cpu"), path, false));
    }
  }
  return limit;
}

unsigned available_cpus() {
  cpu_set_t sets[64];  // a machine has up to 8192 processors today
  static_assert(sizeof sets * 8 >= 65536);
  const int size = sys::sched_getaffinity(0, sizeof sets, sets);
  const int allowed = size == 0 ? CPU_COUNT_S(sizeof sets, sets) : 1;
  return std::max(smaller_limit(static_cast<unsigned>(allowed), control_group_cpus()), 1u);
}

}  // namespace eddy
