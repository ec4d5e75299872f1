// Connection: one connection to a PostgreSQL server.
//
//   Connection db = co_await sql::connect("host=/run/postgresql dbname=app");
//   co_await db.execute("insert into users (id, name) values ($1, $2)", 1, "Ada");
//   for (const Row& row : co_await db.fetch("select id, name from users where id > $1", 0)) ...
//   const auto count = co_await db.fetch_value<int>("select count(*) from users");
//
// One call at a time: another one meanwhile throws UsageError, from whichever task. A limit of time
// is eddy::timeout() around a call.
//
// A call that is cancelled, or whose time is over, asks the server to stop (by a connection of
// its own, as PostgreSQL wants it, on a thread), again until it does, and reads what still comes.
// It ends when the connection can be used again, and if that takes longer than
// ConnectOptions::cancel_grace the connection is closed. Whether the statement was done the server
// alone knows: a transaction tells. A loop that ends waits for none of that: what the server has
// begun it may finish, and nobody hears of it.
//
// What breaks the connection ends the call with an Error of kind connection_lost, and all later
// ones, until reconnect(). It belongs to the loop that made it and is moved only; dropped, it is
// closed, and a call that is under way ends so too. In the child of a fork() it is of no use, and
// dropping it there does not disturb the parent's.
#pragma once

#include <eddy/core/task.hpp>
#include <eddy/flow/generator.hpp>
#include <eddy/sql/batch.hpp>
#include <eddy/sql/connect_options.hpp>
#include <eddy/sql/copy.hpp>
#include <eddy/sql/error.hpp>
#include <eddy/sql/internal/connection_state.hpp>
#include <eddy/sql/internal/query.hpp>
#include <eddy/sql/notification.hpp>
#include <eddy/sql/parameter.hpp>
#include <eddy/sql/row.hpp>
#include <eddy/sql/statement.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eddy::sql {

// As PQtransactionStatus.
enum class TransactionStatus : std::uint8_t { idle, active, in_transaction, failed, unknown };

class Connection {
 public:
  Connection() = default;
  explicit Connection(eddy::internal::Counted<internal::ConnectionState> state) noexcept
      : state_(std::move(state)) {}

  // Runs a statement and gives its status: "INSERT 0 1". Without arguments it may be several,
  // separated by semicolons: then it is the status of the last, and they are one transaction. With
  // arguments it is prepared, once for each text. Throws Error. ∅ with arguments, but for libpq's
  // own memory; so are the next.
  template <class... Args>
  Task<std::string> execute(std::string_view sql, const Args&... args) {
    if constexpr (sizeof...(Args) == 0) {
      return internal::execute_script(query("execute", sql));
    } else {
      return internal::execute(query("execute", sql, args...));
    }
  }
  // All rows. The statement is prepared, once for each text.
  template <class... Args>
  Task<Rows> fetch(std::string_view sql, const Args&... args) {
    return internal::fetch(query("fetch", sql, args...));
  }
  // The first row, if there is one.
  template <class... Args>
  Task<std::optional<Row>> fetch_row(std::string_view sql, const Args&... args) {
    return internal::fetch_row(query("fetch_row", sql, args...));
  }
  // The only row. Throws Error (no_rows, too_many_rows).
  template <class... Args>
  Task<Row> fetch_one(std::string_view sql, const Args&... args) {
    return internal::fetch_one(query("fetch_one", sql, args...));
  }
  // The only row, or none. Throws Error (too_many_rows).
  template <class... Args>
  Task<std::optional<Row>> fetch_one_or_none(std::string_view sql, const Args&... args) {
    return internal::fetch_one_or_none(query("fetch_one_or_none", sql, args...));
  }
  // The first column of the first row. A std::optional is empty where there is no row, or NULL;
  // else that throws Error (no_rows, conversion).
  template <class T, class... Args>
  Task<T> fetch_value(std::string_view sql, const Args&... args) {
    return internal::fetch_value<T>(query("fetch_value", sql, args...));
  }
  // The rows as they arrive, never all of them in memory. The connection is the generator's from
  // its first row to its end; one that is left earlier, by aclose() or by dropping it, cancels the
  // statement, and the connection's next call waits until that has stopped. An error may come after
  // rows.
  template <class... Args>
  Generator<Row> stream(std::string_view sql, const Args&... args) {
    return internal::stream(query("stream", sql, args...));
  }
  // Prepares it now. Throws Error where the server does not like it.
  Task<Statement> prepare(std::string_view sql);

