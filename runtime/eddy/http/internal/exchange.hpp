// Exchange: a request and its answer. It lives for as long as a coroutine or a Response counts it,
// and by its end ends the transfer that may still run.
//
// It begins at Stage::made, and goes on by what advance() waits for: a place among the client's
// connections, the addresses of the host, then libcurl. What libcurl calls back (transfer.cpp)
// puts down what came and wakes whoever waits; it resumes nobody.
#pragma once

#include <eddy/base/failure.hpp>
#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/intrusive.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/bytes/internal/read_ahead.hpp>
#include <eddy/core/internal/timers.hpp>
#include <eddy/core/task.hpp>
#include <eddy/flow/timeout.hpp>
#include <eddy/http/error.hpp>
#include <eddy/http/headers.hpp>
#include <eddy/http/internal/outgoing.hpp>
#include <eddy/http/timeouts.hpp>
#include <eddy/http/version.hpp>
#include <eddy/sync/event.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace eddy::http {
class Response;
}

namespace eddy::http::internal {

class ClientState;
struct Host;
struct Wire;

class Exchange : public eddy::internal::Pooled, public eddy::internal::Link<Exchange> {
 public:
  explicit Exchange(eddy::internal::Counted<ClientState> client) noexcept;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();

  void retain() noexcept { ++references_; }
  void release() noexcept {
    EDDY_ASSERT(references_ > 0);
    if (--references_ == 0) unused();
  }

  // -- the answer --

  int status() const noexcept { return status_; }
  std::string_view reason() const noexcept { return reason_; }
  const Headers& headers() const noexcept { return headers_; }
  std::string_view url() const noexcept { return out_.url; }
  std::string_view method() const noexcept { return out_.method; }
  Version version() const noexcept { return version_; }
  unsigned redirects() const noexcept { return followed_; }
  std::optional<std::uint64_t> content_length() const noexcept;
  void raise_for_status() const { if (status_ >= 400) [[unlikely]] raise_status(); }

  // -- its body --

  void require_free_to_read() const { if (reading_) [[unlikely]] refuse_second(); }
  bool free_to_read() const noexcept { return !reading_; }
  // For who reads more than once, and is the only one between as well.
  void hold() {
    require_free_to_read();
    reading_ = true;
  }
  void let_go() noexcept { reading_ = false; }
  eddy::internal::ReadAhead& ahead() noexcept { return ahead_; }
  bool at_end() const noexcept {
    return stage_ == Stage::ended && ahead_.empty() && incoming_.empty();
  }
  static Task<std::size_t> fill(eddy::internal::Counted<Exchange> exchange);
  static Task<std::string> read_all(eddy::internal::Counted<Exchange> exchange, std::size_t limit);
  // What was taken by that, and could not be handed on: it stays to be read.
  void give_back(std::string& text) noexcept;

  enum class Stage : std::uint8_t { made, waiting, placed, running, ended };

  // All that a request does until the head of its response is there.
  static Task<Response> perform(eddy::internal::Counted<Exchange> exchange);

 private:
  friend class ClientState;
  friend struct Wire;
  friend class Transfer;
  class Reading;

  // Its one timer: for whichever limit is over first.
  struct Alarm : eddy::internal::Timer {
    using eddy::internal::Timer::Timer;
    Exchange* owner = nullptr;
  };

  void unused() noexcept;
  void clear() noexcept;
  void forget_answer() noexcept;
  [[noreturn]] void raise_status() const;
  [[noreturn, gnu::cold]] static void refuse_second();

  // The steps on the way to the head.
  void begin();
  Host* to_resolve(bool proxy) const noexcept;
  static Task<> resolve(Exchange& self, Host& host);
  static Task<> work_on_upload(Exchange& self,
                               Task<> (*step)(eddy::internal::Counted<Upload>));
  static Task<> feed(Exchange& self);
  static Task<> prepare(Exchange& self);
  void wake() noexcept;
  bool wants_feed() const noexcept {
    return stage_ == Stage::running && sending_paused_ && out_.upload->starved();
  }
  // How it ended. REQUIRES: it failed
  Failure failure() const;
  void follow();

  // Reading.
  std::size_t take_incoming();
  void resume_receiving() noexcept;
  void set_stalled(bool on) noexcept;
  static Task<> wait_for_body(Exchange& self);

  // Time: where it stands, and what ends it.
  Instant end_of(Duration limit, Instant since) const noexcept;
  Instant phase_end() const noexcept;
  Instant next_end() const noexcept { return std::min(total_end_, phase_end()); }
  // Both throw std::bad_alloc, with nothing changed but the phase.
  void enter(Phase phase);
  void arm();
  static void on_alarm(eddy::internal::Timer& timer) noexcept;
  // Ends it if a limit is over.
  void check_time() noexcept;
  Loop* loop() const noexcept;

  void fail_with(Kind kind, std::error_code code, std::string_view said) noexcept;
  void fail_with(Kind kind, std::string_view said) noexcept {
    fail_with(kind, {static_cast<int>(kind), http_category()}, said);
  }
  void fail_by(const Failure& failure) noexcept;
  void end() noexcept;

  unsigned references_ = 0;
  Stage stage_ = Stage::made;
  Phase phase_ = Phase::place;
  bool head_there_ = false;
  bool reading_ = false;
  bool filling_ = false;    // a fill() waits: bytes go where it wants them
  bool paused_ = false;     // libcurl was told to bring no more
  bool sending_paused_ = false;
  bool prepared_ = false;   // the upload
  bool kept_ = false;       // went out over a connection from before
  bool lost_ = false;       // ... which has ended before an answer came
  bool stalled_ = false;    // paused over HTTP/2
  bool shares_ = false;     // expects to use a connection that is there: see Transfer
  bool again_ = false;      // ... and found out that it is not so
  unsigned turned_ = 0;     // how often
  bool following_ = false;  // this answer is a redirect that is followed: its body is dropped
  bool failed_ = false;
  bool no_memory_ = false;
  bool timed_out_ = false;
  TimeLimit limit_ = TimeLimit::total;  // of timed_out_
  Kind kind_{};
  std::error_code code_;
  std::string said_;

  eddy::internal::Counted<ClientState> client_;
  Outgoing out_;
  Host* host_ = nullptr;
  Wire* wire_ = nullptr;
  Event changed_;
  Timeout* feeding_ = nullptr;  // what wake() ends: somebody makes the request's body
  Alarm alarm_;
  Limits limits_;
  Instant total_end_ = Instant::max();
  Instant since_{};  // of the phase
  Instant armed_for_ = Instant::max();
  unsigned followed_ = 0;

  int status_ = 0;
  Version version_ = Version::unknown;
  std::string reason_;
  Headers headers_;
  std::size_t head_size_ = 0;
  eddy::internal::ReadAhead ahead_;
  eddy::internal::ReadAhead incoming_;  // came while nobody waited for it
  std::string* whole_ = nullptr;        // where read_all() wants it
  std::size_t whole_limit_ = 0;
  std::size_t came_ = 0;       // bytes since fill() began to wait
  std::size_t dropped_ = 0;    // of a redirect's body
};

}  // namespace eddy::http::internal
