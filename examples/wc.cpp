// Counts the lines, words and bytes of many files at once, several of them open at a time.
//
// Run:    examples/run wc FILE...
// Prints: what `LC_ALL=C wc FILE...` prints, without the padding; errors go to stderr.
#include <eddy/eddy.hpp>

#include <cstdio>
#include <string>
#include <vector>

using namespace eddy;

struct Count {
  unsigned long lines = 0, words = 0, bytes = 0;
};

// As coreutils in the C locale: blanks end a word, printable characters begin one, others do
// neither.
static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static bool is_printable(char c) { return c > ' ' && c <= '~'; }

static Task<Count> count(std::string name) {
  File file = co_await open(name, "rb");
  std::vector<char> buffer(256 * 1024);
  Count total;
  bool in_word = false;
  while (const std::size_t size = co_await file.read_into(buffer)) {
    total.bytes += size;
    for (std::size_t i = 0; i < size; ++i) {
      const char c = buffer[i];
      total.lines += c == '\n';
      total.words += is_printable(c) && !in_word;
      in_word = is_printable(c) || (in_word && !is_blank(c));
    }
  }
  co_await file.close();
  co_return total;
}

static void print(const Count& count, const char* name) {
  std::printf("%lu %lu %lu %s\n", count.lines, count.words, count.bytes, name);
}

static Task<int> amain(std::vector<std::string> names) {
  constexpr std::size_t at_once = 32;
  std::vector<JoinHandle<Count>> counts(names.size());
  Count sum;
  int status = 0;
  for (std::size_t next = 0, done = 0; done < names.size(); ++done) {
    for (; next < names.size() && next < done + at_once; ++next)
      counts[next] = spawn(count(names[next]));
    try {
      const Count one = co_await counts[done];
      print(one, names[done].c_str());
      sum.lines += one.lines, sum.words += one.words, sum.bytes += one.bytes;
    } catch (const Error& error) {
      std::fprintf(stderr, "wc: %s\n", error.what());
      status = 1;
    }
    counts[done] = {};
  }
  if (names.size() > 1) print(sum, "total");
  co_return status;
}

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: wc FILE...\n");
    return 2;
  }
  return run(amain({arguments + 1, arguments + count}), {.handle_sigint = true});
}
