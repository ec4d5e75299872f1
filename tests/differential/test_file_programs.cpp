// Random programs of opens, reads, writes and seeks on eddy's files and on Python's: each call
// gives the same, and so does the file in the end. file_programs.py draws the same numbers.
//
// What a buffer holds at a time is nobody's promise: of peek() and read1() the first byte counts.
// Two things are eddy's own: UsageError stands for Python's ValueError, and EBADF for its
// UnsupportedOperation.
#include "support/directory.hpp"
#include "support/run.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>

namespace {

using namespace eddy;

constexpr std::size_t sizes[] = {0, 1, 2, 3, 7, 15, 16, 17, 40, 300, 4500};
constexpr std::int64_t places[] = {0, 0, 1, 5, 16, 33, 64, 250, 5000};
constexpr int buffers[] = {-1, 0, 1, 2, 3, 5, 16, 64, 4096};
constexpr const char* modes[] = {"r", "r+", "r+", "w", "w+", "w+", "a", "a+", "x", "x+"};

class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed) {}

  std::size_t below(std::size_t limit) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>(state_ >> 33) % limit;
  }
  template <class T, std::size_t Count>
  T of(const T (&choices)[Count]) { return choices[below(Count)]; }

 private:
  std::uint64_t state_;
};

const std::string& pattern() {
  static const std::string pattern = [] {
    std::string text;
    for (Numbers numbers(7); text.size() < 16384;) {
      const bool end = numbers.below(8) == 0;
      text += end ? '\n' : static_cast<char>('a' + numbers.below(26));
    }
    return text;
  }();
  return pattern;
}

std::string_view piece(Numbers& numbers) {
  const std::size_t size = numbers.of(sizes);
  const std::size_t at = numbers.below(pattern().size() - size);
  return std::string_view(pattern()).substr(at, size);
}

// As zlib has it.
std::uint32_t crc32(std::string_view text) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t n = 0; n < 256; ++n) {
      std::uint32_t rest = n;
      for (int bit = 0; bit < 8; ++bit) rest = rest & 1 ? 0xedb88320 ^ rest >> 1 : rest >> 1;
      table[n] = rest;
    }
    return table;
  }();
  std::uint32_t sum = ~0u;
  for (const char c : text) sum = table[(sum ^ static_cast<unsigned char>(c)) & 0xff] ^ sum >> 8;
  return ~sum;
}

std::string told(std::string_view text) {
  char sum[9];
  std::snprintf(sum, sizeof sum, "%x", crc32(text));
  return std::to_string(text.size()) + ":" + sum;
}

std::string told(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line;
  return std::to_string(lines.size()) + "/" + told(text);
}

std::string first_of(std::string_view text) {
  return text.empty() ? "-" : std::to_string(static_cast<unsigned char>(text[0]));
}

// -- the calls, each as in file_programs.py --

