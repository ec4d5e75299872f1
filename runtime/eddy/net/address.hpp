// Address: where a socket is or goes: IPv4 or IPv6 with a port, or a UNIX path. Pure: asks nobody.
//
//   127.0.0.1:80   [::1]:80   [fe80::1%eth0]:80   unix:/run/app.sock   unix:@abstract
//
// parse() takes what format() gives; names are resolved by resolve(), not here.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace eddy {

// Trivially copyable.
class Address {
 public:
  // No address: family() is AF_UNSPEC.
  Address() noexcept = default;

  // An IPv4 or IPv6 address as text, the latter with an optional %scope, by name or number; no
  // value for anything else, names of hosts included.
  static std::optional<Address> try_ip(std::string_view text, std::uint16_t port) noexcept;
  // The same. Throws UsageError.
  static Address ip(std::string_view text, std::uint16_t port);
  // Of this machine alone, and of all its interfaces.
  static Address loopback(std::uint16_t port) noexcept;
  static Address any(std::uint16_t port) noexcept;
  static Address loopback6(std::uint16_t port) noexcept;
  // Takes IPv4 too, unless the socket is told not to.
  static Address any6(std::uint16_t port) noexcept;
  // A socket in the file system. Throws UsageError when it is empty, longer than 107 bytes or holds
  // a zero byte.
  static Address unix_path(std::string_view path);
  // A name that is in no file system, and gone with its last socket.
  static Address abstract(std::string_view name);

  // The text of format(); no value for anything else. A port is decimal digits
  // alone, zeros before them too, up to 65535.
  static std::optional<Address> try_parse(std::string_view text) noexcept;
  // The same. Throws UsageError.
  static Address parse(std::string_view text);

  // From the kernel. REQUIRES: `size` bytes are there
  static Address from(const sockaddr* address, socklen_t size) noexcept;

  sa_family_t family() const noexcept { return storage_.any.sa_family; }
  bool is_ip() const noexcept { return family() == AF_INET || family() == AF_INET6; }
  bool is_unix() const noexcept { return family() == AF_UNIX; }
  explicit operator bool() const noexcept { return family() != AF_UNSPEC; }

  // 0 where there is none.
  std::uint16_t port() const noexcept;
  Address with_port(std::uint16_t port) const noexcept;
  // The address without its port: "127.0.0.1", "fe80::1%2". Empty for UNIX.
  std::string host() const;
  // The path, or the name without its zero byte. Empty for IP.
  std::string_view path() const noexcept;
  bool is_abstract() const noexcept { return is_unix() && size_ > path_offset && !first(); }

  // See above. A path that begins with @ gets "./" before it; an unnamed UNIX socket is "unix:",
  // and no address is "".
  std::string format() const;

  // For the kernel; set_size() after it filled it in.
  const sockaddr* data() const noexcept { return &storage_.any; }
  sockaddr* data() noexcept { return &storage_.any; }
  socklen_t size() const noexcept { return size_; }
  void set_size(socklen_t size) noexcept;
  static constexpr socklen_t capacity = sizeof(sockaddr_un);

  friend bool operator==(const Address& a, const Address& b) noexcept;

 private:
  static constexpr socklen_t path_offset = offsetof(sockaddr_un, sun_path);
  char first() const noexcept { return storage_.local.sun_path[0]; }

  union Storage {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un local;
  };
  Storage storage_{.local = {}};
  socklen_t size_ = 0;
};

}  // namespace eddy
