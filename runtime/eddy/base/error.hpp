// What eddy throws.
//
//   Error          an operation failed; what() names it and its subject:
//                  open 'data.txt': No such file or directory
//   TimeoutError   ... because time ran out; code() == std::errc::timed_out
//                  fetch(): timed out after 5s
//   Cancelled      the task was asked to stop; NOT a std::exception, so that the
//                  catch (const std::exception&) of a retry loop lets it pass
//   KeyboardInterrupt  ... by Ctrl-C, and run() has ended by it
//   UsageError     the caller's mistake, found before anything was done
//   InvalidState   ... asked of something that is not in the state for it
#pragma once

#include <eddy/base/text.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace eddy {

class Error : public std::system_error {
 public:
  // `code` is an errno; `operation` is a verb, `subject` what it was done to (empty: left out).
  Error(int code, std::string_view operation, std::string_view subject = {});
  // A code that is no errno, with a category of its own.
  Error(std::error_code code, std::string_view operation, std::string_view subject = {});

  const char* what() const noexcept override {
    return whole_.empty() ? std::system_error::what() : whole_.c_str();
  }

 protected:
  // For what has more to say than the name of its code: "open 'data.txt': " and then `said`.
  Error(std::error_code code, std::string_view operation, std::string_view subject,
        std::string_view said);

 private:
  Text whole_;
};

// What eddy finds out by itself and has an errno for: the same numbers with their own names, such
// as "timed out" for ETIMEDOUT. Equal to the std::errc of the same number.
const std::error_category& own_category() noexcept;

class TimeoutError : public Error {
 public:
  // "fetch 'http://a': timed out"
  explicit TimeoutError(std::string_view operation = "timeout", std::string_view subject = {});
  // The kernel's.
  TimeoutError(std::error_code code, std::string_view operation, std::string_view subject);
  // "fetch 'http://a': timed out after 5s"; `after` is that time.
  TimeoutError(std::string_view operation, std::string_view subject, std::string_view after);
};

class Cancelled {
 public:
  Cancelled() = default;
  explicit Cancelled(Text message) noexcept : message_(std::move(message)) {}
  virtual ~Cancelled() = default;
  Cancelled(const Cancelled&) = default;
  Cancelled& operator=(const Cancelled&) = default;

  // The reason that was given to cancel(); empty if none was.
  std::string_view message() const noexcept { return message_.view(); }

 private:
  Text message_;
};

// What run() throws once main has ended because of SIGINT (LoopOptions.handle_sigint). Where nobody
// catches it the process ends by that signal, as one that never heard of it.
class KeyboardInterrupt : public Cancelled {
 public:
  using Cancelled::Cancelled;
};

class UsageError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

class InvalidState : public UsageError {
 public:
  using UsageError::UsageError;
};

}  // namespace eddy
