#include <eddy/base/description.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/flow/move_on.hpp>
#include <eddy/kit/resolve.hpp>
#include <eddy/sql/internal/wire.hpp>

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eddy::sql {

std::string conninfo(std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  std::string text;
  for (const auto& [keyword, value] : values) {
    if (!text.empty()) text += ' ';
    text.append(keyword) += "='";
    if (value.find('\0') != value.npos) throw UsageError("a conninfo with a zero byte");
    for (const char c : value) {
      if (c == '\'' || c == '\\') text += '\\';
      text += c;
    }
    text += '\'';
  }
  return text;
}

namespace internal {
namespace {

// Keywords and values, as libpq takes them.
class Target {
 public:
  // Throws UsageError.
  explicit Target(const std::string& conninfo) {
    if (conninfo.find('\0') != conninfo.npos) throw UsageError("a conninfo with a zero byte");
    char* said = nullptr;
    const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> options(
        ::PQconninfoParse(conninfo.c_str(), &said), &::PQconninfoFree);
    const std::unique_ptr<char, void (*)(void*)> message(said, &::PQfreemem);
    if (!options && !said) throw std::bad_alloc();
    if (!options) throw UsageError("connect to PostgreSQL: " + one_line(said));
    for (const auto* option = options.get(); option->keyword; ++option) {
      if (option->val) set(option->keyword, option->val);
    }
    add("client_encoding", "UTF8");
    add("fallback_application_name", "eddy");
  }

  bool has(std::string_view keyword) const noexcept { return find(keyword) < values_.size(); }
  std::string get(std::string_view keyword, const char* variable) const {
    const std::size_t at = find(keyword);
    if (at < values_.size()) return values_[at].second;
    const char* value = std::getenv(variable);
    return value ? value : "";
  }
  void set(std::string_view keyword, std::string value) {
    const std::size_t at = find(keyword);
    if (at == values_.size()) values_.emplace_back(keyword, std::string());
    values_[at].second = std::move(value);
  }
  pg_conn* start() const {
    std::vector<const char*> keywords;
    std::vector<const char*> texts;
    for (const auto& [keyword, value] : values_) {
      keywords.push_back(keyword.c_str());
      texts.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    texts.push_back(nullptr);
    pg_conn* conn = ::PQconnectStartParams(keywords.data(), texts.data(), 0);
    if (!conn) throw std::bad_alloc();
    return conn;
  }

 private:
  std::size_t find(std::string_view keyword) const noexcept {
    std::size_t at = 0;
    while (at < values_.size() && values_[at].first != keyword) ++at;
    return at;
  }
  void add(std::string_view keyword, const char* value) {
    if (!has(keyword)) set(keyword, value);
  }

  std::vector<std::pair<std::string, std::string>> values_;
};

std::vector<std::string> split_at_commas(const std::string& list) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = list.find(',', begin);
    parts.push_back(list.substr(begin, end - begin));
    if (end == list.npos) return parts;
    begin = end + 1;
  }
}

bool is_name(const std::string& host) noexcept {
  return !host.empty() && host.front() != '/' && host.front() != '@';
}

// Hosts with an address each, which libpq need not look up.
struct Endpoints {
  void add(const std::string& host, const std::string& address, const std::string& port) {
    const char* comma = count++ > 0 ? "," : "";
    hosts.append(comma).append(host);
    addresses.append(comma).append(address);
    ports.append(comma).append(port);
  }
  std::string hosts;
  std::string addresses;
  std::string ports;
  std::size_t count = 0;
};

// libpq would ask for names by getaddrinfo(3), and hold the loop.
Task<> resolve_hosts(Target& target) {
  const bool by_service = !target.get("service", "PGSERVICE").empty();
  if (by_service || !target.get("hostaddr", "PGHOSTADDR").empty()) co_return;
  const std::vector<std::string> hosts = split_at_commas(target.get("host", "PGHOST"));
  const std::vector<std::string> ports = split_at_commas(target.get("port", "PGPORT"));
  if (std::none_of(hosts.begin(), hosts.end(), is_name)) co_return;
  if (ports.size() != 1 && ports.size() != hosts.size()) co_return;  // libpq says what is wrong
  Endpoints found;
  std::optional<Failure> failure;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const std::string& port = ports.size() == 1 ? ports.front() : ports[i];
    if (!is_name(hosts[i])) {
      found.add(hosts[i], {}, port);
      continue;
    }
    auto addresses = co_await as_outcome(resolve(hosts[i]));
    if (!addresses && addresses.error().is_cancelled()) {
      co_await fail(std::move(addresses.error()));
    }
    if (!addresses) {
      failure = std::move(addresses.error());
      continue;
    }
    for (const Address& each : *addresses) found.add(hosts[i], each.host(), port);
  }
  if (found.count == 0 && failure) co_await fail(std::move(*failure));
  target.set("host", std::move(found.hosts));
  target.set("hostaddr", std::move(found.addresses));
  target.set("port", std::move(found.ports));
}

Duration limit_of(const Target& target, const ConnectOptions& options) {
  const std::string text = target.get("connect_timeout", "PGCONNECT_TIMEOUT");
  if (text.empty()) return options.timeout;
  const long seconds = std::strtol(text.c_str(), nullptr, 10);
  return seconds > 0 ? Duration(AnyDuration(std::chrono::seconds(seconds))) : Duration::max();
}

Failure connect_failure(ConnectionState& state) {
  std::string said = one_line(::PQerrorMessage(state.conn()));
  Failure failure = failure_by(ErrorKind::connect_failed, "connect to PostgreSQL", {}, said);
  state.terminate("it could not connect");
  return failure;
}

// The socket may be another after each step: of the next address, or without encryption.
Task<> shake_hands(ConnectionState& state) {
  short events = POLLOUT;
  if (::PQstatus(state.conn()) == CONNECTION_BAD) co_await fail(connect_failure(state));
  for (;;) {
    EDDY_DO(SocketWait(state, events));
    const PostgresPollingStatusType status = ::PQconnectPoll(state.conn());
    if (status == PGRES_POLLING_OK) break;
    if (status == PGRES_POLLING_FAILED) co_await fail(connect_failure(state));
    events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
  }
  if (::PQsetnonblocking(state.conn(), 1) != 0) co_await fail(connect_failure(state));
}

Task<> connect_to_server(ConnectionState& state, Target& target) {
  EDDY_DO(resolve_hosts(target));
  state.adopt(target.start());
  EDDY_DO(shake_hands(state));
}

}  // namespace

Task<> open_connection(Use& use) {
  ConnectionState& state = *use.state();
  Target target(state.conninfo);
  const Duration limit = limit_of(target, state.options);
  auto connected =
      co_await as_outcome(move_on_after(limit, connect_to_server(state, target)));
  if (connected && *connected) {
    state.cache.begin_session();
    co_return;
  }
  state.terminate("it could not connect");
  if (!connected) co_await fail(std::move(connected.error()));
  co_await fail(Failure::holding(
      TimeoutError("connect to PostgreSQL", {}, "after " + to_text(limit))));
}

}  // namespace internal

}  // namespace eddy::sql
