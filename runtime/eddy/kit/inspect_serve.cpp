#include <eddy/kit/inspect.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/flow/timeout.hpp>
#include <eddy/kit/serve.hpp>
#include <eddy/sync/signals.hpp>

#include <utility>

namespace eddy::inspect {
using namespace internal;
using namespace std::chrono_literals;
namespace {

constexpr std::size_t longest_question = 100;
constexpr std::size_t most_clients = 32;  // each of whom has a text of its own

void write_to_stderr(std::string_view text) {
  while (!text.empty()) {
    const auto written = sys::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// A UNIX socket's name in the file system, which nobody else removes.
class BoundPath {
 public:
  explicit BoundPath(const Address& address)
      : path_(address.is_abstract() ? std::string_view() : address.path()) {
    EDDY_ASSERT(address.is_unix());
  }
  BoundPath(const BoundPath&) = delete;
  BoundPath& operator=(const BoundPath&) = delete;
  ~BoundPath() {
    if (!path_.empty()) static_cast<void>(sys::unlink(path_.c_str()));
  }

 private:
  std::string path_;
};

bool is_for(const Stream& stream) {
  const auto peer = stream.socket().option<ucred>(SOL_SOCKET, SO_PEERCRED);
  return peer.uid == 0 || peer.uid == sys::geteuid();
}

std::string_view without_line_end(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string answer_to(std::string_view question) {
  if (question == "ps") return table();
  if (question == "pstree") return dump();
  return "ask for ps or pstree\n";
}

Task<> talk(Stream& stream) {
  if (!is_for(stream)) co_return;
  const auto question = co_await timeout(10s, stream.readline(longest_question));
  if (question.empty()) co_return;
  const std::string text = answer_to(without_line_end(question));
  co_await timeout(10s, stream.write_all(text));
}

// Who asks junk, or leaves, or never reads, is nothing that the program must hear of.
Task<> answer(Stream stream) {
  const auto ended = co_await as_outcome(talk(stream));
  if (!ended && ended.error().is_cancelled()) co_await fail(ended.error());
}

}  // namespace

Task<> dump_on_signal(int signal, Sink to) {
  Signals signals{signal};
  if (!to) to = &write_to_stderr;
  for (;;) {
    co_await signals.next();
    to(dump());
  }
}

Task<> serve(Address address) {
  if (!address.is_unix()) throw UsageError("inspect::serve() wants a UNIX address");
  Listener listener = listen(address);
  const BoundPath path(address);
  co_await eddy::serve(listener, answer, {.limit = most_clients});
}

}  // namespace eddy::inspect
