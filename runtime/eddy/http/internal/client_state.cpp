#include <eddy/http/internal/client_state.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/try.hpp>
#include <eddy/http/internal/transfer.hpp>
#include <eddy/net/address.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <new>
#include <utility>

namespace eddy::http::internal {
using namespace eddy::internal;
namespace {

constexpr std::size_t most_hosts = 1024;  // that nobody uses

void start_libcurl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw eddy::Error(ENOMEM, "start libcurl");
}

}  // namespace

void Clients::stop() noexcept {
  while (ClientState* client = all_.front()) client->shut();
}

ClientState::ClientState(const ClientOptions& options)
    : Ready(&run), settings_(options), timer_(&on_time) {
  timer_.owner = this;
}

ClientState::~ClientState() { EDDY_ASSERT(!multi_ && watchers_ == 0); }

// -- for the client --

void ClientState::require_usable() {
  if (of_parent()) throw UsageError("an http::Client of the parent's, after fork()");
  if (closed_) throw UsageError("an http::Client that is closed, or whose loop has ended");
  if (loop_id_ == 0) return bind();
  if (loop_id_ != Loop::current().id()) throw UsageError("an http::Client is used from two loops");
}

void ClientState::bind() {
  Loop& loop = Loop::current();
  exchanges_.reserve(most_kept);
  wires_.reserve(most_kept);
  loop.service<Clients>().all_.push_back(*this);
  loop_id_ = loop.id();
}

Counted<Exchange> ClientState::make_exchange(std::string_view method, std::string_view url,
                                             const RequestOptions& options) {
  if (of_parent()) throw UsageError("an http::Client of the parent's, after fork()");
  if (closed_) throw UsageError("an http::Client that is closed, or whose loop has ended");
  Counted<Exchange> exchange = take_exchange();
  write_down(exchange->out_, method, url, options, settings_.headers());
  exchange->out_.redirects = options.redirects.value_or(settings_.options.redirects);
  exchange->limits_ = settings_.limits.with(options.timeouts);
  return exchange;
}

Counted<Exchange> ClientState::take_exchange() {
  const Counted<ClientState> self(this);
  if (exchanges_.empty()) return Counted<Exchange>(new Exchange(self));
  Exchange* exchange = exchanges_.back();
  exchanges_.pop_back();
  exchange->client_ = self;
  return Counted<Exchange>(exchange);
}

void ClientState::keep(Exchange* exchange) noexcept {
  if (closed_ || exchanges_.size() == exchanges_.capacity()) {
    delete exchange;
  } else {
    exchanges_.push_back(exchange);
  }
}

void ClientState::shut() noexcept {
  if (of_parent()) return retain();  // all that is behind it stays with the parent
  if (std::exchange(closed_, true)) return;
  for (auto* list : {&placed_, &waiting_}) {
    while (Exchange* exchange = list->front()) {
      exchange->fail_with(Kind::closed, "the client was closed");
    }
  }
  for (Wire* wire : wires_) delete wire;
  wires_.clear();
  if (multi_) curl_multi_cleanup(std::exchange(multi_, nullptr));
  for (Watcher* watcher : by_fd_) {
    if (watcher) forget(*watcher);
  }
  if (share_) curl_share_cleanup(std::exchange(share_, nullptr));
  if (Loop* here = loop()) here->timers().cancel(timer_);
  for (Exchange* exchange : exchanges_) delete exchange;
  exchanges_.clear();
  Link<ClientState>& link = *this;
  link.unlink();
}

Task<> ClientState::close(Counted<ClientState> self) {
  if (!self) co_return;
  self->shut();
  while (self->watchers_ > 0 && self->loop()) {
    self->quiet_.clear();
    EDDY_DO(self->quiet_.wait());
  }
}

ClientStats ClientState::stats() const noexcept {
  return {.running = running_,
          .waiting = waiting_count_,
          .requests = requests_,
          .connections = opened_,
          .open = watchers_};
}

// -- places --

bool ClientState::has_room(const Exchange& exchange) const noexcept {
  const std::size_t each = settings_.options.max_connections_per_host;
  const Host& host = *exchange.host_;
  return running_ + closing_ < settings_.options.max_connections &&
         (each == 0 || host.running + host.closing < each);
}

