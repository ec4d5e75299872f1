#include <eddy/http/internal/transfer.hpp>

#include <eddy/http/internal/client_state.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <new>
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

char no_expect[] = "Expect:";  // libcurl would wait for a second for who does not know it
char no_type[] = "Content-Type:";

// With prior knowledge of HTTP/2, libcurl 7.88 puts it on top of the HTTP/2 that a connection
// has from its first request, and both fail. A request that shares a connection must not be told;
// one that has a new connection must. Which it is, is seen before anything of it is sent.
bool switches_twice() noexcept {
  static const unsigned number = curl_version_info(CURLVERSION_NOW)->version_num;
  return number >= 0x075800 && number < 0x080000;
}

bool has_body_by_rule(std::string_view method) noexcept {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

Wire::Wire() : easy(curl_easy_init()) { if (!easy) throw std::bad_alloc(); }
Wire::~Wire() { curl_easy_cleanup(easy); }

// -- on and off --

void Transfer::put_on(Exchange& self) {
  EDDY_ASSERT(self.stage_ == Exchange::Stage::placed && !self.wire_);
  self.enter(Phase::connect);
  if (self.turned_ == 0) self.shares_ = self.host_->open > 0 && self.host_->stalled == 0;
  Wire* wire = self.client_->take_wire();
  try {
    wire->exchange = &self;
    set_up(self, *wire);
    const CURLMcode code = curl_multi_add_handle(self.client_->multi(), wire->easy);
    if (code == CURLM_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLM_OK) throw UsageError(curl_multi_strerror(code));
  } catch (...) {
    self.client_->give_back(wire);
    throw;
  }
  self.wire_ = wire;
  self.stage_ = Exchange::Stage::running;
}

void Transfer::take_off(Exchange& self) noexcept {
  Wire* wire = std::exchange(self.wire_, nullptr);
  curl_multi_remove_handle(self.client_->multi(), wire->easy);
  self.client_->give_back(wire);
}

void Transfer::set_up(Exchange& self, Wire& wire) {
  CURL* easy = wire.easy;
  curl_easy_setopt(easy, CURLOPT_COOKIEFILE, nullptr);  // libcurl 7.88 forgets to free that list
  curl_easy_reset(easy);
  wire.error[0] = '\0';
  set(easy, CURLOPT_PRIVATE, static_cast<void*>(&wire));
  set(easy, CURLOPT_ERRORBUFFER, wire.error);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_URL, self.out_.url.c_str());
  set(easy, CURLOPT_PATH_AS_IS, 0L);
  // Our own timer sees to it; zero would be libcurl's five minutes.
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, 0x7fffffffL);
  set(easy, CURLOPT_HEADERFUNCTION, &on_line);
  set(easy, CURLOPT_HEADERDATA, static_cast<void*>(&self));
  set(easy, CURLOPT_WRITEFUNCTION, &on_body);
  set(easy, CURLOPT_WRITEDATA, static_cast<void*>(&self));
  set(easy, CURLOPT_PREREQFUNCTION, &on_connected);
  set(easy, CURLOPT_PREREQDATA, static_cast<void*>(&self));
  set(easy, CURLOPT_RESOLVER_START_FUNCTION, &on_resolve);
  set(easy, CURLOPT_RESOLVER_START_DATA, static_cast<void*>(&self));
  set(easy, CURLOPT_OPENSOCKETFUNCTION, &ClientState::open_socket);
  set(easy, CURLOPT_OPENSOCKETDATA, static_cast<void*>(&wire));
  set(easy, CURLOPT_CLOSESOCKETFUNCTION, &ClientState::close_socket);
  set(easy, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(self.client_.get()));
  set_up_connection(self, wire);
  if (self.out_.tls || !self.client_->settings().proxy.empty()) set_up_security(self, wire);
  set_up_addresses(self, wire);
  set_up_lines(self, wire);
  set_up_body(self, wire);
}

