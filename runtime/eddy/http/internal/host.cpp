#include <eddy/http/internal/host.hpp>

#include <eddy/core/try.hpp>
#include <eddy/kit/resolve.hpp>

#include <vector>

namespace eddy::http::internal {
namespace {

// Whoever asks leaves, cancelled too: who waits for the answer goes on, and one of them asks.
class Asking {
 public:
  explicit Asking(Host& host) noexcept : host_(host) {
    host.resolving = true;
    host.answered.clear();
    host.failure = nullptr;
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  ~Asking() {
    host_.resolving = false;
    host_.answered.set();
  }

 private:
  Host& host_;
};

void put_down(Host& host, const std::vector<Address>& addresses) {
  std::string line = host.name + ':' + std::to_string(host.port) + ':';
  bool first = true;
  for (const Address& address : addresses) {
    if (!first) line += ',';
    first = false;
    const bool six = address.family() == AF_INET6;
    line.append(six ? "[" : "").append(address.host()).append(six ? "]" : "");
  }
  host.line = std::move(line);
}

Task<> ask_for(Host& host, AnyDuration good_for) {
  const Asking asking(host);
  auto found = co_await as_outcome(resolve(host.name, host.port));
  if (!found && found.error().is_cancelled()) co_await fail(std::move(found.error()));
  ++host.answers;
  if (!found) {
    host.failure = found.error().exception();
    co_await fail(std::move(found.error()));
  }
  put_down(host, *found);
  host.fresh_until = Loop::current().deadline_after(good_for);
}

}  // namespace

Task<> find_addresses(Host& host, AnyDuration good_for) {
  while (host.fresh_until <= Loop::current().now()) {
    if (!host.resolving) {
      EDDY_DO(ask_for(host, good_for));
      co_return;  // good for this request, however short that is
    }
    const std::uint64_t answers = host.answers;
    EDDY_DO(host.answered.wait());
    if (host.answers == answers) continue;
    if (host.failure) co_await fail(Failure::from(host.failure));
    co_return;
  }
}

}  // namespace eddy::http::internal