void ClientState::place(Exchange& exchange) noexcept {
  ++running_;
  ++exchange.host_->running;
  placed_.push_back(exchange);
  exchange.stage_ = Exchange::Stage::placed;
}

void ClientState::take_place(Exchange& exchange) {
  ++requests_;
  if (has_room(exchange)) return place(exchange);  // who waits has none at its host
  waiting_.push_back(exchange);
  ++waiting_count_;
  exchange.stage_ = Exchange::Stage::waiting;
}

void ClientState::leave_queue(Exchange& exchange) noexcept {
  Link<Exchange>& link = exchange;
  link.unlink();
  --waiting_count_;
}

void ClientState::give_place_back(Exchange& exchange) noexcept {
  Link<Exchange>& link = exchange;
  link.unlink();
  --running_;
  --exchange.host_->running;
  serve();
}

// First come, first served, among those whose host has room.
void ClientState::serve() noexcept {
  if (closed_) return;
  Exchange* next = waiting_.front();
  while (next && running_ + closing_ < settings_.options.max_connections) {
    Exchange& exchange = *next;
    next = waiting_.after(exchange);
    if (!has_room(exchange)) continue;
    leave_queue(exchange);
    place(exchange);
    exchange.changed_.set();
  }
}

void ClientState::change_host(Exchange& exchange) {
  Host& next = host(exchange.out_);
  --exchange.host_->users;
  --exchange.host_->running;
  exchange.host_ = &next;
  ++next.users;
  ++next.running;
}

// -- hosts --

Host& ClientState::host(const Outgoing& out) {
  if (last_host_ && last_host_->port == out.port && last_host_->name == out.host) {
    return *last_host_;
  }
  key_.assign(out.host);
  for (char& c : key_) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  key_.append(1, ' ');
  char digits[8];
  const auto end = std::to_chars(digits, digits + sizeof digits, out.port).ptr;
  key_.append(digits, end);
  const auto found = hosts_.find(key_);
  if (found != hosts_.end()) return *(last_host_ = &found->second);
  if (hosts_.size() >= most_hosts) forget_hosts();
  Host& made = hosts_[key_];
  made.name = out.host;
  made.port = out.port;
  made.literal = Address::try_ip(out.host, 0).has_value();
  if (!settings_.proxy.empty() && !proxy_host_) {
    proxy_.name = settings_.proxy_host;
    proxy_.port = settings_.proxy_port;
    proxy_.literal = Address::try_ip(proxy_.name, 0).has_value();
    proxy_host_ = &proxy_;
  }
  return made;
}

void ClientState::forget_hosts() noexcept {
  last_host_ = nullptr;
  std::erase_if(hosts_, [](const auto& entry) {
    return entry.second.users == 0 && !entry.second.resolving;
  });
}

// -- libcurl --

void ClientState::make_multi() {
  start_libcurl();
  if (!share_ && settings_.options.cookies) {
    share_ = curl_share_init();
    if (!share_) throw std::bad_alloc();
    curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
  }
  multi_ = curl_multi_init();
  if (!multi_) throw std::bad_alloc();
  const auto most = static_cast<long>(settings_.options.max_connections);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, static_cast<void*>(this));
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, static_cast<void*>(this));
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, most);
  curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, most);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
}

void ClientState::share_cookies(CURL* easy) noexcept {
  if (share_) curl_easy_setopt(easy, CURLOPT_SHARE, share_);
}

Wire* ClientState::take_wire() {
  if (!multi_) make_multi();
  if (wires_.empty()) return new Wire;
  Wire* wire = wires_.back();
  wires_.pop_back();
  return wire;
}

void ClientState::give_back(Wire* wire) noexcept {
  wire->exchange = nullptr;
  if (closed_ || wires_.size() == wires_.capacity()) {
    delete wire;
  } else {
    wires_.push_back(wire);
  }
}

Watcher* ClientState::watcher(curl_socket_t fd) noexcept {
  const auto place = static_cast<std::size_t>(fd);
  return place < by_fd_.size() ? by_fd_[place] : nullptr;
}