void Transfer::set_up_connection(Exchange& self, Wire& wire) {
  CURL* easy = wire.easy;
  const Settings& settings = self.client_->settings();
  const ClientOptions& options = settings.options;
  const bool prior = options.version == VersionWish::http2_prior_knowledge;
  const bool agreed = options.version == VersionWish::automatic && self.out_.tls;
  const bool shares = prior && switches_twice() && self.shares_;
  const long version = shares   ? CURL_HTTP_VERSION_2
                       : prior  ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
                       : agreed ? CURL_HTTP_VERSION_2TLS
                                : CURL_HTTP_VERSION_1_1;
  set(easy, CURLOPT_HTTP_VERSION, version);
  if (prior || agreed) set(easy, CURLOPT_PIPEWAIT, 1L);
  if (self.host_->stalled > 0) set(easy, CURLOPT_FRESH_CONNECT, 1L);
  const auto kept = std::chrono::ceil<std::chrono::seconds>(Duration(options.keep_alive)).count();
  if (kept <= 0) {
    set(easy, CURLOPT_FORBID_REUSE, 1L);
  } else {
    set(easy, CURLOPT_MAXAGE_CONN, static_cast<long>(std::min<long long>(kept, 1L << 30)));
  }
  const bool by_proxy = settings.by_proxy(self.out_.host);
  set(easy, CURLOPT_PROXY, by_proxy ? settings.proxy.c_str() : "");
  set(easy, CURLOPT_NOPROXY, "");  // decided here, and not by the environment
  if (by_proxy) set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (options.compression) set(easy, CURLOPT_ACCEPT_ENCODING, "");
  if (!settings.user_agent.empty()) set(easy, CURLOPT_USERAGENT, settings.user_agent.c_str());
  if (options.cookies) set(easy, CURLOPT_COOKIEFILE, "");
  self.client_->share_cookies(easy);
}

void Transfer::set_up_security(const Exchange& self, Wire& wire) {
  CURL* easy = wire.easy;
  const Settings& settings = self.client_->settings();
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
  wire.lines.clear();
  for (const Outgoing::Line& line : out.lines) {
    wire.lines.push_back({out.text.data() + line.begin, nullptr});
  }
  if (!out.has_line("Expect")) wire.lines.push_back({no_expect, nullptr});
  if (!out.has_line("Content-Type")) wire.lines.push_back({no_type, nullptr});
  for (std::size_t i = 0; i + 1 < wire.lines.size(); ++i) wire.lines[i].next = &wire.lines[i + 1];
  set(wire.easy, CURLOPT_HTTPHEADER, wire.lines.data());
}

void Transfer::set_up_body(Exchange& self, Wire& wire) {
  CURL* easy = wire.easy;
  const Outgoing& out = self.out_;
  const std::string& method = out.method;
  if (out.upload) {
    set(easy, CURLOPT_UPLOAD, 1L);
    set(easy, CURLOPT_READFUNCTION, &on_read);
    set(easy, CURLOPT_READDATA, static_cast<void*>(&self));
    set(easy, CURLOPT_SEEKFUNCTION, &on_seek);
    set(easy, CURLOPT_SEEKDATA, static_cast<void*>(&self));
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
  } else if (method != "GET") {
    set(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
  }
}

// -- what libcurl calls --

std::size_t Transfer::on_line(char* data, std::size_t size, std::size_t count,
                              void* self) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  try {
    take_line(exchange, {data, size * count});
    return size * count;
  } catch (const std::bad_alloc&) {
    exchange.no_memory_ = true;
    return 0;
  } catch (...) {
    return 0;
  }
}

void Transfer::take_line(Exchange& self, std::string_view line) {
  if (self.head_there_) return;  // of a trailer
  self.head_size_ += line.size();
  if (self.head_size_ > largest_head) throw UsageError("a head that is too long");
  if (line.starts_with("HTTP/")) {
    take_status(self, line);
  } else if (line == "\r\n" || line == "\n") {
    end_head(self);
  } else {
    self.headers_.add_line(line);
  }
}

// HTTP/1.1 404 Not Found
void Transfer::take_status(Exchange& self, std::string_view line) {
  self.headers_.clear();
  self.status_ = 0;
  const std::size_t begin = std::min(line.find(' '), line.size());
  const std::string_view version = line.substr(5, begin - 5);
  self.version_ = version == "1.1"         ? Version::http1_1
                  : version == "1.0"       ? Version::http1_0
                  : version.starts_with('2') ? Version::http2
                                             : Version::unknown;
  line.remove_prefix(std::min(begin + 1, line.size()));
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), self.status_);
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  self.reason_.assign(line);
}

void Transfer::end_head(Exchange& self) {
  const int status = self.status_;
  if (status >= 100 && status < 200 && status != 101) return;  // another follows
  const bool redirect = status == 301 || status == 302 || status == 303 || status == 307 ||
                        status == 308;
  if (redirect && self.out_.redirects > 0 && self.headers_.contains("Location")) {
    self.following_ = true;
    return;
  }
  self.enter(Phase::body);
  self.head_there_ = true;
  self.changed_.set();
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count,
                              void* self) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  try {
    return take_body(exchange, Bytes(data, size * count));
  } catch (const std::bad_alloc&) {
    exchange.no_memory_ = true;
    return 0;
  }
}

