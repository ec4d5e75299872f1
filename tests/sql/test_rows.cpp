// Rows and parameters: each value comes back as what it was.
#include "sql/on_postgres.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace {

using namespace eddy;
using sql::Connection;
using sql::Row;
using sql::Rows;
using test::on_connection;
using test::said_when;

TEST(SqlRows, GiveTheirValuesByNumberAndByName) {
  on_connection([](Connection& connection) -> Task<> {
    const Rows rows = co_await connection.fetch(
        "select n as id, 'name ' || n as name, n % 2 = 0 as even from generate_series(1, 3) n");
    EXPECT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows.columns(), 3u);
    EXPECT_EQ(rows.name(1), "name");
    EXPECT_EQ(rows.status(), "SELECT 3");
    int sum = 0;
    for (const Row& row : rows) {
      EXPECT_EQ(row.get<std::string>("name"), "name " + std::to_string(row.get<int>(0)));
      EXPECT_EQ(row.get<bool>("even"), row.get<int>("id") % 2 == 0);
      sum += row.get<int>("id");
    }
    EXPECT_EQ(sum, 6);
    EXPECT_EQ(rows[1].get<std::string_view>(1), "name 2");
    EXPECT_TRUE(rows.front().contains("even"));
    EXPECT_FALSE(rows.front().contains("odd"));
    EXPECT_THROW(rows.front().get<int>("odd"), UsageError);
    EXPECT_THROW(rows.front().get<int>(3), UsageError);
    EXPECT_THROW(rows[3], UsageError);
  });
}

TEST(SqlRows, BecomeTuplesAndStructs) {
  on_connection([](Connection& connection) -> Task<> {
    const Rows rows =
        co_await connection.fetch("values (1, 'ann', 'ann@example.com'), (2, 'bob', null)");
    const auto [id, name, email] =
        rows[1].as<std::tuple<int, std::string, std::optional<std::string>>>();
    EXPECT_EQ(id, 2);
    EXPECT_EQ(name, "bob");
    EXPECT_FALSE(email);
    const Rows named = co_await connection.fetch(
        "select * from (values ('ann@example.com', 1, 'ann'), (null, 2, 'bob')) "
        "as t(email, id, name) order by id");
    const std::vector<test::Person> people = named.as<test::Person>();
    EXPECT_EQ(people.size(), 2u);
    EXPECT_EQ(people[0].name, "ann");
    EXPECT_EQ(people[0].email, "ann@example.com");
    EXPECT_EQ(people[1].id, 2);
    EXPECT_FALSE(people[1].email);
    const Rows one = co_await connection.fetch("select 7 union all select 8 order by 1");
    EXPECT_EQ(one.as<int>(), (std::vector{7, 8}));
    using Two = std::tuple<int, int>;
    EXPECT_THROW(one.front().as<Two>(), sql::Error);
    EXPECT_THROW(rows.front().as<int>(), sql::Error);
  });
}

TEST(SqlRows, KnowNull) {
  on_connection([](Connection& connection) -> Task<> {
    const Rows rows = co_await connection.fetch("select null::int as age, '' as name");
    const Row row = rows.front();
    EXPECT_TRUE(row.is_null("age"));
    EXPECT_FALSE(row.is_null("name"));
    EXPECT_FALSE(row.get<std::optional<int>>("age"));
    EXPECT_EQ(row.get<std::optional<std::string>>("name"), "");
    const std::string said = said_when([&] { row.get<int>("age"); });
    EXPECT_NE(said.find("'age'"), said.npos) << said;
    EXPECT_NE(said.find("NULL"), said.npos) << said;
  });
}

TEST(SqlRows, RefuseWhatDoesNotFit) {
  on_connection([](Connection& connection) -> Task<> {
    const Rows rows = co_await connection.fetch(
        "select 100000 as many, -1 as less, 'abc' as word, '12x' as half, 1.5 as broken");
    const Row row = rows.front();
    EXPECT_THROW(row.get<std::int16_t>("many"), sql::Error);
    EXPECT_EQ(row.get<std::int32_t>("many"), 100000);
    EXPECT_THROW(row.get<unsigned>("less"), sql::Error);
    EXPECT_THROW(row.get<int>("half"), sql::Error);
    EXPECT_THROW(row.get<int>("broken"), sql::Error);
    EXPECT_THROW(row.get<bool>("word"), sql::Error);
    EXPECT_EQ(row.get<double>("broken"), 1.5);
    const std::string said = said_when([&] { row.get<int>("word"); });
    EXPECT_NE(said.find("'word'"), said.npos) << said;
    EXPECT_NE(said.find("abc"), said.npos) << said;
  });
}

TEST(SqlRows, AreReadAsTypesOfOnesOwn) {
  on_connection([](Connection& connection) -> Task<> {
    using test::Mood;
    const Rows rows = co_await connection.fetch(
        "select 'sad' as a, null as b, '{ok,sad}'::text[] as c, 'blue' as d");
    const Row row = rows.front();
    EXPECT_EQ(row.get<Mood>("a"), Mood::sad);
    EXPECT_EQ(row.get<std::optional<Mood>>("b"), std::nullopt);
    const std::vector<Mood> both{Mood::ok, Mood::sad};
    EXPECT_EQ(row.get<std::vector<Mood>>("c"), both);
    EXPECT_THROW(row.get<Mood>("b"), sql::Error);
    const std::string said = said_when([&] { row.get<Mood>("d"); });
    EXPECT_EQ(said, "read column 'd': 'blue' is no mood");
  });
}

