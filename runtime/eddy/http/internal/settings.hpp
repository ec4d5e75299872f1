// Settings: a client's options, as its own.
#pragma once

#include <eddy/http/client.hpp>
#include <eddy/http/internal/outgoing.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace eddy::http::internal {

class Settings {
 public:
  // Throws UsageError for what cannot be.
  explicit Settings(const ClientOptions& options);

  // Asked by way of the proxy.
  bool by_proxy(std::string_view host) const noexcept;
  Fields headers() const noexcept { return Fields(std::span<const Field>(fields_)); }

  ClientOptions options;  // of it, what is no view
  Limits limits;
  std::string user_agent;
  // What each request says that does not say otherwise, "Name: value". As lines of its own they
  // cost less than by libcurl's options, which write each of them down twice.
  std::vector<std::string> usual_lines;
  std::string proxy;
  std::string proxy_host;
  std::uint16_t proxy_port = 0;
  bool proxy_resolves = true;  // the names of the hosts are its business
  std::string no_proxy;
  std::string ca_file;
  std::string certificate;
  std::string key;
  std::string key_password;

 private:
  std::vector<std::string> texts_;
  std::vector<Field> fields_;
};

}  // namespace eddy::http::internal
