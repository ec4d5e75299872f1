// What libcurl is told of a request before it begins.
#include <eddy/http/internal/transfer.hpp>

#include <eddy/http/internal/client_state.hpp>

#include <algorithm>
#include <cstdio>
#include <new>
#include <string>
#include <utility>

namespace eddy::http::internal {
using namespace eddy::internal;
namespace {

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  if (code == CURLE_OK) return;
  if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  throw UsageError(std::string("libcurl refuses option ") + std::to_string(option) + ": " +
                   curl_easy_strerror(code));
}

// What stays, unless it has changed.
void set(CURL* easy, CURLoption option, long& known, long value) {
  if (known == value) return;
  set(easy, option, value);
  known = value;
}

char no_expect[] = "Expect:";  // libcurl would wait for a second for who does not know it
char no_type[] = "Content-Type:";

bool has_body_by_rule(std::string_view method) noexcept {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

Wire::Wire() : easy(curl_easy_init()), parts(curl_url()) {
  if (easy && parts) return;
  curl_easy_cleanup(easy);
  curl_url_cleanup(parts);
  throw std::bad_alloc();
}

Wire::~Wire() {
  curl_easy_cleanup(easy);
  curl_url_cleanup(parts);
}

bool Transfer::switches_twice() noexcept {
  static const unsigned number = curl_version_info(CURLVERSION_NOW)->version_num;
  return number >= 0x075800 && number < 0x080000;
}

void Transfer::set_up(Exchange& self, Wire& wire) {
  if (!wire.is_set_up) set_up_for_good(self, wire);
  wire.error[0] = '\0';
  set_up_url(self.out_, wire);
  set_up_connection(self, wire);
  set_up_addresses(self, wire);
  set_up_lines(self, wire);
  set_up_body(self, wire);
}

// What is the same for all of the client's requests: once for each handle, and after a request that
// was more than a GET, since no option tells how to take back what made it that.
void Transfer::set_up_for_good(Exchange& self, Wire& wire) {
  CURL* easy = wire.easy;
  curl_easy_setopt(easy, CURLOPT_COOKIEFILE, nullptr);  // libcurl 7.88 forgets to free that list
  curl_easy_reset(easy);
  wire.url.clear();
  wire.knows_lines = wire.knows_addresses = false;
  wire.version = wire.waits_for_pipe = wire.fresh = wire.connect_limit = -1;
  for (const CURLoption data : {CURLOPT_PRIVATE, CURLOPT_HEADERDATA, CURLOPT_WRITEDATA,
                                CURLOPT_READDATA, CURLOPT_SEEKDATA, CURLOPT_PREREQDATA,
                                CURLOPT_RESOLVER_START_DATA, CURLOPT_OPENSOCKETDATA}) {
    set(easy, data, static_cast<void*>(&wire));
  }
  set(easy, CURLOPT_ERRORBUFFER, wire.error);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_PATH_AS_IS, 0L);
  set(easy, CURLOPT_HEADERFUNCTION, &on_line);
  set(easy, CURLOPT_WRITEFUNCTION, &on_body);
  set(easy, CURLOPT_PREREQFUNCTION, &on_connected);
  set(easy, CURLOPT_RESOLVER_START_FUNCTION, &on_resolve);
  set(easy, CURLOPT_OPENSOCKETFUNCTION, &ClientState::open_socket);
  set(easy, CURLOPT_CLOSESOCKETFUNCTION, &ClientState::close_socket);
  set(easy, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(self.client_.get()));
  const Settings& settings = self.client_->settings();
  const ClientOptions& options = settings.options;
  const auto kept = std::chrono::ceil<std::chrono::seconds>(Duration(options.keep_alive)).count();
  if (kept <= 0) {
    set(easy, CURLOPT_FORBID_REUSE, 1L);
  } else {
    set(easy, CURLOPT_MAXAGE_CONN, static_cast<long>(std::min<long long>(kept, 1L << 30)));
  }
  set(easy, CURLOPT_PROXY, "");
  set(easy, CURLOPT_NOPROXY, "");  // decided here, and not by the environment
  if (!settings.proxy.empty()) set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (options.compression) set(easy, CURLOPT_ACCEPT_ENCODING, "");
  // For CONNECT; a request has it among its lines.
  if (!settings.user_agent.empty() && !settings.proxy.empty()) {
    set(easy, CURLOPT_USERAGENT, settings.user_agent.c_str());
  }
  if (options.cookies) set(easy, CURLOPT_COOKIEFILE, "");
  self.client_->share_cookies(easy);
  set_up_security(settings, wire);
  wire.is_set_up = true;
}

// Taken apart here, since libcurl would do it for each request, and write it down again.
void Transfer::set_up_url(const Outgoing& out, Wire& wire) {
  const std::string& url = out.url;
  constexpr std::size_t most_kept = 4096;
  if (wire.url == url) return;
  wire.url.clear();
  const CURLUcode code = curl_url_set(wire.parts, CURLUPART_URL, url.c_str(), 0);
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
  set(wire.easy, CURLOPT_URL, url.c_str());  // which fails as it would, where that is none
  // libcurl 7.88 copies the parts without an address' zone.
  const bool in_parts = code == CURLUE_OK && out.host.find('%') == out.host.npos;
  set(wire.easy, CURLOPT_CURLU, in_parts ? wire.parts : nullptr);
  if (url.size() <= most_kept) wire.url = url;
}

void Transfer::set_up_connection(Exchange& self, Wire& wire) {
  CURL* easy = wire.easy;
  const Settings& settings = self.client_->settings();
  const bool prior = settings.options.version == VersionWish::http2_prior_knowledge;
  const bool agreed = settings.options.version == VersionWish::automatic && self.out_.tls;
  const bool shares = prior && switches_twice() && self.shares_;
  const long version = shares   ? CURL_HTTP_VERSION_2
                       : prior  ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
                       : agreed ? CURL_HTTP_VERSION_2TLS
                                : CURL_HTTP_VERSION_1_1;
  set(easy, CURLOPT_HTTP_VERSION, wire.version, version);
  // Our own timer sees to it. Zero is libcurl's five minutes, for all of a host's addresses, and
  // costs it no timer for each request.
  const bool soon = self.limits_.connect <= std::chrono::seconds(100);
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, wire.connect_limit, soon ? 0L : 0x7fffffffL);
  set(easy, CURLOPT_PIPEWAIT, wire.waits_for_pipe, prior || agreed ? 1L : 0L);
  set(easy, CURLOPT_FRESH_CONNECT, wire.fresh, self.host_->stalled > 0 ? 1L : 0L);
  if (settings.proxy.empty()) return;
  set(easy, CURLOPT_PROXY, settings.by_proxy(self.out_.host) ? settings.proxy.c_str() : "");
}

