#include <eddy/http/error.hpp>

#include <eddy/base/description.hpp>

#include <cerrno>
#include <string>

namespace eddy::http {
namespace {

class HttpCategory : public std::error_category {
 public:
  const char* name() const noexcept override { return "http"; }
  std::string message(int code) const override {
    return std::string(to_text(static_cast<Kind>(code)));
  }
  std::error_condition default_error_condition(int code) const noexcept override {
    switch (static_cast<Kind>(code)) {
      case Kind::resolve: return std::errc::no_such_device_or_address;
      case Kind::connect: return std::errc::connection_refused;
      case Kind::send: return std::errc::broken_pipe;
      case Kind::receive: return std::errc::connection_reset;
      case Kind::timeout: return std::errc::timed_out;
      case Kind::closed: return std::errc::operation_canceled;
      case Kind::too_many_redirects: return std::errc::too_many_links;
      case Kind::body: return std::errc::io_error;
      default: return std::errc::protocol_error;
    }
  }
};

std::string_view doing(Phase phase) noexcept {
  switch (phase) {
    case Phase::place: return "while it waited for a connection";
    case Phase::resolve: return "while the name was resolved";
    case Phase::connect: return "while it connected";
    case Phase::tls: return "in the TLS handshake";
    case Phase::send: return "while the request went out";
    case Phase::head: return "while it waited for the response";
    default: return "while the body came in";
  }
}

std::string late(TimeLimit limit, Phase phase, Duration after) {
  std::string text = "after " + eddy::to_text(after);
  text.append(" (").append(to_text(limit)).append("), ").append(doing(phase));
  return text;
}

}  // namespace

std::string_view to_text(TimeLimit limit) noexcept {
  constexpr std::string_view names[] = {"total", "place", "connect", "head", "idle"};
  return names[static_cast<std::size_t>(limit)];
}

std::string_view to_text(Phase phase) noexcept {
  constexpr std::string_view names[] = {"place", "resolve", "connect", "tls",
                                        "send",  "head",    "body",    "done"};
  return names[static_cast<std::size_t>(phase)];
}

std::string_view to_text(Kind kind) noexcept {
  constexpr std::string_view names[] = {
      "",         "resolve",            "connect", "tls",     "proxy",  "send",   "receive",
      "protocol", "too many redirects", "body",    "timeout", "status", "closed", "other"};
  return names[static_cast<std::size_t>(kind)];
}

const std::error_category& http_category() noexcept {
  static const HttpCategory category;
  return category;
}

bool Error::may_pass() const noexcept {
  switch (kind_) {
    case Kind::resolve:
    case Kind::connect:
    case Kind::send:
    case Kind::receive:
    case Kind::timeout: return true;
    case Kind::status:
      if (status_ == 501 || status_ == 505) return false;
      return status_ == 408 || status_ == 425 || status_ == 429 || status_ >= 500;
    default: return false;
  }
}

bool may_pass(const Failure& failure) noexcept {
  try {
    failure.raise();
  } catch (const Error& error) {
    return error.may_pass();
  } catch (...) {
    return false;
  }
}

TimeoutError::TimeoutError(TimeLimit limit, Phase phase, Duration after,
                           std::string_view operation, std::string_view subject)
    : eddy::TimeoutError(operation, subject, late(limit, phase, after)),
      http::Error(Kind::timeout),
      limit_(limit),
      phase_(phase) {}

StatusError::StatusError(int status, std::string_view reason, std::string_view operation,
                         std::string_view subject)
    : eddy::Error({static_cast<int>(Kind::status), http_category()}, operation, subject,
                  std::to_string(status).append(reason.empty() ? "" : " ").append(reason)),
      http::Error(Kind::status, status) {}

}  // namespace eddy::http
