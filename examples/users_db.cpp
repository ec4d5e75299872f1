// A database as the pattern documents use one: a connection as a context manager, a session for
// each request, a pool of 5 connections and 10 more for a crowd, transactions that are done as a
// whole or not at all.
//
// Run:    examples/run users_db CONNINFO    as "host=/run/postgresql dbname=test"; it makes the
//                                           tables `users` and `transfers` anew
// Prints: what 100 tasks, a failing one and a cancelled one have left in them.
#include <eddy/eddy.hpp>
#include <eddy/sql.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace eddy;
using namespace std::chrono_literals;

struct User {
  int id = 0;
  std::string name;
  std::string email;
  int money = 0;
};
template <>
inline constexpr auto eddy::sql::columns<User> = std::tuple(column("id", &User::id),
                                                            column("name", &User::name),
                                                            column("email", &User::email),
                                                            column("money", &User::money));

// Connects when it is entered and closes when it is left, however that is.
class DatabaseConnection {
 public:
  explicit DatabaseConnection(std::string url) : url_(std::move(url)) {}
  Task<> enter() { connection_ = co_await sql::connect(url_); }
  Task<bool> exit(std::exception_ptr error) {
    if (error) std::printf("an error on its way out\n");
    co_await connection_.close();
    co_return false;
  }
  sql::Connection& operator*() { return connection_; }
  sql::Connection* operator->() { return &connection_; }

 private:
  std::string url_;
  sql::Connection connection_;
};

// A connection of the pool and a transaction on it. Left without commit() it has done nothing.
class Session {
 public:
  explicit Session(sql::Pool& pool) : pool_(&pool) {}

  Task<> enter() {
    connection_ = co_await pool_->acquire();
    most_connections = std::max(most_connections, pool_->stats().size);
  }
  // The pool rolls back what was left open, in a task that no cancel reaches.
  Task<bool> exit(std::exception_ptr) {
    connection_.release();
    co_return false;
  }

  // Arguments by value: a coroutine looks at them when it is awaited, and what they were made from
  // may be gone by then.
  template <class T, class... Args>
  Task<std::optional<T>> scalar_one_or_none(std::string query, Args... args) {
    co_await begin();
    const auto row = co_await connection_->fetch_one_or_none(query, args...);
    if (!row) co_return std::nullopt;
    co_return row->template as<T>();
  }
  template <class... Args>
  Task<> execute(std::string query, Args... args) {
    co_await begin();
    co_await connection_->execute(query, args...);
  }
  // To be written by commit().
  void add(std::shared_ptr<User> user) { added_.push_back(std::move(user)); }
  Task<> commit() {
    co_await begin();
    for (const auto& user : std::exchange(added_, {})) {
      user->id = co_await connection_->fetch_value<int>(
          "insert into users (name, email) values ($1, $2) returning id", user->name, user->email);
    }
    co_await connection_->execute("commit");
  }
  // What the server has made of it: defaults included.
  Task<> refresh(User& user) {
    co_await begin();
    const sql::Row row =
        co_await connection_->fetch_one("select * from users where id = $1", user.id);
    user = row.as<User>();
  }

  static inline std::size_t most_connections = 0;  // that any session has seen

 private:
  Task<> begin() {
    if (!connection_->in_transaction()) co_await connection_->execute("begin");
  }

  sql::Pool* pool_;
  sql::Pool::Guard connection_;
  std::vector<std::shared_ptr<User>> added_;
};

Task<std::optional<User>> get_user(sql::Pool& pool, std::string name) {
  co_return co_await with(Session(pool), [&](Session& session) {
    return session.scalar_one_or_none<User>("select * from users where name = $1", name);
  });
}

Task<User> create_user(sql::Pool& pool, std::string name) {
  co_return co_await with(Session(pool), [&](Session& session) -> Task<User> {
    auto user = std::make_shared<User>(User{.name = name, .email = name + "@example.com"});
    session.add(user);
    co_await session.commit();
    co_await session.refresh(*user);
    co_return *user;
  });
}

// From one to the other, and written down; or nothing of it. `afterwards` may take its time.
Task<> transfer(sql::Pool& pool, int from, int to, int amount,
                std::string afterwards = "select 1") {
  co_await pool.with_transaction([&](sql::Connection& db) -> Task<> {
    // Both, and always in the same order: so that two transfers never wait for each other.
    co_await db.execute("select 1 from users where id in ($1, $2) order by id for update", from,
                        to);
    co_await db.execute("insert into transfers values ($1, $2, $3)", from, to, amount);
    co_await db.execute("update users set money = money + $1 where id = $2", amount, to);
    const int left = co_await db.fetch_value<int>(
        "update users set money = money - $1 where id = $2 returning money", amount, from);
    if (left < 0) throw std::runtime_error("not enough money");
    co_await db.execute(afterwards);
  });
}