void Transfer::set_up_security(const Settings& settings, Wire& wire) {
  CURL* easy = wire.easy;
  const long verify = settings.options.verify ? 1 : 0;
  set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(easy, CURLOPT_SSL_VERIFYPEER, verify);
  set(easy, CURLOPT_SSL_VERIFYHOST, 2 * verify);
  set(easy, CURLOPT_PROXY_SSL_VERIFYPEER, verify);
  set(easy, CURLOPT_PROXY_SSL_VERIFYHOST, 2 * verify);
  if (!settings.ca_file.empty()) {
    set(easy, CURLOPT_CAINFO, settings.ca_file.c_str());
    set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    set(easy, CURLOPT_PROXY_CAINFO, settings.ca_file.c_str());
  }
  if (!settings.certificate.empty()) set(easy, CURLOPT_SSLCERT, settings.certificate.c_str());
  if (!settings.key.empty()) set(easy, CURLOPT_SSLKEY, settings.key.c_str());
  if (!settings.key_password.empty()) {
    set(easy, CURLOPT_KEYPASSWD, settings.key_password.c_str());
  }
}

// Of the hosts whose latest addresses libcurl has not seen.
void Transfer::set_up_addresses(Exchange& self, Wire& wire) {
  wire.known.clear();
  wire.known_text.clear();
  Host* proxy = self.client_->proxy_host();
  for (Host* host : {self.host_, proxy}) {
    if (!host || host->literal || host->known == host->answers || host->line.empty()) continue;
    wire.known_text.append(host->line) += '\0';
    wire.known.push_back({});
  }
  if (wire.known.empty() && !wire.knows_addresses) return;
  set(wire.easy, CURLOPT_RESOLVE, static_cast<curl_slist*>(nullptr));
  wire.knows_addresses = !wire.known.empty();
  if (wire.known.empty()) return;
  char* text = wire.known_text.data();
  for (curl_slist& each : wire.known) {
    each = {text, &each + 1};
    text += std::char_traits<char>::length(text) + 1;
  }
  wire.known.back().next = nullptr;
  set(wire.easy, CURLOPT_RESOLVE, wire.known.data());
}