TEST(SqlRows, OutliveTheirConnection) {
  test::on_postgres([]() -> Task<> {
    Rows rows;
    std::optional<Row> row;
    {
      Connection connection = co_await sql::connect(test::Postgres::shared().by_socket());
      rows = co_await connection.fetch("select repeat('x', 1000) as text");
      row = rows.front();
      co_await connection.close();
    }
    EXPECT_EQ(rows.front().get<std::string>(0), std::string(1000, 'x'));
    rows = Rows();
    EXPECT_EQ(row->get<std::string>("text"), std::string(1000, 'x'));
  });
}

template <class T>
Task<> expect_same(Connection& connection, const char* type, const std::vector<T>& values) {
  const std::string query = std::string("select $1::") + type;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const T value = values[i];
    const T back = co_await connection.fetch_value<T>(query, value);
    EXPECT_EQ(back, value) << query;
  }
}

TEST(SqlParameters, ComeBackAsTheyWere) {
  on_connection([](Connection& connection) -> Task<> {
    using Small = std::numeric_limits<std::int16_t>;
    using Big = std::numeric_limits<std::int64_t>;
    using Real = std::numeric_limits<double>;
    const std::vector<bool> flags{true, false};
    co_await expect_same(connection, "bool", flags);
    const std::vector<std::int16_t> small{Small::min(), 0, Small::max()};
    co_await expect_same(connection, "int2", small);
    const std::vector<std::int64_t> big{Big::min(), -1, Big::max()};
    co_await expect_same(connection, "int8", big);
    const std::vector<std::uint64_t> naturals{0, ~std::uint64_t{0}};
    co_await expect_same(connection, "numeric", naturals);
    const std::vector<double> reals{0.1, -0.0, Real::max(), Real::denorm_min(), Real::infinity()};
    co_await expect_same(connection, "float8", reals);
    const std::vector<float> floats{0.1f, 1e-30f};
    co_await expect_same(connection, "float4", floats);
    const std::vector<std::string> texts{
        "",       "it's \"quoted\" \\ $1 -- ;", "\xc3\xa4\xe2\x82\xac",
        "a\nb\t", std::string(100'000, 'z'),    "'); drop table x; --"};
    co_await expect_same(connection, "text", texts);
    const double nan =
        co_await connection.fetch_value<double>("select $1::float8", Real::quiet_NaN());
    EXPECT_TRUE(std::isnan(nan));
  });
}

// As parameter.hpp and row.hpp say that it is done.
TEST(SqlParameters, AreTimesAndJsonByWhatTheStatementMakesOfThem) {
  on_connection([](Connection& connection) -> Task<> {
    const char* const query =
        "select extract(epoch from to_timestamp($1))::float8, $2::jsonb->>'a'";
    const double time = 1'764'545'411.5;
    const Row row = co_await connection.fetch_one(query, time, R"({"a": "b"})");
    EXPECT_EQ(row.get<double>(0), time);
    EXPECT_EQ(row.get<std::string>(1), "b");
  });
}

TEST(SqlParameters, MayBeNull) {
  on_connection([](Connection& connection) -> Task<> {
    const std::optional<int> none;
    const std::optional<int> some = 3;
    const Rows rows =
        co_await connection.fetch("select $1::int, $2::text, $3::int, $4::int, $5::text = ''",
                                  nullptr, std::nullopt, none, some, "");
    const Row row = rows.front();
    EXPECT_TRUE(row.is_null(0));
    EXPECT_TRUE(row.is_null(1));
    EXPECT_TRUE(row.is_null(2));
    EXPECT_EQ(row.get<int>(3), 3);
    EXPECT_TRUE(row.get<bool>(4));
  });
}

TEST(SqlParameters, MayBeBytesAndArrays) {
  on_connection([](Connection& connection) -> Task<> {
    std::vector<std::byte> bytes;
    for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<std::byte>(i));
    const auto back =
        co_await connection.fetch_value<std::vector<std::byte>>("select $1::bytea", bytes);
    EXPECT_EQ(back, bytes);
    const int length = co_await connection.fetch_value<int>("select length($1::bytea)", bytes);
    EXPECT_EQ(length, 256);
    const std::vector<std::vector<int>> numbers{{}, {1, -2, 3}};
    co_await expect_same(connection, "int[]", numbers);
    const std::vector<std::vector<bool>> flags{{true, false}};
    co_await expect_same(connection, "bool[]", flags);
    const std::vector<std::vector<std::string>> texts{
        {"a", "", "NULL", "b,c", "\"d\"", "e\\f", "{g}", " h "}};
    co_await expect_same(connection, "text[]", texts);
    const std::vector<std::vector<std::optional<int>>> holes{{1, std::nullopt, 3}};
    co_await expect_same(connection, "int[]", holes);
    const std::vector<int> three{1, 2, 3};
    const int sum =
        co_await connection.fetch_value<int>("select sum(n) from unnest($1::int[]) n", three);
    EXPECT_EQ(sum, 6);
  });
}

}  // namespace
