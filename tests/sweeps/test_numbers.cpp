// Every call of a file that takes a place or a size, with numbers that are none: the same answer
// inline and on the ring, and a file that is what it was where that is no.
#include "sweeps/play.hpp"

#include "support/directory.hpp"

#include <eddy/io/file.hpp>
#include <eddy/io/fs.hpp>

#include <array>
#include <cstdint>

namespace {

using namespace test;

struct Placing {
  const char* name;
  Task<std::uint64_t> (*call)(File&, std::uint64_t);
};

std::array<char, 4> buffer;

constexpr Placing placings[] = {
    {"read_at",
     [](File& file, std::uint64_t at) -> Task<std::uint64_t> {
       co_return co_await file.read_at(buffer, at);
     }},
    {"write_at",
     [](File& file, std::uint64_t at) -> Task<std::uint64_t> {
       co_return co_await file.write_at("", at);
     }},
    {"seek",
     [](File& file, std::uint64_t at) -> Task<std::uint64_t> {
       co_return co_await file.seek(static_cast<std::int64_t>(at));
     }},
    {"truncate_to_what_is_too_much",
     [](File& file, std::uint64_t at) -> Task<std::uint64_t> {
       if (at < std::uint64_t{1} << 62) co_return 0;  // more than any disk
       co_return co_await file.truncate(at);
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

class Numbers : public SweepOver<Placing> {
 protected:
  // What comes of it, in words.
  std::string answer_of(FilePolicy policy, std::uint64_t number) {
    LoopOptions options;
    options.file_policy = policy;
    Loop loop(options);
    directory.write("data", "what there is");
    try {
      const auto work = [&]() -> Task<std::uint64_t> {
        File file = co_await open(Text(directory.path("data")), "r+");
        auto answer = co_await as_outcome(GetParam().call(file, number));
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
