#include <eddy/file/whole_file.hpp>

#include <eddy/core/as_result.hpp>

#include <algorithm>

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

}  // namespace eddy