void Transfer::addresses_known(Exchange& self) noexcept {
  if (!self.wire_ || self.wire_->known.empty()) return;
  for (Host* host : {self.host_, self.client_->proxy_host()}) {
    if (host && self.wire_->known_text.find(host->line) != std::string::npos) {
      host->known = host->answers;
    }
  }
}

void Transfer::set_up_lines(Exchange& self, Wire& wire) {
  Outgoing& out = self.out_;
  const bool usual = out.is_plain_get() && out.lines.empty();
  if (usual && wire.knows_lines) return;
  wire.knows_lines = false;
  wire.lines.clear();
  const auto add = [&wire](char* line) { wire.lines.push_back({line, nullptr}); };
  for (const Outgoing::Line& line : out.lines) add(out.text.data() + line.begin);
  for (const std::string& line : self.client_->settings().usual_lines) {
    const std::string_view name = std::string_view(line).substr(0, line.find(':'));
    if (!out.has_line(name)) add(const_cast<char*>(line.c_str()));
  }
  if (!out.is_plain_get() && !out.has_line("Expect")) add(no_expect);
  if (!out.is_plain_get() && !out.has_line("Content-Type")) add(no_type);
  for (std::size_t i = 0; i + 1 < wire.lines.size(); ++i) wire.lines[i].next = &wire.lines[i + 1];
  set(wire.easy, CURLOPT_HTTPHEADER, wire.lines.empty() ? nullptr : wire.lines.data());
  wire.knows_lines = usual;
}

void Transfer::set_up_body(Exchange& self, Wire& wire) {
  CURL* easy = wire.easy;
  const Outgoing& out = self.out_;
  const std::string& method = out.method;
  if (out.is_plain_get()) return;
  wire.is_set_up = false;  // for what comes after it
  if (out.upload) {
    set(easy, CURLOPT_UPLOAD, 1L);
    set(easy, CURLOPT_READFUNCTION, &on_read);
    set(easy, CURLOPT_SEEKFUNCTION, &on_seek);
    if (const auto size = out.upload->size()) {
      set(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(*size));
    }
    if (method != "PUT") set(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
  } else if (out.has_body || has_body_by_rule(method)) {
    set(easy, CURLOPT_POST, 1L);
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(out.body.size()));
    set(easy, CURLOPT_POSTFIELDS, out.body.c_str());
    if (method != "POST") set(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
  } else if (method == "HEAD") {
    set(easy, CURLOPT_NOBODY, 1L);
  } else {
    set(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
  }
}

// -- what libcurl calls --

std::size_t Transfer::on_line(char* data, std::size_t size, std::size_t count,
                              void* wire) noexcept {
  Exchange& exchange = *static_cast<Wire*>(wire)->exchange;
  try {
    return take_line(exchange, {data, size * count}) ? size * count : 0;
  } catch (const std::bad_alloc&) {
    exchange.no_memory_ = true;
    return 0;
  }
}

// Before libcurl asks somebody for a name, which it has no reason to: that would take a thread.
int Transfer::on_resolve(void*, void*, void* wire) noexcept {
  const Exchange& exchange = *static_cast<Wire*>(wire)->exchange;
  const Host* proxy = exchange.client_->proxy_host();
  return exchange.host_->literal || (proxy && proxy->literal) ? 0 : 1;
}

}  // namespace eddy::http::internal