  // Runs all that was added, in one journey: the answers in their order. See Batch.
  Task<std::vector<Rows>> run(Batch batch);

  // COPY ... FROM STDIN and COPY ... TO STDOUT. Throw UsageError for anything else.
  Task<CopyIn> copy_in(std::string_view sql);
  Task<CopyOut> copy_out(std::string_view sql);

  // LISTEN, UNLISTEN and NOTIFY; the channel is quoted.
  Task<> listen(std::string_view channel);
  Task<> unlisten(std::string_view channel);
  Task<> notify(std::string_view channel, std::string_view payload = {});
  // The next notification: one that came with an earlier call, or the first to come. Cancelling
  // loses none. While it waits the connection is in use.
  Task<Notification> next_notification();
  // All of them, for ever. The connection is in use only while somebody waits for the next.
  Generator<Notification> notifications();

  // Called with each notice and warning, in a turn of the loop, between the steps of the call that
  // it came with; it may spawn, and makes no call on the connection itself. What it throws is
  // reported. Without a handler they are dropped.
  void on_notice(std::function<void(const Notice&)> handler);

  // Undoes what was left open, and what was set: ROLLBACK, roles, SET, advisory locks, cursors,
  // LISTEN, temporary tables. What is prepared stays. A Pool does this.
  Task<> reset();
  // True where the server answers. Throws nothing but Cancelled.
  Task<bool> check();
  // A new connection in place of this one, to the same place with the same options. Handler and
  // statements stay. What waits for an answer, if anything does, ends with connection_lost. Throws
  // UsageError while a stream or a COPY has it.
  Task<> reconnect();
  // Says goodbye to the server. A call that is under way ends with connection_lost. Idempotent, and
  // the same: nothing of it waits but for such a call.
  Task<> close();
  void terminate() noexcept;

  // It was made, and neither closed nor lost, as far as anybody has noticed.
  bool is_open() const noexcept;
  // A call is under way.
  bool busy() const noexcept;
  TransactionStatus transaction_status() const noexcept;
  bool in_transaction() const noexcept {
    return transaction_status() != TransactionStatus::idle && is_open();
  }
  // Of the server: 150004 for 15.4; the number of its process.
  int server_version() const noexcept;
  int backend_pid() const noexcept;
  // As "TimeZone", "server_encoding"; empty for what the server does not report.
  std::string parameter(std::string_view name) const;

  // Of the statements that are prepared for their text.
  std::size_t prepared_statements() const noexcept;

  const eddy::internal::Counted<internal::ConnectionState>& state() const;

 private:
  template <class... Args>
  internal::Query query(const char* verb, std::string_view sql, const Args&... args) const {
    return internal::Query(state(), verb, sql, internal::Parameters(args...));
  }

  eddy::internal::Handle<internal::ConnectionState> state_;
};

// Connects to `conninfo`: keywords and values, or a postgresql:// address, as libpq takes them
// (PostgreSQL's manual, 34.1), completed by the PG... variables of the environment. Names of hosts
// are looked up by eddy::resolve(), and each of their addresses tried in turn; but where the host
// comes from a service file it is libpq which asks, and waits. Text is in UTF-8.
//
// Throws Error (connect_failed) with what the server, or the kernel, has said about each address;
// TimeoutError after ConnectOptions::timeout, or `connect_timeout` where that is given;
// ResolveError; UsageError for what is no conninfo. Cancelled: nothing is left open.
Task<Connection> connect(std::string conninfo, ConnectOptions options = {});

}  // namespace eddy::sql
