// Servers that die, hang, or want to know who is there: each call ends, and the connection can be
// made again. On a server of its own, for all others would notice.
#include "sql/on_postgres.hpp"

#include "support/watchdog.hpp"

#include <array>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

namespace {

using namespace eddy;
using sql::Connection;
using sql::ErrorKind;
using test::error_of;
using test::on_postgres;
using test::Postgres;

Postgres& server() {
  static Postgres only;
  return only;
}
const std::string& there() { return server().by_socket(); }
std::string ask(const std::string& query) { return test::ask_plainly(there(), query); }

pid_t postmaster() {
  return std::stoi(ask("select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"));
}

// Until a backend's wait is `event`.
Task<> until_waits(int pid, std::string event) {
  const std::string query = "select wait_event from pg_stat_activity where pid = " +
                            std::to_string(pid);
  const std::string found =
      co_await to_thread([&] { return test::ask_until(event, query, there()); });
  EXPECT_EQ(found, event);
}

// The number of a process that each restart after a crash makes anew; 0 while there is none.
int checkpointer() {
  const std::string said =
      ask("select pid from pg_stat_activity where backend_type = 'checkpointer'");
  const bool is_number = !said.empty() && said.find_first_not_of("0123456789") == said.npos;
  return is_number ? std::stoi(said) : 0;
}

// Until the server has noticed that a process of it was killed, and has begun anew: it ends
// whoever has come before.
Task<> until_restarted(int before) {
  co_await to_thread([before] {
    for (int now = before; now == before || now == 0;) now = checkpointer();
  });
}

// Each kind of call, which waits at the server as it does at the first of the pair, and goes on
// where `killed` is set.
struct Call {
  const char* event;
  std::function<Task<>(Connection& db, Event& killed)> begin;
};

const std::vector<Call>& calls() {
  static const std::vector<Call> all{
      {"PgSleep",
       [](Connection& db, Event&) -> Task<> {
         static_cast<void>(co_await db.fetch("select pg_sleep(600)"));
       }},
      {"PgSleep",
       [](Connection& db, Event&) -> Task<> { co_await db.execute("select pg_sleep(600)"); }},
      {"PgSleep",
       [](Connection& db, Event&) -> Task<> {
         sql::Batch batch;
         batch.add("select 1");
         batch.add("select pg_sleep(600)");
         batch.add("select 2");
         static_cast<void>(co_await db.run(std::move(batch)));
       }},
      {"PgSleep",
       [](Connection& db, Event&) -> Task<> {
         co_await with_transaction(db, [&]() -> Task<> {
           co_await with_transaction(db, [&]() -> Task<> {
             static_cast<void>(co_await db.fetch("select pg_sleep(600)"));
           });
         });
       }},
      {"PgSleep",
       [](Connection& db, Event&) -> Task<> {
         auto rows = db.stream("select n, pg_sleep(case when n < 100 then 0 else 600 end) "
                               "from generate_series(1, 200) n");
         for (auto row = co_await rows.next(); row; row = co_await rows.next()) {
         }
       }},
      {"PgSleep",
       [](Connection& db, Event&) -> Task<> {
         sql::CopyOut out = co_await db.copy_out("copy (select pg_sleep(600)) to stdout");
         static_cast<void>(co_await out.read_all());
       }},
      {"ClientRead",
       [](Connection& db, Event&) -> Task<> {
         co_await db.listen("c");
         static_cast<void>(co_await db.next_notification());
       }},
      {"ClientRead",
       [](Connection& db, Event& killed) -> Task<> {
         co_await db.execute("create temp table t (line text)");
         sql::CopyIn in = co_await db.copy_in("copy t from stdin");
         const std::string piece(100'000, 'x');
         co_await in.write_all(piece + "\n");
         co_await killed.wait();
         for (;;) co_await in.write_all(piece + "\n");
       }},
  };
  return all;
}

// Kills in the middle of each call, by `kill(backend)`.
template <class F>
void kill_in_the_middle(F kill, bool restarts) {
  test::allow(120s);
  server();
  on_postgres([&]() -> Task<> {
    Connection db = co_await sql::connect(there());
    for (const Call& call : calls()) {
      SCOPED_TRACE(&call - calls().data());
      const int pid = db.backend_pid();
      Event killed;
      auto running = spawn(call.begin(db, killed));
      co_await until_waits(pid, call.event);
      const int before = checkpointer();
      kill(pid);
      killed.set();
      const sql::Error error = co_await error_of(running);
      if (restarts) co_await until_restarted(before);
      EXPECT_EQ(error.kind(), ErrorKind::connection_lost) << error.what();
      EXPECT_FALSE(db.busy());
      EXPECT_FALSE(db.is_open());
      co_await db.reconnect();
      EXPECT_EQ(db.transaction_status(), sql::TransactionStatus::idle);
    }
    co_await db.close();
  });
}

TEST(SqlServer, ThatTerminatesABackendEndsItsCall) {
  kill_in_the_middle([](int pid) {
    ask("select pg_terminate_backend(" + std::to_string(pid) + ")");
  }, false);
}

// All its other processes end as well.
TEST(SqlServer, WhoseBackendIsKilledEndsItsCall) {
  kill_in_the_middle([](int pid) { EXPECT_EQ(::kill(pid, SIGKILL), 0); }, true);
}

TEST(SqlServer, ThatIsKilledEndsEachCall) {
  on_postgres([]() -> Task<> {
    std::vector<Connection> connections;
    std::vector<JoinHandle<>> running;
    Event killed;
    for (std::size_t i = 0; i < calls().size(); ++i) {
      connections.push_back(co_await sql::connect(there()));
    }
    for (std::size_t i = 0; i < calls().size(); ++i) {
      running.push_back(spawn(calls()[i].begin(connections[i], killed)));
      co_await until_waits(connections[i].backend_pid(), calls()[i].event);
    }
    EXPECT_EQ(::kill(postmaster(), SIGKILL), 0);
    killed.set();
    for (auto& each : running) {
      const sql::Error error = co_await error_of(each);
      EXPECT_EQ(error.kind(), ErrorKind::connection_lost) << error.what();
    }
    server().stop();
    server().start();
    for (Connection& each : connections) {
      co_await each.reconnect();
      co_await each.close();
    }
  });
}

// Its connections are taken by the kernel alone, and a request to cancel is answered by nobody.
TEST(SqlServer, ThatIsStoppedHoldsNeitherALoopNorItsEnd) {
  const pid_t pid = postmaster();
  const auto before = std::chrono::steady_clock::now();
  const auto body = [&]() -> Task<> {
    std::vector<Connection> connections;
    for (int i = 0; i < 8; ++i) {
      connections.push_back(co_await sql::connect(there(), {.cancel_grace = 100ms}));
    }
    EXPECT_EQ(::kill(pid, SIGSTOP), 0);
    bool over = false;
    try {
      co_await sql::connect(there(), {.timeout = 50ms});
    } catch (const TimeoutError&) {
      over = true;
    }
    EXPECT_TRUE(over);
    std::vector<JoinHandle<sql::Rows>> asleep;
    for (Connection& each : connections) {
      asleep.push_back(spawn(each.fetch("select pg_sleep(600)")));
    }
    co_await yield();
    for (auto& each : asleep) each.cancel();
    for (auto& each : asleep) static_cast<void>(co_await as_outcome(each));
    for (Connection& each : connections) EXPECT_FALSE(each.is_open());
    // Neither names nor functions wait behind them.
    static_cast<void>(co_await timeout(5s, resolve("localhost")));
    const int one = co_await timeout(5s, to_thread([] { return 1; }));
    EXPECT_EQ(one, 1);
  };
  {
    Loop loop;
    loop.run(body());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - before, 8s);
  EXPECT_EQ(::kill(pid, SIGCONT), 0);
  const std::string sleepers =
      "select count(*) from pg_stat_activity where state = 'active' and query like "
      "'%pg_sleep(600)%' and pid <> pg_backend_pid()";
  EXPECT_EQ(test::ask_until("0", sleepers, there()), "0");
}

TEST(SqlPool, HealsWhenItsServerComesBack) {
  on_postgres([]() -> Task<> {
    sql::Pool pool(there(), {.size = 3, .overflow = 0, .acquire_timeout = 500ms});
    const auto use = [&]() -> Task<int> {
      auto db = co_await pool.acquire();
      co_return co_await db->fetch_value<int>("select 1 from pg_sleep(0.01)");
    };
    for (int round = 0; round < 2; ++round) {
      std::vector<Task<int>> users;
      for (int i = 0; i < 6; ++i) users.push_back(use());
      const std::vector<int> all = co_await gather(std::move(users));
      EXPECT_EQ(all, std::vector(6, 1));
      if (round == 1) break;
      server().stop();
      for (int i = 0; i < 4; ++i) {
        auto outcome = co_await as_outcome(use());
        EXPECT_FALSE(outcome);
      }
      server().start();
      // Of those that were idle meanwhile each may be found lost once.
      for (int i = 0; i < 3; ++i) static_cast<void>(co_await as_outcome(use()));
    }
    EXPECT_LE(pool.stats().size, 3u);
    co_await pool.close();
  });
}

// By SCRAM, and by an encrypted connection, whose certificate the server has made itself.
TEST(SqlServer, ThatWantsAPasswordGetsIt) {
  ask("create role secretive login password 'it''s \\secret'");
  ask("copy (select 'host all secretive all scram-sha-256' union all"
      " select 'host all all all trust' union all select 'local all all trust') to '" +
      ask("show hba_file") + "'");
  ask("select pg_reload_conf()");
  on_postgres([]() -> Task<> {
    const std::string base = server().by_tcp() + " user=secretive";
    const std::string secret = sql::conninfo({{"password", "it's \\secret"}});
    Connection db = co_await sql::connect(base + " " + secret);
    const auto who = co_await db.fetch_value<std::string>("select current_user");
    EXPECT_EQ(who, "secretive");
    auto asleep = spawn(db.fetch("select pg_sleep(600)"));
    co_await yield();
    asleep.cancel();
    static_cast<void>(co_await as_outcome(asleep));
    EXPECT_TRUE(db.is_open());
    co_await db.reconnect();
    co_await db.close();
    sql::Error error = co_await error_of(sql::connect(base + " password=wrong"));
    EXPECT_EQ(error.kind(), ErrorKind::connect_failed);
    EXPECT_NE(std::string(error.what()).find("password authentication failed"), std::string::npos)
        << error.what();
    EXPECT_EQ(std::string(error.what()).find("wrong"), std::string::npos) << "no secret is said";
    error = co_await error_of(sql::connect(base + " passfile=/dev/null"));
    EXPECT_EQ(error.kind(), ErrorKind::connect_failed);
    error = co_await error_of(sql::connect(base + " sslmode=require password=x"));
    EXPECT_EQ(error.kind(), ErrorKind::connect_failed);
    EXPECT_NE(std::string(error.what()).find("SSL"), std::string::npos) << error.what();
  });
}

TEST(SqlServer, MayBeSpokenToEncrypted) {
  const std::string made = ask(
      "copy (select 1) to program 'openssl req -x509 -newkey rsa:2048 -nodes -days 2"
      " -subj /CN=localhost -keyout server.key -out server.crt 2>/dev/null"
      " && chmod 600 server.key'");
  ASSERT_EQ(made, "");
  ask("alter system set ssl = on");
  ask("select pg_reload_conf()");
  EXPECT_EQ(test::ask_until("on", "show ssl", there()), "on");
  const std::string root = ask("show data_directory") + "/server.crt";
  on_postgres([&]() -> Task<> {
    const std::string base = server().by_tcp() + " sslmode=verify-full sslrootcert=" + root;
    Connection db = co_await sql::connect(base + " host=localhost");
    const bool encrypted = co_await db.fetch_value<bool>(
        "select ssl from pg_stat_ssl where pid = pg_backend_pid()");
    EXPECT_TRUE(encrypted);
    // Records larger and smaller than libpq's buffer, both ways.
    const std::string big(3'000'000, 'b');
    const auto back = co_await timeout(30s, db.fetch_value<std::string>("select $1::text", big));
    EXPECT_TRUE(back == big);
    auto rows = db.stream("select n, repeat('x', n % 3000) from generate_series(1, 3000) n");
    int count = 0;
    for (auto row = co_await rows.next(); row; row = co_await rows.next()) ++count;
    EXPECT_EQ(count, 3000);
    sql::Batch batch;
    for (int i = 0; i < 20; ++i) batch.add("select $1::text", std::string(100'000, 'c'));
    const auto answers = co_await timeout(30s, db.run(std::move(batch)));
    EXPECT_EQ(answers.size(), 20u);
    for (int i = 0; i < 5; ++i) {
      auto asleep = spawn(db.fetch("select pg_sleep(600)"));
      for (int turn = 0; turn < i; ++turn) co_await yield();
      asleep.cancel();
      static_cast<void>(co_await as_outcome(asleep));
      const int one = co_await db.fetch_value<int>("select 1");
      EXPECT_EQ(one, 1);
    }
    co_await db.close();
    // Not the name that it has.
    const sql::Error error = co_await error_of(sql::connect(base));
    EXPECT_EQ(error.kind(), ErrorKind::connect_failed);
    EXPECT_NE(std::string(error.what()).find("certificate"), std::string::npos) << error.what();
  });
  ask("alter system reset ssl");
  ask("select pg_reload_conf()");
  EXPECT_EQ(test::ask_until("off", "show ssl", there()), "off");
}

}  // namespace