// What everybody has, and how many transfers there were.
Task<std::string> everything(std::string url) {
  co_return co_await with(DatabaseConnection(url), [](DatabaseConnection& db) {
    return db->fetch_value<std::string>(
        "select string_agg(money::text, ',' order by id) || '/' || (select count(*) from transfers)"
        " from users");
  });
}

Task<> make_tables(std::string url) {
  co_await with(DatabaseConnection(url), [](DatabaseConnection& db) -> Task<> {
    co_await db->execute(
        "set client_min_messages to warning; drop table if exists transfers, users;"
        "create table users (id serial primary key, name text not null, email text unique,"
        " money int not null default 100);"
        "create table transfers (sender int references users, receiver int references users,"
        " amount int)");
  });
}

Task<> create_users(sql::Pool& pool, int count) {
  std::vector<Task<User>> tasks;
  for (int i = 1; i <= count; ++i) tasks.push_back(create_user(pool, "user" + std::to_string(i)));
  const std::vector<User> users = co_await gather(std::move(tasks));
  const auto complete = std::ranges::count_if(
      users, [](const User& user) { return user.id > 0 && user.money == 100; });
  std::printf("%d users, %d of them added by %d tasks\n", static_cast<int>(users.size()),
              static_cast<int>(complete), count);
}

Task<> show_user(sql::Pool& pool, int number) {
  const auto user = co_await get_user(pool, "user" + std::to_string(number));
  std::printf("user %d: %s\n", number, user ? user->email.c_str() : "none");
}

// A round of them, all at once: everybody pays 5 and gets 5.
Task<> pay_round(sql::Pool& pool, int count) {
  std::vector<Task<>> tasks;
  for (int i = 1; i <= count; ++i) tasks.push_back(transfer(pool, i, i % count + 1, 5));
  co_await gather(std::move(tasks));
}

Task<> fail_and_cancel(sql::Pool& pool, const std::string& url) {
  try {
    static_cast<void>(co_await create_user(pool, "user7"));
  } catch (const sql::Error& error) {
    std::printf("the same address again: %s\n", error.message().c_str());
  }
  const std::string before = co_await everything(url);
  std::string failure = "no failure";
  try {
    co_await transfer(pool, 1, 2, 1000);
  } catch (const std::runtime_error& error) {
    failure = error.what();
  }
  const std::string then = co_await everything(url);
  std::printf("a failing transfer: %s, and %s\n", failure.c_str(),
              then == before ? "nothing has moved" : "SOMETHING HAS MOVED");
  co_await with(Session(pool), [](Session& session) {
    return session.execute("update users set money = 1000000 where id = $1", 1);
  });
  const std::string uncommitted = co_await everything(url);
  std::printf("a session without a commit: %s\n",
              uncommitted == before ? "nothing has changed" : "IT HAS CHANGED");
  auto slow = spawn(transfer(pool, 1, 2, 50, "select pg_sleep(600)"));
  co_await sleep(50ms);
  slow.cancel();
  static_cast<void>(co_await as_outcome(slow));
  const std::string after = co_await everything(url);
  std::printf("a cancelled transfer: %s\n", after == before ? "nothing has moved" : "IT HAS MOVED");
}

Task<> amain(std::string url) {
  co_await make_tables(url);
  sql::Pool pool(url, {.size = 5, .overflow = 10});
  co_await create_users(pool, 100);
  std::printf("at most %d connections at once\n", static_cast<int>(Session::most_connections));
  co_await show_user(pool, 7);
  co_await show_user(pool, 777);
  co_await pay_round(pool, 100);
  co_await fail_and_cancel(pool, url);
  co_await pool.close();  // waits for what is lent
  if (pool.stats().size == 0) std::printf("every connection is back\n");
  sql::Connection db = co_await sql::connect(url);
  const sql::Row row = co_await db.fetch_one("select count(*), sum(money) from users");
  const auto [count, money] = row.as<std::pair<int, int>>();
  std::printf("%d users with %d in all\n", count, money);
  co_await db.close();
}

int main(int count, char** arguments) {
  if (count != 2) return std::fputs("usage: users_db CONNINFO\n", stderr), 2;
  ::setenv("PGAPPNAME", "users_db", 0);
  try {
    run(amain(arguments[1]));
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "users_db: %s\n", error.what()), 1;
  }
}
