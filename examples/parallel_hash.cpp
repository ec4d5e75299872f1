// SHA-256 of every file below a directory, on all processors, in the words of `sha256sum`.
//
// The loop reads the files, twice as many at a time as there are threads to hash them; each hash is
// computed piece by piece on a pool with one thread for each processor.
//
// Run:    examples/run parallel_hash [PATH...]
// Prints: a line for each file, in the order of the tree
#include <eddy/eddy.hpp>

#include <openssl/evp.h>

#include <cstdio>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

using namespace eddy;

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    if (!context_ || !EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr)) throw_failed();
  }
  void add(std::span<const std::byte> bytes) {
    if (!EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size())) throw_failed();
  }
  std::string hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!EVP_DigestFinal_ex(context_.get(), digest, &size)) throw_failed();
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
      text += "0123456789abcdef"[digest[i] >> 4];
      text += "0123456789abcdef"[digest[i] & 15];
    }
    return text;
  }

 private:
  [[noreturn]] static void throw_failed() { throw std::runtime_error("SHA-256 is not available"); }
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

static Generator<std::string> files_below(std::vector<std::string> paths) {
  for (const std::string& path : paths) {
    const bool is_directory = co_await fs::is_dir(path);
    if (!is_directory) {
      co_yield std::string(path);
      continue;
    }
    auto walk = fs::walk(path);
    while (auto entry = co_await walk.next()) {
      if (entry->is_file()) co_yield std::string(entry->path());
    }
  }
}

// What a thread is given belongs to this frame, which stays until the thread is done.
static Task<std::string> hash_of(ThreadPool& pool, std::string path) {
  File file = co_await open(path, "rb", {.buffering = 0});
  Sha256 hash;
  std::vector<std::byte> buffer(256 * 1024);
  for (;;) {
    const std::size_t size = co_await file.read_into(buffer);
    if (size == 0) break;
    const auto bytes = std::span<const std::byte>(buffer).first(size);
    co_await pool.submit(&Sha256::add, std::ref(hash), bytes);
  }
  co_return hash.hex() + "  " + path;
}

static Task<int> amain(std::vector<std::string> paths) {
  ThreadPool pool = cpu_pool();
  int status = 0;
  const auto line_of = [&](std::string path) -> Task<std::string> {
    const auto line = co_await as_result(hash_of(pool, path));
    if (line) co_return *line;
    std::fprintf(stderr, "parallel_hash: %s: %s\n", path.c_str(), line.error().message().c_str());
    status = 1;
    co_return std::string();
  };
  const unsigned at_once = 2 * pool.stats().most_threads;
  auto files = files_below(std::move(paths));
  const auto lines = co_await bulk(std::move(files), at_once, line_of);
  for (const std::string& line : lines) {
    if (!line.empty()) std::printf("%s\n", line.c_str());
  }
  co_return status;
}

int main(int count, char** arguments) {
  std::vector<std::string> paths(arguments + 1, arguments + count);
  if (paths.empty()) paths.emplace_back(".");
  return run(amain(std::move(paths)), {.handle_sigint = true});
}