std::size_t Transfer::pause(Exchange& self) noexcept {
  self.paused_ = true;
  self.set_stalled(self.version_ == Version::http2);
  return CURL_WRITEFUNC_PAUSE;
}

// All of it is taken, or nothing.
std::size_t Transfer::take_body(Exchange& self, Bytes bytes) {
  if (bytes.empty()) return 0;
  if (Loop* here = self.loop()) self.since_ = here->now();
  if (self.following_) {
    self.dropped_ += bytes.size();
    return self.dropped_ > most_dropped ? 0 : bytes.size();
  }
  // A stream of HTTP/2 that is paused holds up the others of its connection.
  const std::size_t most = self.version_ == Version::http2 ? most_waiting_http2 : most_waiting;
  if (self.whole_) {
    if (self.whole_->size() > self.whole_limit_) return pause(self);
    self.whole_->append(bytes.text());
    // Who waits for all need not be woken for each piece.
    if (self.whole_->size() > self.whole_limit_) self.changed_.set();
  } else if (self.filling_) {
    if (self.came_ >= most) return pause(self);
    self.ahead_.append(bytes);
    self.came_ += bytes.size();
    self.changed_.set();
  } else {
    if (self.incoming_.size() >= most) return pause(self);
    self.incoming_.append(bytes);
  }
  return bytes.size();
}

std::size_t Transfer::on_read(char* data, std::size_t size, std::size_t count,
                              void* self) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  Upload& upload = *exchange.out_.upload;
  if (Loop* here = exchange.loop()) exchange.since_ = here->now();
  const std::size_t taken = upload.take(MutableBytes(data, size * count));
  if (taken > 0) return taken;
  if (upload.ended()) return 0;
  exchange.sending_paused_ = true;
  exchange.changed_.set();
  return CURL_READFUNC_PAUSE;
}

int Transfer::on_seek(void* self, curl_off_t offset, int origin) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  try {
    return exchange.out_.upload->rewind() ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
  } catch (...) {  // the source's
    return CURL_SEEKFUNC_FAIL;
  }
}

bool Transfer::found_as_expected(Exchange& self) noexcept {
  const bool prior =
      self.client_->settings().options.version == VersionWish::http2_prior_knowledge;
  if (!prior || !switches_twice()) return true;
  long made = 0;
  curl_easy_getinfo(self.wire_->easy, CURLINFO_NUM_CONNECTS, &made);
  self.again_ = (made == 0) != self.shares_;
  return !self.again_;
}

// Nothing of it was sent.
void Transfer::put_on_again(Exchange& self) noexcept {
  constexpr unsigned often = 8;
  take_off(self);
  self.again_ = false;
  self.shares_ = !self.shares_;
  self.stage_ = Exchange::Stage::placed;
  if (++self.turned_ > often) return self.fail_with(Kind::other, "no connection stays");
  try {
    put_on(self);
  } catch (...) {
    self.no_memory_ = true;
    self.fail_with(Kind::other, {});
  }
}

// There is a connection, a new one or one from before: the request goes out.
int Transfer::on_connected(void* self, char*, char*, int, int) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  addresses_known(exchange);
  if (!found_as_expected(exchange)) return CURL_PREREQFUNC_ABORT;
  try {
    exchange.enter(exchange.out_.has_body ? Phase::send : Phase::head);
    return CURL_PREREQFUNC_OK;
  } catch (const std::bad_alloc&) {
    exchange.no_memory_ = true;
    return CURL_PREREQFUNC_ABORT;
  }
}

// Before libcurl asks somebody for a name, which it has no reason to: that would take a thread.
int Transfer::on_resolve(void*, void*, void* self) noexcept {
  const auto& exchange = *static_cast<Exchange*>(self);
  const Host* proxy = exchange.client_->proxy_host();
  return exchange.host_->literal || (proxy && proxy->literal) ? 0 : 1;
}

void Transfer::resume_receiving(Exchange& self) noexcept {
  self.paused_ = false;
  self.set_stalled(false);
  const int mask = self.sending_paused_ ? CURLPAUSE_SEND : CURLPAUSE_CONT;
  const CURLcode code = curl_easy_pause(self.wire_->easy, mask);
  if (code != CURLE_OK) fail(self, *self.wire_, code);
}

