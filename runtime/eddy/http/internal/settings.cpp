#include <eddy/http/internal/settings.hpp>

#include <eddy/base/error.hpp>
#include <eddy/http/headers.hpp>

#include <curl/curl.h>

#include <algorithm>
#include <charconv>

namespace eddy::http::internal {
namespace {

bool ends_with_name(std::string_view text, std::string_view end) noexcept {
  return text.size() >= end.size() && same_name(text.substr(text.size() - end.size()), end);
}

void take_proxy_apart(Settings& settings) {
  const std::string_view whole = settings.proxy;
  const std::size_t colon = whole.find("://");
  const std::string_view scheme = colon == whole.npos ? "http" : whole.substr(0, colon);
  std::string_view rest = colon == whole.npos ? whole : whole.substr(colon + 3);
  rest = rest.substr(0, rest.find('/'));
  rest.remove_prefix(rest.rfind('@') == rest.npos ? 0 : rest.rfind('@') + 1);
  const bool six = rest.starts_with('[');
  const std::size_t end = six ? rest.find(']') : std::min(rest.find(':'), rest.size());
  if (end == rest.npos || end == 0) throw UsageError("a proxy without a host");
  settings.proxy_host.assign(rest.substr(six, end - six));
  const std::string_view port = rest.substr(std::min(end + six, rest.size()));
  settings.proxy_port = same_name(scheme, "https") ? 443 : 1080;  // as libcurl has it
  if (port.size() > 1) {
    const auto [last, error] =
        std::from_chars(port.data() + 1, port.data() + port.size(), settings.proxy_port);
    if (error != std::errc() || last != port.data() + port.size()) {
      throw UsageError("a proxy with a port that is none");
    }
  }
  settings.proxy_resolves = !same_name(scheme, "socks5") && !same_name(scheme, "socks4");
}

// What libcurl undoes by itself.
std::string codings() {
  const int features = curl_version_info(CURLVERSION_NOW)->features;
  std::string all;
  if (features & CURL_VERSION_LIBZ) all += "deflate, gzip";
  if (features & CURL_VERSION_BROTLI) all += all.empty() ? "br" : ", br";
  if (features & CURL_VERSION_ZSTD) all += all.empty() ? "zstd" : ", zstd";
  return all;
}

}  // namespace

Settings::Settings(const ClientOptions& given)
    : options(given),
      limits(Limits().with(given.timeouts)),
      user_agent(given.user_agent),
      proxy(given.proxy),
      no_proxy(given.no_proxy),
      ca_file(given.ca_file),
      certificate(given.certificate),
      key(given.key),
      key_password(given.key_password) {
  if (given.max_connections == 0) throw UsageError("an http::Client without a connection");
  for (const std::string* text : {&user_agent, &proxy, &ca_file, &certificate, &key}) {
    if (text->find_first_of(std::string_view("\r\n\0", 3)) != text->npos) {
      throw UsageError("an option of an http::Client with a line feed or a zero byte");
    }
  }
  options.headers = {};  // views of what may be gone
  options.user_agent = options.proxy = options.no_proxy = options.ca_file = {};
  options.certificate = options.key = options.key_password = {};
  if (!proxy.empty()) take_proxy_apart(*this);
  if (!user_agent.empty()) usual_lines.push_back("User-Agent: " + user_agent);
  if (options.compression) usual_lines.push_back("Accept-Encoding: " + codings());
  texts_.reserve(2 * given.headers.size());
  for (const Field& field : given.headers) {
    texts_.emplace_back(field.name);
    texts_.emplace_back(field.value);
    fields_.push_back({texts_[texts_.size() - 2], texts_.back()});
  }
}

bool Settings::by_proxy(std::string_view host) const noexcept {
  if (proxy.empty()) return false;
  std::string_view rest = no_proxy;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    std::string_view name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (name == "*") return false;
    if (name.starts_with('.')) name.remove_prefix(1);
    if (name.empty() || !ends_with_name(host, name)) continue;
    if (host.size() == name.size() || host[host.size() - name.size() - 1] == '.') return false;
  }
  return true;
}

}  // namespace eddy::http::internal
