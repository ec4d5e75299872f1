#include <eddy/kit/connect.hpp>

#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/flow/staggered_race.hpp>

#include <algorithm>
#include <cerrno>

namespace eddy {
using namespace internal;
namespace {

struct Attempt {
  Task<Stream> operator()() const { return connect(address); }
  Address address;
};

// There is no way to the address: says less than what somebody at its end answered.
bool unreachable(int code) noexcept {
  return code == ENETUNREACH || code == EHOSTUNREACH || code == EADDRNOTAVAIL ||
         code == EAFNOSUPPORT;
}

// Throws the first that is no failure of the network.
int most_telling(const ExceptionGroup& group) {
  EDDY_ASSERT(!group.exceptions().empty());
  int telling = 0;
  for (const auto& exception : group.exceptions()) {
    const std::error_code error = Failure::from(exception).error_code();
    if (!error) std::rethrow_exception(exception);
    const int code = error.value();
    if (telling == 0 || (unreachable(telling) && !unreachable(code))) telling = code;
  }
  return telling;
}

[[noreturn]] void throw_failed(const std::string& name, std::size_t count, const Failure& failure) {
  try {
    failure.raise();
  } catch (const ExceptionGroup& group) {
    const std::string what = "connect '" + name + "', " + std::to_string(count) +
                             (count == 1 ? " address tried" : " addresses tried");
    Failure::error(most_telling(group), what).raise();
  }
}

Task<Stream> connect_any(std::string name, std::vector<Address> addresses,
                         ConnectOptions options) {
  if (addresses.empty()) throw UsageError("connect to no address");
  std::vector<Attempt> attempts;
  attempts.reserve(addresses.size());
  for (const Address& address : attempt_order(addresses)) attempts.push_back({address});
  auto stream = co_await as_outcome(staggered_race(std::move(attempts), options.head_start));
  if (!stream && stream.error().is_cancelled()) co_await fail(std::move(stream.error()));
  if (!stream) throw_failed(name, addresses.size(), stream.error());
  co_return std::move(*stream);
}

}  // namespace

std::vector<Address> internal::attempt_order(const std::vector<Address>& addresses) {
  std::vector<Address> same;
  std::vector<Address> other;
  for (const Address& address : addresses) {
    (address.family() == addresses.front().family() ? same : other).push_back(address);
  }
  std::vector<Address> order;
  order.reserve(addresses.size());
  for (std::size_t i = 0; i < std::max(same.size(), other.size()); ++i) {
    if (i < same.size()) order.push_back(same[i]);
    if (i < other.size()) order.push_back(other[i]);
  }
  EDDY_ASSERT(order.size() == addresses.size());
  return order;
}

Task<Stream> connect(std::vector<Address> addresses, ConnectOptions options) {
  std::string name = addresses.empty() ? std::string() : addresses.front().format();
  return connect_any(std::move(name), std::move(addresses), options);
}

Task<Stream> connect(std::string host, std::string service, ConnectOptions options) {
  const bool colons = host.find(':') != host.npos;
  std::string name = (colons ? '[' + host + ']' : host) + ':' + service;
  const ResolveOptions wanted{.family = options.family};
  EDDY_TRY(auto addresses, resolve(std::move(host), std::move(service), wanted));
  EDDY_TRY(auto stream, connect_any(std::move(name), std::move(addresses), options));
  co_return std::move(stream);
}

Task<Stream> connect(std::string host, std::uint16_t port, ConnectOptions options) {
  return connect(std::move(host), std::to_string(port), options);
}

}  // namespace eddy
