// What a request fails with.
//
//   http::Error           base of them all: catch (const http::Error& error)
//     http::TransferError   it could not be done: kind() says what went wrong; an eddy::Error too
//     http::TimeoutError    it took too long: limit(), phase(); an eddy::TimeoutError too
//     http::StatusError     raise_for_status(): answered with 400 or more; an eddy::Error too
//
// All are std::exceptions. The caller's mistakes are UsageErrors, as everywhere: a URL that is
// none, a header with a line feed, a client that is closed. For a retry:
//
//   retry(fetch, RetryPolicy().stop_after_attempt(5).retry_if(&http::may_pass))
#pragma once

#include <eddy/base/error.hpp>
#include <eddy/base/failure.hpp>
#include <eddy/http/timeouts.hpp>

#include <cstdint>
#include <string_view>
#include <system_error>

namespace eddy::http {

enum class Kind : std::uint8_t {
  resolve = 1,         // the name of the host, or of the proxy, has no address
  connect,             // nobody answers there: code() is the system's, such as ECONNREFUSED
  tls,                 // the handshake, or the certificate: what() says which, and why
  proxy,               // the proxy refuses
  send,                // the connection was lost while the request went out
  receive,             // ... or while the response came in: reset, ended early
  protocol,            // what came is no HTTP, or not what was promised: length, coding
  too_many_redirects,  // or one that cannot be followed
  body,                // the request's body could not be read, or not a second time
  timeout,             // TimeoutError
  status,              // StatusError
  closed,              // the client was closed, or its loop ended, meanwhile
  other,
};
std::string_view to_text(Kind kind) noexcept;

// Codes are Kinds; they compare equal to the std::errc that is closest.
const std::error_category& http_category() noexcept;

// Not a std::exception by itself, so that what derives from it is one by way of eddy::Error alone.
class Error {
 public:
  virtual ~Error() = default;
  Kind kind() const noexcept { return kind_; }
  // "GET 'http://127.0.0.1:1/': Failed to connect to 127.0.0.1 port 1: Connection refused"
  virtual const char* what() const noexcept = 0;
  // Of a StatusError, and 0 of all others.
  int status() const noexcept { return status_; }
  // Another try might succeed: the network's failures, timeouts, and 408, 425, 429 and 5xx except
  // 501 and 505. Not: a certificate that is refused, a protocol that is broken, redirects.
  bool may_pass() const noexcept;

 protected:
  explicit Error(Kind kind, int status = 0) noexcept : kind_(kind), status_(status) {}
  Error(const Error&) = default;
  Error& operator=(const Error&) = default;

 private:
  Kind kind_;
  int status_;
};

// Of what an await has failed with: an http::Error that may pass.
bool may_pass(const Failure& failure) noexcept;

class TransferError : public eddy::Error, public Error {
 public:
  // `operation` is the method, `subject` the URL, `said` what went wrong.
  TransferError(Kind kind, std::error_code code, std::string_view operation,
                std::string_view subject, std::string_view said)
      : eddy::Error(code, operation, subject, said), http::Error(kind) {}
  const char* what() const noexcept override { return eddy::Error::what(); }
};

// "GET 'http://a/': timed out after 10s (total), while the body came in"
class TimeoutError : public eddy::TimeoutError, public Error {
 public:
  TimeoutError(TimeLimit limit, Phase phase, Duration after, std::string_view operation,
               std::string_view subject);
  const char* what() const noexcept override { return eddy::TimeoutError::what(); }
  TimeLimit limit() const noexcept { return limit_; }
  // What it was doing when the time was over.
  Phase phase() const noexcept { return phase_; }

 private:
  TimeLimit limit_;
  Phase phase_;
};

// "GET 'http://a/': 404 Not Found"
class StatusError : public eddy::Error, public Error {
 public:
  StatusError(int status, std::string_view reason, std::string_view operation,
              std::string_view subject);
  const char* what() const noexcept override { return eddy::Error::what(); }
};

}  // namespace eddy::http
