#include <eddy/io/whole_file.hpp>

#include <eddy/core/as_result.hpp>
#include <eddy/io/fs.hpp>

#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

namespace eddy {
namespace {

// Writes and closes; what was opened is closed whatever happens.
Task<> write_all(Text path, std::string_view mode, Bytes bytes) {
  auto file = co_await as_outcome(open(path, mode, {.buffering = 0}));
  if (!file) co_await fail(std::move(file.error()));
  auto written = co_await as_outcome(file->write(bytes));
  if (!written) co_await fail(std::move(written.error()));
  auto closed = co_await as_outcome(file->close());
  if (!closed) co_await fail(std::move(closed.error()));
}

// Removes the temporary file unless the rename came through. A plain call: it must not wait.
class Leftover {
 public:
  explicit Leftover(const Text& path) noexcept : path_(path) {}
  Leftover(const Leftover&) = delete;
  Leftover& operator=(const Leftover&) = delete;
  ~Leftover() { if (!path_.empty()) ::unlink(path_.c_str()); }
  void keep() noexcept { path_ = Text(); }

 private:
  Text path_;
};

Text beside(const Text& path, std::uint64_t number) {
  return Text(std::string(path.view()) + "." + std::to_string(::getpid()) + "-" +
              std::to_string(number) + ".tmp");
}

Task<> sync_directory_of(Text path) {
  const auto slash = path.view().rfind('/');
  const Text directory(slash == std::string_view::npos ? std::string_view(".")
                       : slash == 0                    ? std::string_view("/")
                                                       : path.view().substr(0, slash));
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) co_await fail(Failure::error(errno, "open", directory.view()));
  Request request;
  request.opcode = IORING_OP_FSYNC;
  request.fd = fd.get();
  auto synced = co_await as_outcome(Operation(request, "sync"));
  if (!synced && synced.error().is_cancelled()) co_await fail(std::move(synced.error()));
  // Some file systems cannot sync a directory (EINVAL): then the rename is as safe as it can be.
  if (!synced && synced.error().code() != EINVAL) {
    co_await fail(Failure::error(synced.error().code(), "sync", directory.view()));
  }
}

}  // namespace

Task<std::string> read_text(Text path) {
  auto file = co_await as_outcome(open(path, "rb", {.buffering = 0}));
  if (!file) co_await fail(std::move(file.error()));
  auto text = co_await as_outcome(file->read());
  if (!text) co_await fail(std::move(text.error()));
  auto closed = co_await as_outcome(file->close());
  if (!closed) co_await fail(std::move(closed.error()));
  co_return std::move(*text);
}

Task<std::vector<std::byte>> read_bytes(Text path) {
  auto file = co_await as_outcome(open(path, "rb", {.buffering = 0}));
  if (!file) co_await fail(std::move(file.error()));
  auto stat = co_await as_outcome(file->stat());
  if (!stat) co_await fail(std::move(stat.error()));
  std::vector<std::byte> bytes;
  // The size is a guess, and none in /proc: the end is where a read finds it.
  for (std::size_t chunk = stat->size + 1, done = 0;; chunk = std::max<std::size_t>(done, 65536)) {
    bytes.resize(done + chunk);
    auto got = co_await as_outcome(file->read_into(MutableBytes(bytes.data() + done, chunk)));
    if (!got) co_await fail(std::move(got.error()));
    done += *got;
    if (*got == chunk) continue;
    bytes.resize(done);
    break;
  }
  auto closed = co_await as_outcome(file->close());
  if (!closed) co_await fail(std::move(closed.error()));
  co_return bytes;
}

Task<> write_text(Text path, std::string text) {
  auto done = co_await as_outcome(write_all(path, "wb", text));
  if (!done) co_await fail(std::move(done.error()));
}
Task<> write_bytes(Text path, Bytes bytes) { return write_all(std::move(path), "wb", bytes); }
Task<> append_text(Text path, std::string text) {
  auto done = co_await as_outcome(write_all(path, "ab", text));
  if (!done) co_await fail(std::move(done.error()));
}

Task<> write_atomic(Text path, Bytes bytes) {
  static std::atomic<std::uint64_t> counter = 0;
  const Text temporary = beside(path, ++counter);
  auto old = co_await as_outcome(fs::stat(path));
  const unsigned permissions = old ? old->mode & 0777 : 0666;

  auto file =
      co_await as_outcome(open(temporary, "xb", {.buffering = 0, .permissions = permissions}));
  if (!file) co_await fail(std::move(file.error()));
  Leftover leftover(temporary);
  // open(2) took the umask off.
  if (old && ::fchmod(file->fileno(), permissions) < 0) {
    co_await fail(Failure::error(errno, "chmod", temporary.view()));
  }
  auto written = co_await as_outcome(file->write(bytes));
  if (!written) co_await fail(std::move(written.error()));
  auto synced = co_await as_outcome(file->sync());
  if (!synced) co_await fail(std::move(synced.error()));
  auto closed = co_await as_outcome(file->close());
  if (!closed) co_await fail(std::move(closed.error()));
  auto renamed = co_await as_outcome(fs::rename(temporary, path));
  if (!renamed) co_await fail(std::move(renamed.error()));
  leftover.keep();
  auto safe = co_await as_outcome(sync_directory_of(path));
  if (!safe) co_await fail(std::move(safe.error()));
}

}  // namespace eddy