void ClientState::forget(Watcher& watcher) noexcept {
  by_fd_[static_cast<std::size_t>(watcher.fd())] = nullptr;
  --watcher.host->open;
  ++watcher.host->closing;
  ++closing_;
  watcher.detach();
}

// A place is free when its connection is: nobody is to have more of them than he may.
void ClientState::watcher_went(Host& host) noexcept {
  --host.closing;
  --host.users;
  --closing_;
  if (--watchers_ == 0) quiet_.set();
  serve();
}

curl_socket_t ClientState::open_socket(void* wire, curlsocktype, curl_sockaddr* address) {
  Exchange& exchange = *static_cast<Wire*>(wire)->exchange;
  ClientState& self = *exchange.client_;
  UniqueFd fd(::socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                       address->protocol));
  if (!fd) return CURL_SOCKET_BAD;
  try {
    const auto place = static_cast<std::size_t>(fd.get());
    if (place >= self.by_fd_.size()) self.by_fd_.resize(place + 1);
    if (Watcher* before = self.by_fd_[place]) self.forget(*before);  // closed unseen
    Watcher* watcher = new Watcher(Counted<ClientState>(&self), fd.get());
    self.by_fd_[place] = watcher;
    watcher->host = exchange.host_;
    ++watcher->host->users;
    ++watcher->host->open;
  } catch (const std::bad_alloc&) {
    exchange.no_memory_ = true;
    return CURL_SOCKET_BAD;
  }
  return fd.release();
}

int ClientState::close_socket(void* data, curl_socket_t fd) {
  auto& self = *static_cast<ClientState*>(data);
  if (Watcher* watcher = self.watcher(fd)) self.forget(*watcher);
  ::shutdown(fd, SHUT_RDWR);  // its polls, which end later, would hold the end back
  return ::close(fd);
}

int ClientState::on_socket(CURL* easy, curl_socket_t fd, int what, void* data, void*) noexcept {
  auto& self = *static_cast<ClientState*>(data);
  Watcher* watcher = self.watcher(fd);
  if (!watcher) return 0;  // closed before it was taken back
  short events = 0;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= POLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= POLLOUT;
  if (events & POLLIN) Transfer::shakes_hands(easy);
  if (events == 0 && watcher->closed_unseen()) {
    self.forget(*watcher);
  } else {
    watcher->want(events);
  }
  return 0;
}

int ClientState::on_timer(CURLM*, long milliseconds, void* data) noexcept {
  auto& self = *static_cast<ClientState*>(data);
  Loop* loop = self.loop();
  if (!loop || self.closed_) return 0;
  loop->timers().cancel(self.timer_);
  self.time_over_ = milliseconds == 0;
  if (milliseconds == 0) {
    self.run_soon();
  } else if (milliseconds > 0) {
    const Instant end = loop->deadline_after(std::chrono::milliseconds(milliseconds));
    try {
      loop->timers().arm_young(self.timer_, end);
    } catch (const std::bad_alloc&) {  // too early, then: libcurl says again how long it is
      self.time_over_ = true;
      self.run_soon();
    }
  }
  return 0;
}

void ClientState::on_time(Timer& timer) noexcept {
  ClientState& self = *static_cast<MultiTimer&>(timer).owner;
  self.time_over_ = true;
  self.run_soon();
}

void ClientState::run_soon() noexcept {
  Loop* here = loop();
  if (queued_ || !here) return;
  queued_ = true;
  retain();
  here->make_ready(*this);
}

void ClientState::run(Ready& ready) noexcept {
  auto& self = static_cast<ClientState&>(ready);
  self.queued_ = false;
  if (!self.closed_) self.drive();
  self.release();
}

void ClientState::drive() noexcept {
  int running = 0;
  while (Watcher* ready = ready_.pop_front()) {
    const int fd = ready->fd();
    curl_multi_socket_action(multi_, fd, ready->take_ready(), &running);
    // Gone, or another's by now, or still of interest: a poll tells once.
    if (Watcher* now = watcher(fd)) now->ask();
  }
  if (std::exchange(time_over_, false)) {
    curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  read_messages();
}

void ClientState::read_messages() noexcept {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // gone with the handle's removal
    void* wire = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &wire);
    Transfer::done(*static_cast<Wire*>(wire), code);
  }
}

}  // namespace eddy::http::internal