Task<std::string> read_piece(File& file, Numbers numbers) {
  const std::string text = co_await file.read(numbers.of(sizes));
  co_return told(text);
}
Task<std::string> read_all(File& file, Numbers) {
  const std::string text = co_await file.read();
  co_return told(text);
}
Task<std::string> readline(File& file, Numbers) {
  const std::string text = co_await file.readline();
  co_return told(text);
}
Task<std::string> readline_up_to(File& file, Numbers numbers) {
  const std::string text = co_await file.readline(numbers.of(sizes));
  co_return told(text);
}
Task<std::string> readlines(File& file, Numbers) {
  const auto lines = co_await file.readlines();
  co_return told(lines);
}
Task<std::string> readlines_up_to(File& file, Numbers numbers) {
  const std::size_t hint = numbers.of(sizes);
  const auto lines = co_await file.readlines(hint > 0 ? hint : File::all);
  co_return told(lines);
}
Task<std::string> iterate(File& file, Numbers numbers) {
  std::vector<std::string> seen;
  Lines lines = file.lines();
  for (std::size_t count = 1 + numbers.below(3); count > 0; --count) {
    auto line = co_await lines.next();
    if (!line) break;
    seen.push_back(std::move(*line));
  }
  co_return told(seen);
}
Task<std::string> read_at(File& file, Numbers numbers) {
  std::string text(numbers.of(sizes), '\0');
  const auto at = static_cast<std::uint64_t>(numbers.of(places));
  const std::size_t got = co_await file.read_at(text, at);
  co_return told(std::string_view(text).substr(0, got));
}
Task<std::string> readinto(File& file, Numbers numbers) {
  std::string text(numbers.of(sizes), '\0');
  const std::size_t got = co_await file.read_into(text);
  co_return told(std::string_view(text).substr(0, got));
}
Task<std::string> peek(File& file, Numbers) {
  const std::string text = co_await file.peek(1);
  co_return first_of(text);
}
Task<std::string> read1(File& file, Numbers numbers) {
  std::string text(numbers.of(sizes), '\0');
  const std::size_t got = co_await file.read_some(text);
  if (got > 1) co_await file.seek(1 - static_cast<std::int64_t>(got), Whence::current);
  co_return first_of(std::string_view(text).substr(0, got));
}
// In append mode from anywhere, or from the end: after the first, which goes to the end as well,
// that is where a flushed file stands.
Task<bool> goes_anywhere(File& file, Numbers& numbers) {
  if (!file.mode().starts_with('a')) co_return false;
  const bool anywhere = numbers.below(2) == 0;
  if (!anywhere) co_await file.seek(0, Whence::end);
  co_return anywhere;
}
Task<std::string> write(File& file, Numbers numbers) {
  const std::string_view text = piece(numbers);
  const bool anywhere = co_await goes_anywhere(file, numbers);
  const std::size_t count = co_await file.write(text);
  if (anywhere) co_await file.flush();
  co_return std::to_string(count);
}
Task<std::string> writelines(File& file, Numbers numbers) {
  std::array<std::string_view, 3> lines;
  for (auto& line : lines) line = piece(numbers);
  const bool anywhere = co_await goes_anywhere(file, numbers);
  co_await file.writelines(lines);
  if (anywhere) co_await file.flush();
  co_return "w";
}
Task<std::string> seek(File& file, Numbers numbers) {
  const auto place = co_await file.seek(numbers.of(places));
  co_return std::to_string(place);
}
Task<std::string> seek_from(File& file, Numbers numbers, Whence whence) {
  const std::int64_t up = numbers.of(places);
  const auto place = co_await file.seek(up - numbers.of(places), whence);
  co_return std::to_string(place);
}
Task<std::string> seek_on(File& file, Numbers numbers) {
  return seek_from(file, numbers, Whence::current);
}
Task<std::string> seek_from_end(File& file, Numbers numbers) {
  return seek_from(file, numbers, Whence::end);
}
Task<std::string> tell(File& file, Numbers) {
  const auto place = co_await file.tell();
  co_return std::to_string(place);
}
Task<std::string> truncate(File& file, Numbers) {
  const auto size = co_await file.truncate();
  co_return std::to_string(size);
}
Task<std::string> truncate_to(File& file, Numbers numbers) {
  const auto size = co_await file.truncate(static_cast<std::uint64_t>(numbers.of(places)));
  co_return std::to_string(size);
}
Task<std::string> flush(File& file, Numbers) {
  co_await file.flush();
  struct stat stat;
  EXPECT_EQ(::fstat(file.fileno(), &stat), 0);
  co_return "f" + std::to_string(stat.st_size);
}
Task<std::string> close(File& file, Numbers numbers) {
  if (numbers.below(8) == 0) co_await file.close();
  co_return file.closed() ? "True" : "False";
}

constexpr Task<std::string> (*calls[])(File&, Numbers) = {
    &read_piece, &read_piece, &read_all, &readline, &readline, &readline_up_to, &readlines,
    &readlines_up_to, &iterate, &read_at, &readinto, &readinto, &peek, &read1, &write, &write,
    &write, &writelines, &seek, &seek, &seek_on, &seek_from_end, &tell, &tell, &truncate,
    &truncate_to, &flush, &close};

