#include <eddy/http/internal/transfer.hpp>

#include <eddy/http/internal/client_state.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <new>
#include <utility>

namespace eddy::http::internal {
using namespace eddy::internal;

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
  // libcurl 7.88 keeps what waits of a paused stream for the handle's next response, where other
  // streams have the connection: it is handed out, and on_body() refuses it.
  const int mask = self.sending_paused_ ? CURLPAUSE_SEND : CURLPAUSE_CONT;
  if (self.paused_) curl_easy_pause(wire->easy, mask);
  curl_multi_remove_handle(self.client_->multi(), wire->easy);
  self.client_->give_back(wire);
}

// -- what comes --

bool Transfer::take_line(Exchange& self, std::string_view line) {
  if (self.head_there_) return true;  // of a trailer
  self.head_size_ += line.size();
  if (self.head_size_ > largest_head) return false;
  if (line == "\r\n" || line == "\n") return end_head(self);
  if (line.starts_with("HTTP/")) {
    take_status(self, line);
  } else {
    self.headers_.add_line(line);
  }
  return true;
}

namespace {

// Which of them would be the body's is a matter of taste (RFC 9110, 8.6): refused.
bool one_length(const Headers& headers) {
  std::optional<std::string_view> length;
  for (const Field field : headers) {
    if (!same_name(field.name, "Content-Length")) continue;
    if (length && *length != field.value) return false;
    length = field.value;
  }
  return true;
}

// RFC 9110, 9.2.2
bool is_idempotent(std::string_view method) noexcept {
  constexpr std::string_view all[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
  return std::ranges::find(all, method) != std::end(all);
}

}  // namespace

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
  if (self.host_) self.host_->http2 = self.version_ == Version::http2;
}

bool Transfer::end_head(Exchange& self) {
  const int status = self.status_;
  if (status >= 100 && status < 200 && status != 101) return true;  // another follows
  const bool redirect = status == 301 || status == 302 || status == 303 || status == 307 ||
                        status == 308;
  if (redirect && self.out_.redirects > 0 && self.headers_.contains("Location")) {
    self.following_ = true;
    // Nobody waits for the rest of the request's body.
    if (self.sending_paused_) self.dropped_ = most_dropped + 1;
    return !self.sending_paused_;
  }
  if (!one_length(self.headers_)) return false;
  self.enter(Phase::body);
  self.head_there_ = true;
  self.wake();
  return true;
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count,
                              void* wire) noexcept {
  Exchange& exchange = *static_cast<Wire*>(wire)->exchange;
  if (!exchange.wire_) return 0;  // taken off
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
    if (self.whole_->size() > self.whole_limit_) self.wake();
  } else if (self.filling_) {
    if (self.came_ >= most) return pause(self);
    self.ahead_.append(bytes);
    self.came_ += bytes.size();
    self.wake();
  } else {
    if (self.incoming_.size() >= most) return pause(self);
    self.incoming_.append(bytes);
  }
  return bytes.size();
}

std::size_t Transfer::on_read(char* data, std::size_t size, std::size_t count,
                              void* wire) noexcept {
  Exchange& exchange = *static_cast<Wire*>(wire)->exchange;
  Upload& upload = *exchange.out_.upload;
  if (Loop* here = exchange.loop()) exchange.since_ = here->now();
  const std::size_t taken = upload.take(MutableBytes(data, size * count));
  if (taken > 0) return taken;
  if (upload.ended()) return 0;
  exchange.sending_paused_ = true;
  exchange.changed_.set();
  return CURL_READFUNC_PAUSE;
}

int Transfer::on_seek(void* wire, curl_off_t offset, int origin) noexcept {
  Exchange& exchange = *static_cast<Wire*>(wire)->exchange;
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

// Where a kept connection ends before an answer, libcurl sends the request over another one,
// whatever the method. What the server has done with the first one nobody knows. A stream of HTTP/2
// is sent again only where the server has said that it has done nothing.
bool Transfer::may_go_out(Exchange& self) noexcept {
  if (is_idempotent(self.out_.method)) return true;
  self.lost_ = self.kept_ && !self.host_->http2;
  long made = 0;
  curl_easy_getinfo(self.wire_->easy, CURLINFO_NUM_CONNECTS, &made);
  self.kept_ = made == 0;
  return !self.lost_;
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
int Transfer::on_connected(void* wire, char*, char*, int, int) noexcept {
  Exchange& exchange = *static_cast<Wire*>(wire)->exchange;
  addresses_known(exchange);
  if (!found_as_expected(exchange) || !may_go_out(exchange)) return CURL_PREREQFUNC_ABORT;
  try {
    exchange.enter(exchange.out_.has_body ? Phase::send : Phase::head);
    return CURL_PREREQFUNC_OK;
  } catch (const std::bad_alloc&) {
    exchange.no_memory_ = true;
    return CURL_PREREQFUNC_ABORT;
  }
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

void Transfer::shakes_hands(CURL* easy) noexcept {
  Wire* wire = nullptr;  // an easy handle of libcurl's own has none
  if (!easy || curl_easy_getinfo(easy, CURLINFO_PRIVATE, &wire) != CURLE_OK || !wire) return;
  Exchange* self = wire->exchange;
  if (self && self->out_.tls && self->phase_ == Phase::connect) self->phase_ = Phase::tls;
}

}  // namespace eddy::http::internal
