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
  eddy::internal::ReadAhead& ahead() noexcept { return ahead_; }
  bool at_end() const noexcept {
    return stage_ == Stage::ended && ahead_.empty() && incoming_.empty();
  }
  static Task<std::size_t> fill(eddy::internal::Counted<Exchange> exchange);
  static Task<std::string> read_all(eddy::internal::Counted<Exchange> exchange, std::size_t limit);

  // -- for the client --

  enum class Stage : std::uint8_t { made, waiting, placed, running, ended };

  // All that a request does until the head of its response is there.
  static Task<eddy::internal::Counted<Exchange>> perform(
      eddy::internal::Counted<Exchange> exchange);

 private:
  friend class ClientState;
  friend struct Wire;
  class Reading;

  // Its one timer: for whichever limit is over first.
  struct Alarm : eddy::internal::Timer {
    using eddy::internal::Timer::Timer;
    Exchange* owner = nullptr;
  };

  void unused() noexcept;
  void clear() noexcept;
  [[noreturn]] void raise_status() const;
  [[noreturn, gnu::cold]] static void refuse_second();

  void begin();
  Task<> prepare();
  static Task<> advance(Exchange& self);
  Failure failure() const;
  bool wants_body() const noexcept;

  // What libcurl tells.
  void take_line(std::string_view line);
  void end_head() noexcept;
  bool take_body(Bytes bytes);
  void resume_receiving() noexcept;
  std::size_t take_waiting(std::string& whole);

  // Time.
  static void ring(eddy::internal::Timer& timer);
  void check_time(Loop& loop) noexcept;
  void enter_phase(Phase phase, Instant since) noexcept;
  Instant phase_end() const noexcept;
  void arm(Loop& loop) noexcept;
  void disarm() noexcept;

  void fail_with(Kind kind, std::error_code code, std::string said) noexcept;
  void end(bool failed) noexcept;

  unsigned references_ = 0;
  Stage stage_ = Stage::made;
  Phase phase_ = Phase::place;
  bool head_there_ = false;
  bool reading_ = false;
  bool filling_ = false;   // a fill() waits: bytes go where it wants them
  bool paused_ = false;    // libcurl was told not to bring more
  bool following_ = false;  // this answer is a redirect that is followed: its body is dropped
  bool failed_ = false;
  bool no_memory_ = false;
  bool timed_out_ = false;
  TimeLimit limit_ = TimeLimit::total;  // of timed_out_
  Phase late_in_ = Phase::place;        // ... and what it did
  Kind kind_{};
  std::error_code code_;
  std::string said_;
  std::exception_ptr thrown_;  // by who reads the request's body

  eddy::internal::Counted<ClientState> client_;
  Outgoing out_;
  Host* host_ = nullptr;
  Wire* wire_ = nullptr;
  Event changed_;
  Alarm alarm_;
  Limits limits_;
  Instant total_end_ = Instant::max();
  Instant phase_since_{};
  Instant armed_for_ = Instant::max();
  unsigned followed_ = 0;

  int status_ = 0;
  Version version_ = Version::unknown;
  std::string reason_;
  Headers headers_;
  std::string next_url_;      // where the redirect goes
  eddy::internal::ReadAhead ahead_;
  eddy::internal::ReadAhead incoming_;  // came while nobody waited for it
  std::string* whole_ = nullptr;        // where read_all() wants it
  std::size_t whole_limit_ = 0;
  std::size_t came_ = 0;                // bytes since fill() began to wait
  std::uint64_t dropped_ = 0;           // of a redirect's body
};

}  // namespace eddy::http::internal
