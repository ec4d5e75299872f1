// HTTP, SQL and TLS in one program: OpenSSL is behind all three, on the thread of one loop, and has
// one queue of errors there.
#include "sql/on_postgres.hpp"
#include "support/nginx.hpp"
#include "tls/contexts.hpp"

#include <eddy/http.hpp>
#include <eddy/tls.hpp>

#include <sstream>

namespace {

using namespace eddy;
using test::ask_plainly;
using test::certificates;
using test::nginx;
using test::Postgres;

// A file of the server's own, which nobody else may read.
void give_file(const std::string& name, const std::string& from) {
  std::string lines;
  std::istringstream text(test::text_of(from));
  for (std::string line; std::getline(text, line);) {
    lines += (lines.empty() ? "'" : ",'") + line + "'";
  }
  const std::string copied = ask_plainly("copy (select unnest(array[" + lines +
                                         "])) to program 'umask 077; cat > " + name + "'");
  EXPECT_EQ(copied, "");
}

// The server shows the certificate of localhost to those who want TLS. How to reach it, by whom one
// trusts.
std::string with_roots(const std::string& roots) {
  return Postgres::shared().by_tcp() + " host=localhost sslmode=verify-full sslrootcert=" + roots;
}
void start_tls_of_postgres() {
  give_file("server.crt", certificates().localhost.chain);
  give_file("server.key", certificates().localhost.key);
  EXPECT_EQ(ask_plainly("alter system set ssl = on"), "");
  EXPECT_EQ(ask_plainly("select pg_reload_conf()"), "t");
  const auto limit = std::chrono::steady_clock::now() + 20s;
  const std::string conninfo = with_roots(certificates().roots);
  const std::string query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
  while (ask_plainly(conninfo, query) != "t" && std::chrono::steady_clock::now() < limit) {
    std::this_thread::yield();
  }
}
void stop_tls_of_postgres() {
  EXPECT_EQ(ask_plainly("alter system reset ssl"), "");
  EXPECT_EQ(ask_plainly("select pg_reload_conf()"), "t");
}

Task<> echo(tls::Stream stream) {
  for (;;) {
    const auto line = co_await as_result(stream.readline());
    if (!line || line->empty()) break;
    co_await stream.write_all(*line);
  }
  co_await stream.close();
}

// What each of them does over and over, and how it fails in between.
Task<> ask_web() {
  http::Client client({.ca_file = certificates().roots});
  for (int i = 0; i < 20; ++i) {
    http::Response response = co_await client.get(nginx().tls + "/file/hello.txt");
    const std::string text = co_await response.text();
    EXPECT_EQ(text, "hello\n");
    if (i % 5 > 0) continue;
    const auto refused = co_await as_result(client.get(nginx().expired + "/hello"));
    EXPECT_FALSE(refused) << "it has expired";
  }
  co_await client.close();
}
Task<> ask_database() {
  sql::Connection connection = co_await sql::connect(with_roots(certificates().roots));
  for (int i = 0; i < 20; ++i) {
    const std::string much(100'000 + i, 'x');
    const auto size = co_await connection.fetch_value<int>("select length($1)", much);
    EXPECT_EQ(size, 100'000 + i);
    const auto back =
        co_await connection.fetch_value<std::string>("select repeat('y', $1)", 90'000);
    EXPECT_EQ(back.size(), 90'000u);
    if (i % 5 > 0) continue;
    const auto wrong = co_await as_result(connection.execute("select no_such"));
    EXPECT_FALSE(wrong);
    const auto refused = co_await as_result(sql::connect(with_roots(certificates().other_roots)));
    EXPECT_FALSE(refused) << "nobody knows that root";
  }
  co_await connection.close();
}
Task<> ask_tls(std::uint16_t port) {
  const tls::ClientContext client = test::trusting();
  tls::ClientOptions others;
  others.ca_file = certificates().other_roots;
  const tls::ClientContext distrusting = test::trusting(others);
  for (int i = 0; i < 20; ++i) {
    tls::Stream stream = co_await tls::connect("localhost", port, client);
    for (int line = 0; line < 5; ++line) {
      co_await stream.write_all("a line\n");
      const std::string answer = co_await stream.readline();
      EXPECT_EQ(answer, "a line\n");
    }
    co_await stream.close();
    if (i % 5 > 0) continue;
    const auto refused = co_await as_result(tls::connect("localhost", port, distrusting));
    EXPECT_TRUE(!refused && refused.error() == tls::Errc::verification);
  }
}

TEST(Beside, HttpSqlAndTlsDoNotDisturbEachOther) {
  nginx();
  start_tls_of_postgres();
  test::on_postgres([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    const tls::ServerContext server = test::showing(certificates().localhost);
    auto serving = spawn(tls::serve(listener, server, &echo));
    auto all = [&](TaskGroup& group) -> Task<> {
      group.spawn(ask_web());
      group.spawn(ask_database());
      group.spawn(ask_tls(listener.local().port()));
      co_return;
    };
    co_await task_group(all);
    EXPECT_EQ(server.stats().accepted, 20u);
    EXPECT_EQ(server.stats().refused, 4u);
    serving.cancel();
    co_await test::wait_until_done(serving);
  });
  stop_tls_of_postgres();
}

}  // namespace
