#include <eddy/net/address.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/sys.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace eddy {
using namespace internal;
namespace {

template <class T>
std::optional<T> number(std::string_view text) noexcept {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

// inet_pton(3) wants a zero at the end; the longest text of IPv6 has 45 characters.
bool to_binary(int family, std::string_view text, void* into) noexcept {
  char copy[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof copy || text.find('\0') != text.npos) return false;
  copy[text.copy(copy, sizeof copy - 1)] = '\0';
  return ::inet_pton(family, copy, into) == 1;
}

// By number, or the name of an interface.
std::optional<std::uint32_t> scope_of(std::string_view text) noexcept {
  if (const auto id = number<std::uint32_t>(text)) return id;
  char name[IF_NAMESIZE];
  if (text.empty() || text.size() >= sizeof name || text.find('\0') != text.npos) {
    return std::nullopt;
  }
  name[text.copy(name, sizeof name - 1)] = '\0';
  const unsigned index = sys::if_nametoindex(name);
  if (index == 0) return std::nullopt;
  return index;
}

std::optional<sockaddr_in> parse_v4(std::string_view text, std::uint16_t port) noexcept {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (!to_binary(AF_INET, text, &address.sin_addr)) return std::nullopt;
  return address;
}

std::optional<sockaddr_in6> parse_v6(std::string_view text, std::uint16_t port) noexcept {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  const auto percent = text.find('%');
  if (percent != text.npos) {
    const auto scope = scope_of(text.substr(percent + 1));
    if (!scope) return std::nullopt;
    address.sin6_scope_id = *scope;
  }
  if (!to_binary(AF_INET6, text.substr(0, percent), &address.sin6_addr)) return std::nullopt;
  return address;
}

template <class T>
Address of(const T& address) noexcept {
  return Address::from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

sockaddr_in v4_of(in_addr_t address, std::uint16_t port) noexcept {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  result.sin_addr.s_addr = htonl(address);
  return result;
}

sockaddr_in6 v6_of(const in6_addr& address, std::uint16_t port) noexcept {
  sockaddr_in6 result{};
  result.sin6_family = AF_INET6;
  result.sin6_port = htons(port);
  result.sin6_addr = address;
  return result;
}

// A path ends with a zero byte; an abstract name begins with one, and has no end but its size.
std::optional<Address> try_local(std::string_view text, bool abstract) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (text.empty() || text.size() >= sizeof address.sun_path) return std::nullopt;
  if (!abstract && text.find('\0') != text.npos) return std::nullopt;
  text.copy(address.sun_path + (abstract ? 1 : 0), text.size());
  const auto size = offsetof(sockaddr_un, sun_path) + text.size() + 1;
  return Address::from(reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size));
}

}  // namespace

std::optional<Address> Address::try_ip(std::string_view text, std::uint16_t port) noexcept {
  if (const auto v4 = parse_v4(text, port)) return of(*v4);
  if (const auto v6 = parse_v6(text, port)) return of(*v6);
  return std::nullopt;
}

Address Address::ip(std::string_view text, std::uint16_t port) {
  const auto address = try_ip(text, port);
  if (!address) throw UsageError("not an IP address: '" + std::string(text) + "'");
  return *address;
}

Address Address::loopback(std::uint16_t port) noexcept { return of(v4_of(INADDR_LOOPBACK, port)); }
Address Address::any(std::uint16_t port) noexcept { return of(v4_of(INADDR_ANY, port)); }
Address Address::loopback6(std::uint16_t port) noexcept {
  return of(v6_of(in6addr_loopback, port));
}
Address Address::any6(std::uint16_t port) noexcept { return of(v6_of(in6addr_any, port)); }

Address Address::unix_path(std::string_view path) {
  const auto address = try_local(path, false);
  if (!address) throw UsageError("not the path of a socket: '" + std::string(path) + "'");
  return *address;
}

