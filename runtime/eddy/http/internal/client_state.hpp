// ClientState: what is behind a Client: libcurl's multi handle, what drives it on the loop, the
// places for requests, and what is known of hosts.
//
// It drives libcurl in a turn's step of its own (run()): sockets that are ready and time that is
// over come together there. Nothing of a user's runs inside of libcurl's callbacks, so that a
// transfer can be taken from it at any time.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/intrusive.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/base/internal/process.hpp>
#include <eddy/core/internal/ready.hpp>
#include <eddy/core/loop.hpp>
#include <eddy/http/client.hpp>
#include <eddy/http/internal/exchange.hpp>
#include <eddy/http/internal/host.hpp>
#include <eddy/http/internal/settings.hpp>
#include <eddy/http/internal/watcher.hpp>
#include <eddy/sync/event.hpp>

#include <curl/curl.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eddy::http::internal {

// The clients of a loop: ended with it.
class Clients : public eddy::internal::LoopService {
 public:
  explicit Clients(Loop&) {}
  void stop() noexcept override;

 private:
  friend class ClientState;
  eddy::internal::List<ClientState> all_;
};

class ClientState : public eddy::internal::RefCounted<ClientState>,
                    public eddy::internal::Pooled,
                    public eddy::internal::Ready,
                    public eddy::internal::Link<ClientState> {
 public:
  explicit ClientState(const ClientOptions& options);
  ~ClientState();

  // -- for the client --

  // A request that is written down. Throws UsageError.
  eddy::internal::Counted<Exchange> make_exchange(std::string_view method, std::string_view url,
                                                  const RequestOptions& options);
  // Ends what runs, and gives back all that is libcurl's. Idempotent.
  void shut() noexcept;
  void drop() noexcept { shut(); }  // the handle is gone
  static Task<> close(eddy::internal::Counted<ClientState> self);
  bool closed() const noexcept { return closed_; }
  ClientStats stats() const noexcept;
  const Settings& settings() const noexcept { return settings_; }
  // Throws UsageError when it is closed, or not this loop's.
  void require_usable();

  // -- for exchanges --

  // Its loop, while that is open.
  Loop* loop() const noexcept { return Loop::open(loop_id_); }
  bool of_parent() const noexcept { return process_ != eddy::internal::process_mark; }
  // Places it, or has it wait for its turn.
  void take_place(Exchange& exchange);
  void give_place_back(Exchange& exchange) noexcept;
  void leave_queue(Exchange& exchange) noexcept;
  void change_host(Exchange& exchange);
  Host& host(const Outgoing& out);
  Host* proxy_host() noexcept { return proxy_host_; }
  Wire* take_wire();
  void give_back(Wire* wire) noexcept;
  void share_cookies(CURL* easy) noexcept;
  void keep(Exchange* exchange) noexcept;
  CURLM* multi() noexcept { return multi_; }

  // -- for watchers --

  void watcher_came() noexcept {
    ++watchers_;
    ++opened_;
  }
  void watcher_went(Host& host) noexcept;
  void ready(Watcher& watcher) noexcept {
    ready_.push_back(watcher);
    run_soon();
  }

  // For libcurl's options.
  static curl_socket_t open_socket(void* wire, curlsocktype purpose, curl_sockaddr* address);
  static int close_socket(void* self, curl_socket_t fd);

 private:
  struct MultiTimer : eddy::internal::Timer {
    using eddy::internal::Timer::Timer;
    ClientState* owner = nullptr;
  };
  static constexpr std::size_t most_kept = 128;

  void bind();
  void make_multi();
  void run_soon() noexcept;
  static void run(eddy::internal::Ready& self) noexcept;
  void drive() noexcept;
  void read_messages() noexcept;
  void serve() noexcept;
  bool has_room(const Exchange& exchange) const noexcept;
  void place(Exchange& exchange) noexcept;
  Watcher* watcher(curl_socket_t fd) noexcept;
  void forget(Watcher& watcher) noexcept;
  eddy::internal::Counted<Exchange> take_exchange();
  void forget_hosts() noexcept;

  static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) noexcept;
  static int on_timer(CURLM*, long milliseconds, void* self) noexcept;
  static void on_time(eddy::internal::Timer& timer) noexcept;

  Settings settings_;
  std::uint32_t process_ = eddy::internal::process_mark;
  std::uint64_t loop_id_ = 0;  // none yet
  CURLM* multi_ = nullptr;
  CURLSH* share_ = nullptr;
  MultiTimer timer_;
  bool closed_ = false;
  bool queued_ = false;    // to run in the next turn
  bool time_over_ = false;  // libcurl's timer
  std::size_t running_ = 0;
  std::size_t waiting_count_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t opened_ = 0;
  std::size_t watchers_ = 0;
  std::size_t closing_ = 0;  // of them: a poll that is not back yet keeps the connection open
  eddy::internal::List<Exchange> placed_;
  eddy::internal::List<Exchange> waiting_;
  eddy::internal::List<Watcher> ready_;
  std::vector<Watcher*> by_fd_;
  std::vector<Wire*> wires_;          // that nobody uses
  std::vector<Exchange*> exchanges_;  // the same
  std::map<std::string, Host, std::less<>> hosts_;
  Host proxy_;
  Host* proxy_host_ = nullptr;
  Host* last_host_ = nullptr;  // that was asked for
  std::string key_;  // of a host
  Event quiet_;  // every socket is closed
};

}  // namespace eddy::http::internal