std::string kind_of(const std::error_code& code) {
  if (code == std::errc::bad_file_descriptor) return "direction";
  return "e" + std::to_string(code.value());
}

// What `call` gives, or how it fails.
Task<std::string> outcome_of(Task<std::string> (*call)(File&, Numbers), File& file,
                             Numbers numbers) {
  try {
    auto given = co_await as_result(call(file, numbers));
    if (given) co_return std::move(*given);
    co_return kind_of(given.error());
  } catch (const UsageError&) {
    co_return "closed";
  }
}

Task<> use(std::string path, FilePolicy policy, Numbers& numbers, std::string& log) {
  const std::string mode = numbers.of(modes) + std::string("b");
  const int buffering = numbers.of(buffers);
  const std::size_t count = 3 + numbers.below(10);
  log += mode + "," + std::to_string(buffering) + " ";
  auto file = co_await as_result(open(path, mode, {.buffering = buffering, .policy = policy}));
  if (!file) {
    log += kind_of(file.error()) + " ";
    co_return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    auto* const call = numbers.of(calls);
    const Numbers own(numbers.below(1 << 30));
    const std::string given = co_await outcome_of(call, *file, own);
    log += given + " ";
  }
  co_await file->close();
}

Task<std::string> run(std::uint64_t seed, const test::Directory& directory) {
  constexpr FilePolicy policies[] = {FilePolicy::automatic, FilePolicy::ring, FilePolicy::inline_};
  Numbers numbers(seed);
  std::string log;
  const std::string path = directory.path("eddy");
  ::unlink(path.c_str());
  if (numbers.below(4) > 0) directory.write("eddy", std::string(piece(numbers)));
  for (std::size_t sessions = 1 + numbers.below(3); sessions > 0; --sessions) {
    co_await use(path, policies[seed % 3], numbers, log);
  }
  if (::access(path.c_str(), F_OK) == 0) log += told(directory.read("eddy")) + " ";
  if (!log.empty()) log.pop_back();
  co_return log;
}

// What Python says, a line at a time: it runs beside this.
class Python {
 public:
  Python(const std::string& directory, std::uint64_t first, std::uint64_t count) {
    const std::string command = "python3 -W ignore '" FILE_PROGRAMS_PY "' '" + directory + "' " +
                                std::to_string(first) + " " + std::to_string(count);
    output_ = ::popen(command.c_str(), "re");
  }
  Python(const Python&) = delete;
  Python& operator=(const Python&) = delete;
  ~Python() { if (output_) ::pclose(output_); }

  std::string next() {
    std::string line;
    for (int c; output_ && (c = std::fgetc(output_)) != EOF && c != '\n';) {
      line += static_cast<char>(c);
    }
    return line;
  }

 private:
  std::FILE* output_;
};

void compare(const test::Directory& directory, std::uint64_t first, std::uint64_t count) {
  Python python(directory.path(""), first, count);
  test::run([&]() -> Task<> {
    int differ = 0;
    for (std::uint64_t seed = first; seed < first + count && differ < 10; ++seed) {
      const std::string expected = python.next();
      const std::string seen = co_await run(seed, directory);
      EXPECT_EQ(seen, expected) << "program " << seed;
      if (seen != expected) ++differ;
    }
  });
}

constexpr std::uint64_t each = 2'500;

class FilePrograms : public testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(From, FilePrograms, testing::Range<std::uint64_t>(0, 8),
                         testing::PrintToStringParamName());

// Where no disk is waited for, if there is such a place.
TEST_P(FilePrograms, GiveWhatPythonsGive) {
  const char* const usual = ::getenv("TMPDIR");
  const std::string before = usual ? usual : "/tmp";
  if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 1);
  const test::Directory directory;
  ::setenv("TMPDIR", before.c_str(), 1);
  compare(directory, GetParam() * each, each);
}

TEST(FileProgramsOnADisk, GiveWhatPythonsGive) { compare(test::Directory(), 8 * each, 1'000); }

}  // namespace
