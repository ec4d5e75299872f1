#include <eddy/http/internal/exchange.hpp>

#include <eddy/core/try.hpp>
#include <eddy/http/internal/client_state.hpp>
#include <eddy/http/internal/transfer.hpp>
#include <eddy/http/response.hpp>

#include <charconv>
#include <utility>

namespace eddy::http::internal {
using namespace eddy::internal;

Exchange::Exchange(Counted<ClientState> client) noexcept
    : client_(std::move(client)), alarm_(&on_alarm) {
  alarm_.owner = this;
}

Exchange::~Exchange() = default;

// The last who counted it has gone: cancelled, failed, or a Response that is read or dropped.
void Exchange::unused() noexcept {
  if (client_->of_parent()) return;  // after fork(): the parent's, as all that it points to
  end();
  const Counted<ClientState> client = std::move(client_);
  clear();
  client->keep(this);
}

void Exchange::clear() noexcept {
  EDDY_ASSERT(!linked() && !wire_ && !host_);
  stage_ = Stage::made;
  phase_ = Phase::place;
  head_there_ = reading_ = filling_ = failed_ = no_memory_ = timed_out_ = again_ = lost_ = false;
  turned_ = followed_ = 0;
  said_.clear();
  out_.clear();
  forget_answer();
  version_ = Version::unknown;
  came_ = 0;
  ahead_.release();
  incoming_.release();
  whole_ = nullptr;
}

// Before the next: of a redirect's place, or of another request.
void Exchange::forget_answer() noexcept {
  status_ = 0;
  headers_.clear();
  head_size_ = dropped_ = 0;
  following_ = paused_ = sending_paused_ = prepared_ = kept_ = false;
}

void Exchange::end() noexcept {
  if (stage_ == Stage::ended) return;
  const Stage before = std::exchange(stage_, Stage::ended);
  if (wire_) Transfer::take_off(*this);
  if (before == Stage::waiting) client_->leave_queue(*this);
  if (before == Stage::placed || before == Stage::running) client_->give_place_back(*this);
  set_stalled(false);
  if (host_) --std::exchange(host_, nullptr)->users;
  if (Loop* here = loop()) here->timers().cancel(alarm_);
  wake();
}

// Whoever waits looks what there is; and nobody waits for a body that may not be asked for.
void Exchange::wake() noexcept {
  changed_.set();
  Loop* here = loop();
  if (!feeding_ || !here) return;
  try {
    feeding_->reschedule(AnyInstant(here->now()));
    feeding_ = nullptr;
  } catch (const std::bad_alloc&) {  // later, then: with the body's next piece
  }
}

Loop* Exchange::loop() const noexcept { return client_->loop(); }

// -- how it fails --

void Exchange::fail_with(Kind kind, std::error_code code, std::string_view said) noexcept {
  if (stage_ == Stage::ended) return;
  failed_ = true;
  kind_ = kind;
  code_ = code;
  try {
    said_.assign(said);
  } catch (const std::bad_alloc&) {
    no_memory_ = true;
  }
  end();
}

// Of who makes the request's body.
void Exchange::fail_by(const Failure& failure) noexcept {
  try {
    failure.raise();
  } catch (const std::bad_alloc&) {
    no_memory_ = true;
    fail_with(Kind::body, {});
  } catch (const std::exception& error) {
    fail_with(Kind::body, error.what());
  } catch (...) {
    fail_with(Kind::body, "its source failed");
  }
}

Failure Exchange::failure() const {
  EDDY_ASSERT(failed_);
  if (no_memory_) return Failure::holding(std::bad_alloc());
  if (timed_out_) {
    return Failure::holding(
        TimeoutError(limit_, phase_, limits_.of(limit_), out_.method, out_.url));
  }
  return Failure::holding(TransferError(kind_, code_, out_.method, out_.url, said_));
}

void Exchange::raise_status() const { throw StatusError(status_, reason_, out_.method, out_.url); }

void Exchange::refuse_second() {
  throw UsageError("two tasks read the body of one http::Response");
}

std::optional<std::uint64_t> Exchange::content_length() const noexcept {
  if (headers_.contains("Content-Encoding")) return std::nullopt;
  const auto text = headers_.get("Content-Length");
  std::uint64_t length = 0;
  if (!text || text->empty()) return std::nullopt;
  const char* end = text->data() + text->size();
  if (std::from_chars(text->data(), end, length).ptr != end) return std::nullopt;
  return length;
}

// -- time --

Instant Exchange::end_of(Duration limit, Instant since) const noexcept {
  return limit == Limits::none ? Instant::max() : later(since, limit);
}

Instant Exchange::phase_end() const noexcept {
  switch (phase_) {
    case Phase::place: return end_of(limits_.place, since_);
    case Phase::resolve:
    case Phase::connect:
    case Phase::tls: return end_of(limits_.connect, since_);
    case Phase::send:
    case Phase::head: return end_of(limits_.head, since_);
    // Only while somebody waits, and the other side could send.
    case Phase::body: return filling_ && !paused_ ? end_of(limits_.idle, since_) : Instant::max();
    default: return Instant::max();
  }
}

void Exchange::enter(Phase phase) {
  Loop* here = loop();
  if (!here) return;
  phase_ = phase;
  since_ = here->now();
  arm();
}

// Rings too early where a phase ended meanwhile, and then looks again: a timer is not armed anew
// with each phase and piece.
void Exchange::arm() {
  Loop* here = loop();
  const Instant next = next_end();
  if (!here || stage_ == Stage::ended || next == Instant::max()) return;
  if (alarm_.armed()) {
    if (next >= armed_for_) return;
    here->timers().cancel(alarm_);
  }
  here->timers().arm_young(alarm_, next);
  armed_for_ = next;
}

void Exchange::on_alarm(Timer& timer) noexcept {
  static_cast<Alarm&>(timer).owner->check_time();
}

void Exchange::check_time() noexcept {
  Loop* here = loop();
  if (!here || stage_ == Stage::ended) return;
  const Instant now = here->now();
  if (now < next_end()) return arm();  // has the place in the queue that it has just left
  constexpr TimeLimit of_phase[] = {TimeLimit::place,   TimeLimit::connect, TimeLimit::connect,
                                    TimeLimit::connect, TimeLimit::head,    TimeLimit::head,
                                    TimeLimit::idle,    TimeLimit::total};
  timed_out_ = true;
  limit_ = total_end_ <= now ? TimeLimit::total : of_phase[static_cast<std::size_t>(phase_)];
  fail_with(Kind::timeout, {});
}

// -- the way to the head --

void Exchange::begin() {
  client_->require_usable();
  Loop& here = Loop::current();
  since_ = here.now();
  total_end_ = limits_.total == Limits::none ? Instant::max()
                                             : here.rough_deadline_after(limits_.total);
  armed_for_ = Instant::max();
  host_ = &client_->host(out_);
  ++host_->users;
  client_->take_place(*this);
  arm();
}

// Whose addresses have to be asked for before libcurl may begin; or nobody's.
Host* Exchange::to_resolve(bool proxy) const noexcept {
  if (stage_ != Stage::placed) return nullptr;
  const Settings& settings = client_->settings();
  const bool by_proxy = settings.by_proxy(out_.host);
  if (proxy ? !by_proxy : by_proxy && settings.proxy_resolves) return nullptr;
  Host* host = proxy ? client_->proxy_host() : host_;
  const bool known = host->literal || host->fresh_until > Loop::current().now();
  return known ? nullptr : host;
}

Task<> Exchange::resolve(Exchange& self, Host& host) {
  self.enter(Phase::resolve);
  const auto good_for = self.client_->settings().options.resolve_again;
  auto found =
      co_await as_outcome(timeout_at(AnyInstant(self.next_end()), find_addresses(host, good_for)));
  if (found) co_return;
  if (found.error().is_cancelled()) co_await fail(std::move(found.error()));
  self.check_time();
  if (self.stage_ == Stage::ended) co_return;
  const std::exception_ptr why = found.error().exception();
  self.fail_with(Kind::resolve, found.error().error_code(), eddy::to_text(why));
}

Task<Response> Exchange::perform(Counted<Exchange> exchange) {
  Exchange& self = *exchange;
  self.begin();
  while (!self.head_there_ && self.stage_ != Stage::ended) {
    Host* proxy = self.to_resolve(true);
    if (proxy) EDDY_DO(resolve(self, *proxy));
    Host* host = self.to_resolve(false);
    if (host) EDDY_DO(resolve(self, *host));
    if (self.stage_ == Stage::placed && self.out_.upload && !self.prepared_) {
      EDDY_DO(prepare(self));
    }
    if (self.stage_ == Stage::placed) {
      Transfer::put_on(self);
    } else if (self.wants_feed()) {
      EDDY_DO(feed(self));
    } else if (self.stage_ != Stage::ended) {
      self.changed_.clear();
      EDDY_DO(self.changed_.wait());
    }
  }
  if (!self.head_there_) co_await fail(self.failure());
  // libcurl wants nothing more of the body then, but would wait for who makes it.
  const bool refused = self.status_ >= 400 && self.sending_paused_;
  if (refused && self.stage_ == Stage::running) Transfer::resume_sending(self);
  co_return Response(std::move(exchange));
}

// -- redirects --

// From the answer that has just come to its end, to the next. Throws UsageError for a place that
// cannot be gone to.
void Exchange::follow() {
  const bool tls = out_.tls;
  const std::uint16_t port = out_.port;
  const std::string host = out_.host;
  out_.set_url(Transfer::absolute(out_.url, headers_.get("Location", "")));
  const bool elsewhere = out_.tls != tls || out_.port != port || !same_name(out_.host, host);
  if (elsewhere) out_.drop_secrets();
  const bool see_other = status_ == 303 && out_.method != "HEAD";
  const bool as_everybody = (status_ == 301 || status_ == 302) && out_.method == "POST";
  if (see_other || as_everybody) {
    out_.method = "GET";
    out_.drop_body();
  }
  ++followed_;
  if (out_.upload && !out_.upload->rewind()) {
    return fail_with(Kind::body, "a redirect asks for the body, which cannot be sent again");
  }
  forget_answer();
  if (elsewhere) client_->change_host(*this);
  stage_ = Stage::placed;
  enter(Phase::connect);
  wake();
}

// -- the body --

// While a task reads. What it leaves behind, cancelled too, nobody writes to any more.
class Exchange::Reading {
 public:
  explicit Reading(Exchange& exchange) : exchange_(exchange) { exchange.hold(); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() {
    exchange_.reading_ = exchange_.filling_ = false;
    exchange_.whole_ = nullptr;
  }

 private:
  Exchange& exchange_;
};

std::size_t Exchange::take_incoming() {
  const std::size_t count = incoming_.size();
  if (ahead_.empty()) {
    ahead_.swap(incoming_);
  } else if (count > 0) {
    ahead_.append(incoming_.view());
    incoming_.release();
  }
  return count;
}

void Exchange::resume_receiving() noexcept {
  if (paused_ && stage_ == Stage::running) Transfer::resume_receiving(*this);
}

// libcurl before 8 reads nothing more of the connection then: others are not to share it.
void Exchange::set_stalled(bool on) noexcept {
  if (std::exchange(stalled_, on) == on || !host_) return;
  host_->stalled += on ? 1 : std::size_t(-1);
}

// Until something has changed. REQUIRES: filling_
Task<> Exchange::wait_for_body(Exchange& self) {
  self.changed_.clear();
  self.resume_receiving();  // which may bring something at once
  if (self.changed_.is_set()) co_return;
  if (Loop* here = self.loop()) self.since_ = here->now();
  self.arm();
  if (self.wants_feed()) {
    EDDY_DO(feed(self));
  } else {
    EDDY_DO(self.changed_.wait());
  }
}

Task<std::size_t> Exchange::fill(Counted<Exchange> exchange) {
  Exchange& self = *exchange;
  const Reading reading(self);
  std::size_t got = self.take_incoming();
  self.came_ = 0;
  self.filling_ = true;
  while (got == 0 && self.stage_ != Stage::ended) {
    EDDY_DO(wait_for_body(self));
    got = self.came_;
  }
  if (got == 0 && self.failed_) co_await fail(self.failure());
  co_return got;
}

// What came stays to be read. Without memory for it nobody may read on behind the hole.
void Exchange::give_back(std::string& text) noexcept {
  whole_ = nullptr;
  try {
    ahead_.prepend(Bytes(text));
  } catch (const std::bad_alloc&) {
    failed_ = no_memory_ = true;
    end();
  }
}

Task<std::string> Exchange::read_all(Counted<Exchange> exchange, std::size_t limit) {
  Exchange& self = *exchange;
  const Reading reading(self);
  std::string text;
  const std::uint64_t announced = self.content_length().value_or(0);
  text.reserve(std::max<std::size_t>(self.ahead_.size() + self.incoming_.size(),
                                     std::min<std::uint64_t>(announced, 1 << 20)));
  text.append(self.ahead_.view().text()).append(self.incoming_.view().text());
  self.ahead_.release();
  self.incoming_.release();
  self.whole_ = &text;
  self.whole_limit_ = limit;
  self.filling_ = true;
  Expected<void> waited{};
  while (self.stage_ != Stage::ended && text.size() <= limit && waited) {
    waited = co_await as_outcome(wait_for_body(self));
  }
  if (waited && !self.failed_ && text.size() <= limit) co_return text;
  self.give_back(text);
  if (!waited) co_await fail(std::move(waited.error()));
  if (text.size() > limit) throw LimitExceeded("read", self.out_.url);
  co_await fail(self.failure());
  co_return text;  // never: clang does not know that fail() does not return
}

}  // namespace eddy::http::internal