Address Address::abstract(std::string_view name) {
  const auto address = try_local(name, true);
  if (!address) throw UsageError("not the name of a socket: '" + std::string(name) + "'");
  return *address;
}

std::optional<Address> Address::try_parse(std::string_view text) noexcept {
  if (text.starts_with("unix:@")) return try_local(text.substr(6), true);
  if (text.starts_with("unix:")) return try_local(text.substr(5), false);
  const auto colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  const auto port = number<std::uint16_t>(text.substr(colon + 1));
  if (!port) return std::nullopt;
  const std::string_view host = text.substr(0, colon);
  std::optional<Address> address;
  if (host.starts_with('[') && host.ends_with(']')) {
    if (const auto v6 = parse_v6(host.substr(1, host.size() - 2), *port)) address = of(*v6);
  } else if (const auto v4 = parse_v4(host, *port)) {
    address = of(*v4);
  }
  return address;
}

Address Address::parse(std::string_view text) {
  const auto address = try_parse(text);
  if (!address) throw UsageError("not an address: '" + std::string(text) + "'");
  return *address;
}

Address Address::from(const sockaddr* address, socklen_t size) noexcept {
  Address result;
  EDDY_ASSERT(address || size == 0);
  std::memcpy(&result.storage_, address, std::min(size, capacity));
  result.set_size(size);
  return result;
}

// The kernel says how long a name really is, also when it did not fit.
void Address::set_size(socklen_t size) noexcept {
  size_ = std::min(size, capacity);
  EDDY_ASSERT(size_ <= sizeof storage_);
  if (size_ < sizeof(sa_family_t)) storage_.any.sa_family = AF_UNSPEC;
}

std::uint16_t Address::port() const noexcept {
  if (family() == AF_INET) return ntohs(storage_.v4.sin_port);
  if (family() == AF_INET6) return ntohs(storage_.v6.sin6_port);
  return 0;
}

Address Address::with_port(std::uint16_t port) const noexcept {
  Address other = *this;
  if (family() == AF_INET) other.storage_.v4.sin_port = htons(port);
  if (family() == AF_INET6) other.storage_.v6.sin6_port = htons(port);
  return other;
}

std::string Address::host() const {
  char text[INET6_ADDRSTRLEN];
  if (family() == AF_INET) {
    return ::inet_ntop(AF_INET, &storage_.v4.sin_addr, text, sizeof text);
  }
  if (family() == AF_INET6) {
    std::string host = ::inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof text);
    if (storage_.v6.sin6_scope_id != 0) host += '%' + std::to_string(storage_.v6.sin6_scope_id);
    return host;
  }
  return {};
}

std::string_view Address::path() const noexcept {
  if (!is_unix() || size_ <= path_offset) return {};
  const std::string_view all(storage_.local.sun_path, size_ - path_offset);
  return is_abstract() ? all.substr(1) : all.substr(0, all.find('\0'));
}

std::string Address::format() const {
  if (is_unix()) {
    const char* prefix = is_abstract() ? "unix:@" : path().starts_with('@') ? "unix:./" : "unix:";
    return prefix + std::string(path());
  }
  if (family() == AF_INET) return host() + ':' + std::to_string(port());
  if (family() == AF_INET6) return '[' + host() + "]:" + std::to_string(port());
  return {};
}

bool operator==(const Address& a, const Address& b) noexcept {
  if (a.family() != b.family()) return false;
  if (a.family() == AF_INET) {
    return a.port() == b.port() && a.storage_.v4.sin_addr.s_addr == b.storage_.v4.sin_addr.s_addr;
  }
  if (a.family() == AF_INET6) {
    return a.port() == b.port() && a.storage_.v6.sin6_scope_id == b.storage_.v6.sin6_scope_id &&
           std::memcmp(&a.storage_.v6.sin6_addr, &b.storage_.v6.sin6_addr, sizeof(in6_addr)) == 0;
  }
  return a.is_abstract() == b.is_abstract() && a.path() == b.path();
}

}  // namespace eddy
