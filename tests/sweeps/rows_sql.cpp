// Rows of eddy-sql, against a real server. What they wait for is a lock that another connection
// has, or what it says.
#include "support/awaitables.hpp"
#include "support/postgres.hpp"

#include <eddy/sql.hpp>

#include <array>
#include <string>

namespace {

using namespace test;

const std::string& there() { return Postgres::shared().by_socket(); }

// The other connection, which needs no loop.
class Plain {
 public:
  static Plain& shared() {
    static Plain connection;
    return connection;
  }
  void operator()(const std::string& query) {
    PGresult* result = ::PQexec(connection_, query.c_str());
    EXPECT_NE(::PQresultStatus(result), PGRES_FATAL_ERROR) << ::PQerrorMessage(connection_);
    ::PQclear(result);
  }

 private:
  Plain() : connection_(::PQconnectdb(there().c_str())) {}
  ~Plain() { ::PQfinish(connection_); }
  PGconn* connection_;
};

// Whatever has become of the call: the connection can be used, and knows in which state it is.
struct Connected {
  Task<> begin() { connection = co_await sql::connect(there()); }
  Task<> check() {
    if (!connection.is_open()) co_await connection.reconnect();
    const int value = co_await connection.fetch_value<int>("select $1::int", 7);
    EXPECT_EQ(value, 7);
    EXPECT_EQ(connection.transaction_status(), sql::TransactionStatus::idle) << "it was left open";
    co_await connection.close();
  }
  sql::Connection connection;
};

// Waits until the other connection gives a lock away.
struct Locked : Connected {
  Locked() { Plain::shared()("select pg_advisory_lock(" + key + ")"); }
  Locked(const Locked&) = delete;
  ~Locked() { wake(); }
  void wake() {
    if (!std::exchange(locked, false)) return;
    Plain::shared()("select pg_advisory_unlock(" + key + ")");
  }
  static inline int last = 0;
  std::string key = std::to_string(++last);
  std::string query = "select pg_advisory_lock(" + key + ")";
  bool locked = true;
};

constexpr Traits waits = in_real_time(refused);
constexpr Traits answered = in_real_time(by_itself);

const Rows<Locked> locked = {
    {"sql::Connection::execute",
     [](Locked& w) -> Task<> { co_await w.connection.execute(w.query); }, waits},
    {"sql::Connection::fetch",
     [](Locked& w) -> Task<> { static_cast<void>(co_await w.connection.fetch(w.query)); }, waits},
    {"sql::Connection::stream",
     [](Locked& w) -> Task<> {
       auto rows = w.connection.stream(w.query);
       static_cast<void>(co_await rows.next());
       co_await rows.aclose();
     },
     waits},
    {"sql::Connection::run",
     [](Locked& w) -> Task<> {
       sql::Batch batch;
       batch.add("select 1");
       batch.add(w.query);
       static_cast<void>(co_await w.connection.run(std::move(batch)));
     },
     waits},
    {"sql::CopyOut::read_some",
     [](Locked& w) -> Task<> {
       sql::CopyOut out = co_await w.connection.copy_out("copy (" + w.query + ") to stdout");
       std::array<char, 64> some;
       while (co_await out.read_some(some) > 0) {
       }
     },
     waits},
    {"sql::with_transaction",
     [](Locked& w) -> Task<> {
       co_await sql::with_transaction(w.connection, [&w]() -> Task<> {
         static_cast<void>(co_await w.connection.fetch(w.query));
       });
     },
     waits},
};

const Rows<Connected> connected = {
    {"sql::connect",
     [](Connected&) -> Task<> {
       sql::Connection other = co_await sql::connect(there());
       co_await other.close();
     },
     answered},
    {"sql::Connection::reconnect",
     [](Connected& w) -> Task<> { co_await w.connection.reconnect(); }, answered},
    {"sql::Connection::reset", [](Connected& w) -> Task<> { co_await w.connection.reset(); },
     answered},
    {"sql::Connection::check",
     [](Connected& w) -> Task<> { static_cast<void>(co_await w.connection.check()); }, answered},
    {"sql::Connection::prepare",
     [](Connected& w) -> Task<> {
       const sql::Statement one = co_await w.connection.prepare("select $1::int");
       static_cast<void>(co_await one.fetch(1));
     },
     answered},
    {"sql::Connection::listen", [](Connected& w) -> Task<> { co_await w.connection.listen("c"); },
     answered},
    {"sql::Connection::close", [](Connected& w) -> Task<> { co_await w.connection.close(); },
     answered},
    {"sql::CopyIn::finish",
     [](Connected& w) -> Task<> {
       co_await w.connection.execute("create temp table if not exists lines (line text)");
       sql::CopyIn in = co_await w.connection.copy_in("copy lines from stdin");
       co_await in.write_all("a line\n");
       co_await in.finish();
     },
     answered},
};

// A notification comes with each wake(); none is lost.
struct Listening : Connected {
  Task<> begin() {
    co_await Connected::begin();
    co_await connection.listen(channel);
  }
  void wake() {
    Plain::shared()("notify " + channel);
    ++sent;
  }
  Task<> check() {
    if (!connection.is_open()) co_return;
    for (; !failed && got < sent; ++got) {
      static_cast<void>(co_await timeout(5s, connection.next_notification()));
    }
    co_await Connected::check();
  }
  static inline int last = 0;
  std::string channel = "channel_" + std::to_string(++last);
  int sent = 0;
  int got = 0;
  bool failed = false;
};
const Rows<Listening> listening = {
    {"sql::Connection::next_notification",
     [](Listening& w) -> Task<> {
       static_cast<void>(co_await w.connection.next_notification());
       ++w.got;
     },
     waits}};

struct Pooled {
  Task<> check() {
    co_await pool.close();
    EXPECT_EQ(pool.stats().size, 0u);
  }
  sql::Pool pool{there(), {.size = 1, .overflow = 0}};
};
const Rows<Pooled> pooled = {
    {"sql::Pool::acquire",
     [](Pooled& w) -> Task<> {
       auto connection = co_await w.pool.acquire();
       static_cast<void>(co_await connection->fetch("select 1"));
     },
     answered},
};

}  // namespace
