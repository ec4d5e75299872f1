#include <eddy/kit/resolve.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/try.hpp>
#include <eddy/work/internal/blocking_calls.hpp>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace eddy {
using namespace internal;
namespace {

class ResolveCategory : public std::error_category {
 public:
  const char* name() const noexcept override { return "resolve"; }
  std::string message(int code) const override { return ::gai_strerror(code); }
  std::error_condition default_error_condition(int code) const noexcept override {
    switch (code) {
      case EAI_NONAME:
      case EAI_NODATA:
      case EAI_SERVICE: return std::errc::no_such_device_or_address;
      case EAI_AGAIN: return std::errc::resource_unavailable_try_again;
      case EAI_MEMORY: return std::errc::not_enough_memory;
      case EAI_FAMILY:
      case EAI_ADDRFAMILY: return std::errc::address_family_not_supported;
      case EAI_SOCKTYPE: return std::errc::protocol_not_supported;
      case EAI_BADFLAGS: return std::errc::invalid_argument;
      case EAI_FAIL: return std::errc::io_error;
      default: return {code, *this};
    }
  }
};

int family_of(AddressFamily family) noexcept {
  if (family == AddressFamily::v4) return AF_INET;
  return family == AddressFamily::v6 ? AF_INET6 : AF_UNSPEC;
}

// getaddrinfo(3) reads numbers as strtoul(3) does, with blanks and a sign before them, and takes
// them modulo 65536: "+65616", " 65616" and "-65456" would be port 80.
bool no_port(const std::string& service) noexcept {
  if (service.find_first_of("+- \t\n\v\f\r") == 0) return true;
  if (service.find_first_not_of("0123456789") != service.npos) return false;
  const auto first = std::min(service.find_first_not_of('0'), service.size());
  const std::size_t digits = service.size() - first;
  return digits > 5 || (digits == 5 && service.compare(first, 5, "65535") > 0);
}

// One call of getaddrinfo(3), and what it gave.
class Lookup : public BlockingCall {
 public:
  Lookup(std::string host, std::string service, ResolveOptions options)
      : host_(std::move(host)), service_(std::move(service)), options_(options) {
    if (host_.find('\0') != host_.npos || service_.find('\0') != service_.npos) {
      throw UsageError("resolve() of a name with a zero byte");
    }
  }
  ~Lookup() override { if (found_) sys::freeaddrinfo(found_); }

  // True when that was all: nobody has to be asked.
  bool answer_numeric() noexcept {
    if (no_port(service_)) {
      error_ = EAI_SERVICE;
    } else {
      ask(AI_NUMERICHOST | AI_NUMERICSERV);
    }
    return error_ != EAI_NONAME;
  }

  void run() noexcept override { ask(0); }

  // Throws what went wrong.
  std::vector<Address> addresses() const {
    EDDY_ASSERT(error_ != 0 || found_);
    if (error_ == EAI_SYSTEM) throw Error(errno_, "resolve", host_);
    if (error_ == EAI_SERVICE) throw ResolveError(error_, host_ + ':' + service_);
    if (error_ != 0) throw ResolveError(error_, host_.empty() ? service_ : host_);
    std::vector<Address> all;
    for (const addrinfo* next = found_; next; next = next->ai_next) {
      const Address address = Address::from(next->ai_addr, next->ai_addrlen);
      if (std::ranges::find(all, address) == all.end()) all.push_back(address);
    }
    return all;
  }

 private:
  void ask(int flags) noexcept {
    EDDY_ASSERT(!found_);  // it would be lost
    addrinfo hints{};
    hints.ai_flags = flags | (options_.passive ? AI_PASSIVE : 0);
    hints.ai_family = family_of(options_.family);
    hints.ai_socktype = options_.type;
    const char* host = host_.empty() ? nullptr : host_.c_str();
    const char* service = service_.empty() ? "0" : service_.c_str();
    error_ = sys::getaddrinfo(host, service, &hints, &found_);
    errno_ = errno;
  }

  std::string host_;
  std::string service_;
  ResolveOptions options_;
  addrinfo* found_ = nullptr;
  int error_ = 0;
  int errno_ = 0;
};

}  // namespace

const std::error_category& resolve_category() noexcept {
  static const ResolveCategory category;
  return category;
}

ResolveError::ResolveError(int eai, std::string_view name)
    : Error(std::error_code(eai, resolve_category()), "resolve", name) {}

Task<std::vector<Address>> resolve(std::string host, std::string service, ResolveOptions options) {
  const auto lookup = std::make_shared<Lookup>(std::move(host), std::move(service), options);
  if (!lookup->answer_numeric()) {
    EDDY_DO(WaitForCall(lookup));
  }
  co_return lookup->addresses();
}

Task<std::vector<Address>> resolve(std::string host, std::uint16_t port, ResolveOptions options) {
  return resolve(std::move(host), std::to_string(port), options);
}

}  // namespace eddy