void Transfer::resume_sending(Exchange& self) noexcept {
  self.sending_paused_ = false;
  const int mask = self.paused_ ? CURLPAUSE_RECV : CURLPAUSE_CONT;
  const CURLcode code = curl_easy_pause(self.wire_->easy, mask);
  if (code != CURLE_OK) fail(self, *self.wire_, code);
}

// -- the end --

void Transfer::done(Wire& wire, CURLcode code) noexcept {
  Exchange& self = *wire.exchange;
  if (self.again_) return put_on_again(self);
  const bool enough = code == CURLE_WRITE_ERROR && self.dropped_ > most_dropped;
  if (self.following_ && (code == CURLE_OK || enough) && !self.no_memory_) {
    take_off(self);
    try {
      if (self.followed_ < self.out_.redirects) return self.follow();
      const std::string many = std::to_string(self.followed_);
      self.fail_with(Kind::too_many_redirects, "too many redirects: " + many + " were followed");
    } catch (const UsageError& error) {
      self.fail_with(Kind::too_many_redirects, error.what());
    } catch (...) {
      self.no_memory_ = true;
      self.fail_with(Kind::other, {});
    }
  } else if (code == CURLE_OK && self.head_there_ && !self.no_memory_) {
    self.end();
  } else {
    fail(self, wire, code);
  }
}

namespace {

Kind kind_of(CURLcode code, bool head_there) noexcept {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return Kind::resolve;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
    case CURLE_NO_CONNECTION_AVAILABLE: return Kind::connect;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_USE_SSL_FAILED: return Kind::tls;
    case CURLE_PROXY: return Kind::proxy;
    case CURLE_SEND_ERROR: return Kind::send;
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2_STREAM: return Kind::receive;
    case CURLE_HTTP2:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WRITE_ERROR: return Kind::protocol;
    case CURLE_READ_ERROR:
    case CURLE_SEND_FAIL_REWIND: return Kind::body;
    case CURLE_OK: return head_there ? Kind::other : Kind::protocol;
    default: return Kind::other;
  }
}

}  // namespace

void Transfer::fail(Exchange& self, const Wire& wire, CURLcode code) noexcept {
  if (code == CURLE_OUT_OF_MEMORY) self.no_memory_ = true;
  Kind kind = kind_of(code, self.head_there_);
  long tunnel = 0;
  long number = 0;
  curl_easy_getinfo(wire.easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
  curl_easy_getinfo(wire.easy, CURLINFO_OS_ERRNO, &number);
  if (tunnel >= 300 && self.status_ == 0) kind = Kind::proxy;
  std::string_view said = wire.error;
  // libcurl has no code of its own for it.
  if (said.ends_with("in chunked-encoding")) kind = Kind::protocol;
  if (code == CURLE_OK) said = "the server sent no response";
  if (code == CURLE_WRITE_ERROR) said = "the head of the response is too long";
  if (said.empty()) said = curl_easy_strerror(code);
  if (kind == Kind::connect) {  // the next request asks for the addresses again
    for (Host* host : {self.host_, self.client_->proxy_host()}) {
      if (host) host->fresh_until = Instant::min();
    }
  }
  if (kind == Kind::connect && number > 0) {
    self.fail_with(kind, {static_cast<int>(number), std::system_category()}, said);
  } else {
    self.fail_with(kind, said);
  }
}

void Transfer::shakes_hands(CURL* easy) noexcept {
  Wire* wire = nullptr;  // an easy handle of libcurl's own has none
  if (!easy || curl_easy_getinfo(easy, CURLINFO_PRIVATE, &wire) != CURLE_OK || !wire) return;
  Exchange* self = wire->exchange;
  if (self && self->out_.tls && self->phase_ == Phase::connect) self->phase_ = Phase::tls;
}

std::string Transfer::absolute(const std::string& base, std::string_view place) {
  CURLU* parts = curl_url();
  if (!parts) throw std::bad_alloc();
  struct Cleanup {
    ~Cleanup() {
      curl_free(text);
      curl_url_cleanup(parts);
    }
    CURLU* parts;
    char* text = nullptr;
  } owned{parts};
  const std::string there(place);
  CURLUcode code = curl_url_set(parts, CURLUPART_URL, base.c_str(), 0);
  if (code == CURLUE_OK) code = curl_url_set(parts, CURLUPART_URL, there.c_str(), CURLU_URLENCODE);
  if (code == CURLUE_OK) code = curl_url_get(parts, CURLUPART_URL, &owned.text, 0);
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLUE_OK) {
    throw UsageError("a redirect to what is no URL of http: '" + there + "'");
  }
  return owned.text;
}

}  // namespace eddy::http::internal
