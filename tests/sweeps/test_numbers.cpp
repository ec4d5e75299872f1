// Every call of a file that takes a place or a size, with numbers that are none: the same answer
// inline and on the ring, and a file that is what it was where that is no.
#include "sweeps/play.hpp"
#include "sweeps/sockets.hpp"

#include "support/directory.hpp"

#include <eddy/file/file.hpp>
#include <eddy/file/fs.hpp>

#include <array>
#include <cstdint>

namespace {

using namespace test;
using test::Directory;  // there is an eddy::Directory, too

struct Used {
  File& file;
  const Text& path;  // the same file's
};

struct Placing {
  const char* name;
  Task<std::uint64_t> (*call)(Used, std::uint64_t);
};

std::array<char, 4> buffer;
constexpr std::uint64_t too_much = std::uint64_t{1} << 62;  // for any disk

constexpr Placing placings[] = {
    {"read_at",
     [](Used used, std::uint64_t at) -> Task<std::uint64_t> {
       co_return co_await used.file.read_at(buffer, at);
     }},
    {"write_at",
     [](Used used, std::uint64_t at) -> Task<std::uint64_t> {
       co_return co_await used.file.write_at("", at);
     }},
    {"seek",
     [](Used used, std::uint64_t at) -> Task<std::uint64_t> {
       co_return co_await used.file.seek(static_cast<std::int64_t>(at));
     }},
    {"truncate_to_what_is_too_much",
     [](Used used, std::uint64_t at) -> Task<std::uint64_t> {
       if (at < too_much) co_return 0;
       co_return co_await used.file.truncate(at);
     }},
    {"fs_truncate_to_what_is_too_much",
     [](Used used, std::uint64_t at) -> Task<std::uint64_t> {
       if (at >= too_much) co_await fs::truncate(used.path, at);
       co_return 0;
     }},
    {"allocate_at",
     [](Used used, std::uint64_t at) -> Task<std::uint64_t> {
       if (at >= too_much) co_await used.file.allocate(at, 4);
       co_return 0;
     }},
    {"allocate_too_much",
     [](Used used, std::uint64_t at) -> Task<std::uint64_t> {
       if (at >= too_much) co_await used.file.allocate(0, at);
       co_return 0;
     }},
    {"send_file_from",
     [](Used used, std::uint64_t at) -> Task<std::uint64_t> {
       Pair pair;
       Stream stream{Socket(std::move(pair.ours))};
       co_return co_await stream.send_file(used.file, at, 4);
     }},
    {"send_file_of_nothing_from",
     [](Used used, std::uint64_t at) -> Task<std::uint64_t> {
       Pair pair;
       Stream stream{Socket(std::move(pair.ours))};
       co_return co_await stream.send_file(used.file, at, 0);
     }},
};

constexpr std::uint64_t numbers[] = {
    0,
    (std::uint64_t{1} << 31) - 1,
    std::uint64_t{1} << 31,
    std::uint64_t{1} << 32,
    (std::uint64_t{1} << 63) - 1,
    std::uint64_t{1} << 63,
    ~std::uint64_t{0} - 1,
    ~std::uint64_t{0},
};

class Numbers : public testing::TestWithParam<Placing> {
 protected:
  // What comes of it, in words.
  std::string answer_of(FilePolicy policy, std::uint64_t number) {
    LoopOptions options;
    options.file_policy = policy;
    Loop loop(options);
    directory.write("data", "what there is");
    try {
      const auto work = [&]() -> Task<std::uint64_t> {
        const Text path(directory.path("data"));
        File file = co_await open(path, "r+");
        auto answer = co_await as_outcome(GetParam().call({file, path}, number));
        co_await file.close();
        if (!answer) co_await fail(std::move(answer.error()));
        co_return *answer;
      };
      return std::to_string(loop.run(work()));
    } catch (const UsageError& error) {
      return std::string("UsageError ") + error.what();
    } catch (const Error& error) {
      return error.code().message();
    }
  }
  Directory directory;
};

// edge 10
TEST_P(Numbers, HaveOneAnswerOnEveryPath) {
  for (const std::uint64_t number : numbers) {
    begin_combination(GetParam().name, std::to_string(number));
    const std::string expected = answer_of(FilePolicy::inline_, number);
    EXPECT_EQ(answer_of(FilePolicy::ring, number), expected) << combination();
    EXPECT_EQ(answer_of(FilePolicy::automatic, number), expected) << combination();
    EXPECT_EQ(directory.read("data"), "what there is") << combination();
    if (number > numbers[4]) {
      EXPECT_NE(expected.find_first_not_of("0123456789"), std::string::npos)
          << combination() << " was taken for a place: " << expected;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Numbers, testing::ValuesIn(placings),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
