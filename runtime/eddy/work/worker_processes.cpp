#include <eddy/work/worker_processes.hpp>

#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/operation.hpp>
#include <eddy/core/loop.hpp>
#include <eddy/core/try.hpp>
#include <eddy/sync/semaphore.hpp>
#include <eddy/work/internal/worker_process.hpp>

#include <linux/io_uring.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace eddy {
using namespace internal;
namespace {

// As much as one request to the kernel may move.
constexpr std::size_t most_at_once = std::size_t{1} << 30;

Operation transfer(std::uint8_t opcode, int fd, const char* bytes, std::size_t size) {
  Request request;
  request.opcode = opcode;
  request.fd = fd;
  request.address = reinterpret_cast<std::uintptr_t>(bytes);
  request.length = static_cast<std::uint32_t>(std::min(size, most_at_once));
  request.op_flags = MSG_NOSIGNAL | MSG_WAITALL;
  return Operation(request, "call a worker process");
}

// All of it, or false when the worker has died: whatever the kernel calls that.
Task<bool> transfer_all(std::uint8_t opcode, int fd, const char* bytes, std::size_t size) {
  while (size > 0) {
    auto outcome = co_await as_outcome(transfer(opcode, fd, bytes, size));
    if (!outcome && outcome.error().is_cancelled()) co_await fail(std::move(outcome.error()));
    if (!outcome || *outcome == 0) co_return false;
    bytes += *outcome;
    size -= static_cast<std::size_t>(*outcome);
  }
  co_return true;
}

}  // namespace

WorkerDied::WorkerDied() : Error({EPIPE, own_category()}, "call a worker process", {}, "it died") {}

class WorkerProcesses::State {
 public:
  State(unsigned workers, Function function);
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EDDY_ASSERT(ended_ || is_of_another_process()); }

  bool is_of_another_process() const noexcept { return process_ != sys::getpid(); }
  void end() noexcept;
  std::uint64_t replaced() const noexcept { return replaced_; }

  // One worker for one call. Unless that was answered the worker is replaced: nobody knows how much
  // of it the next one would meet.
  class Turn {
   public:
    explicit Turn(State& state) noexcept : state_(state), worker_(state.free_.back()) {
      state.free_.pop_back();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (!answered_) state_.replace(worker_);
      state_.free_.push_back(worker_);  // has room for all
    }
    int socket() const noexcept { return state_.sockets_[worker_].get(); }
    void answered() noexcept { answered_ = true; }

   private:
    State& state_;
    unsigned worker_;
    bool answered_ = false;
  };

  Semaphore& places() noexcept { return places_; }

 private:
  void replace(unsigned worker) noexcept;

  pid_t process_;  // the mark counts once there was a loop: these may be made before
  UniqueFd control_;
  pid_t forker_ = 0;
  bool ended_ = false;
  std::vector<UniqueFd> sockets_;
  std::vector<unsigned> free_;
  Semaphore places_;
  std::uint64_t replaced_ = 0;
};

WorkerProcesses::State::State(unsigned workers, Function function)
    : process_(sys::getpid()), sockets_(workers), places_(workers) {
  if (workers == 0) throw UsageError("without worker processes nothing would ever be answered");
  free_.reserve(workers);
  int ends[2];
  if (sys::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw Error(errno, "create a socket pair");
  }
  control_.reset(ends[0]);
  UniqueFd other(ends[1]);
  forker_ = sys::fork();
  if (forker_ < 0) throw Error(errno, "fork");
  if (forker_ == 0) {
    control_.reset();
    serve_as_forker(std::move(other), function);
  }
  for (unsigned worker = 0; worker < workers; ++worker) {
    sockets_[worker] = start_worker(control_.get(), worker);
    free_.push_back(worker);
  }
}

void WorkerProcesses::State::replace(unsigned worker) noexcept {
  if (ended_ || is_of_another_process()) return;
  EDDY_ASSERT(worker < sockets_.size());
  sockets_[worker] = start_worker(control_.get(), worker);
  ++replaced_;
}

// shutdown() reaches the forker even if somebody else has the descriptor by a fork().
void WorkerProcesses::State::end() noexcept {
  EDDY_ASSERT(!ended_);
  if (is_of_another_process()) return;
  ended_ = true;
  sys::shutdown(control_.get(), SHUT_RDWR);
  while (sys::waitpid(forker_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

WorkerProcesses::WorkerProcesses(unsigned workers, Function function)
    : state_(std::make_shared<State>(workers, std::move(function))) {}

WorkerProcesses::~WorkerProcesses() { state_->end(); }

std::uint64_t WorkerProcesses::replaced() const noexcept { return state_->replaced(); }

namespace {

// The request with its header before it, sent at once.
std::string with_header(std::string request) {
  const WorkerHeader header{.size = request.size()};
  request.insert(0, reinterpret_cast<const char*>(&header), sizeof header);
  return request;
}

}  // namespace

Task<std::string> WorkerProcesses::call(std::string request) {
  const auto state = state_;
  if (state->is_of_another_process()) {
    throw UsageError("worker processes of another process: they were made before fork()");
  }
  request = with_header(std::move(request));
  EDDY_TRY(auto place, state->places().scoped());
  State::Turn turn(*state);
  EDDY_TRY(const bool sent,
           transfer_all(IORING_OP_SEND, turn.socket(), request.data(), request.size()));
  if (!sent) throw WorkerDied();
  WorkerHeader header;
  EDDY_TRY(const bool began, transfer_all(IORING_OP_RECV, turn.socket(),
                                          reinterpret_cast<char*>(&header), sizeof header));
  if (!began) throw WorkerDied();
  request.resize(header.size);
  EDDY_TRY(const bool came,
           transfer_all(IORING_OP_RECV, turn.socket(), request.data(), request.size()));
  if (!came) throw WorkerDied();
  turn.answered();
  if (header.failed) throw WorkerException(request);
  co_return request;
}

}  // namespace eddy
