#include <eddy/base/failure.hpp>

#include <eddy/base/description.hpp>

#include <cerrno>

namespace eddy {
using namespace internal;

Failure Failure::timed_out(AwaitedName awaited, Duration after) noexcept {
  Failure failure(Kind::timed_out);
  failure.code_ = ETIMEDOUT;
  failure.limit_ = {awaited.signature, after};
  failure.text_ = std::move(awaited.subject);
  return failure;
}

Failure Failure::current() noexcept {
  Failure failure(Kind::exception);
  failure.exception_ = std::current_exception();
  try {
    throw;
  } catch (const Cancelled&) {
    failure.kind_ = Kind::cancelled;
    failure.operation_ = {};
  } catch (const Error& error) {
    failure.keep_code(error.code());
  } catch (...) {  // anything else stays what it is
  }
  return failure;
}

Failure Failure::from(std::exception_ptr exception) noexcept {
  try {
    std::rethrow_exception(std::move(exception));
  } catch (...) {
    return current();
  }
}

std::error_code Failure::error_code() const noexcept {
  if (kind_ == Kind::error || kind_ == Kind::made_late) return {code_, std::system_category()};
  if (kind_ == Kind::timed_out) return {code_, own_category()};
  if (kind_ == Kind::cancelled || !error_.category) return {};  // the caller raises it
  return {error_.value, *error_.category};
}

void Failure::raise() const {
  if (exception_) std::rethrow_exception(exception_);
  if (kind_ == Kind::cancelled) throw Cancelled(text_);
  if (kind_ == Kind::timed_out) raise_timed_out();
  if (kind_ == Kind::made_late) throw_();
  const std::error_code code = error_code();
  if (code_ == ETIMEDOUT) throw TimeoutError(code, operation_, text_.view());
  throw Error(code, operation_, text_.view());
}

void Failure::raise_timed_out() const {
  const std::string after =
      limit_.after == at_deadline ? "at its deadline" : "after " + to_text(limit_.after);
  throw TimeoutError(short_name(limit_.signature), text_.view(), after);
}

std::exception_ptr Failure::exception() const {
  if (exception_) return exception_;
  try {
    raise();
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace eddy
