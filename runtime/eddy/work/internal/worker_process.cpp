#include <eddy/work/internal/worker_process.hpp>

#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/sys.hpp>

#include <cstring>
#include <exception>
#include <utility>
#include <vector>

namespace eddy::internal {
namespace {

using Function = std::function<std::string(std::string)>;

// False at the end, and when nobody is there any more.
bool read_all(int fd, void* into, std::size_t size) noexcept {
  char* at = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t count = sys::read(fd, at, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

bool write_all(int fd, const void* from, std::size_t size) noexcept {
  const char* at = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t count = sys::send(fd, at, size, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    at += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

std::string answer_to(std::string request, Function& function, WorkerHeader& header) {
  std::string answer;
  try {
    answer = function(std::move(request));
    header.failed = 0;
  } catch (const std::exception& exception) {
    answer = exception.what();
    header.failed = 1;
  }
  header.size = answer.size();
  return answer;
}

// An exception that is no std::exception ends it, and so does a lack of memory for a request.
[[noreturn]] void serve_as_worker(int fd, Function& function) noexcept {
  WorkerHeader header;
  while (read_all(fd, &header, sizeof header)) {
    std::string request(header.size, '\0');
    if (!read_all(fd, request.data(), request.size())) break;
    const std::string answer = answer_to(std::move(request), function, header);
    if (!write_all(fd, &header, sizeof header)) break;
    if (!write_all(fd, answer.data(), answer.size())) break;
  }
  sys::exit_at_once(0);
}

struct Message {
  unsigned worker = 0;
  UniqueFd socket;
};

// A message with one descriptor: its parts, for both directions.
class Envelope {
 public:
  explicit Envelope(unsigned& worker) noexcept : part_{&worker, sizeof worker} {
    header_.msg_iov = &part_;
    header_.msg_iovlen = 1;
    header_.msg_control = space_;
    header_.msg_controllen = sizeof space_;
  }
  void put(int fd) noexcept {
    cmsghdr* control = CMSG_FIRSTHDR(&header_);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(control), &fd, sizeof fd);
  }
  UniqueFd take() noexcept {
    const cmsghdr* control = CMSG_FIRSTHDR(&header_);
    if (!control || control->cmsg_type != SCM_RIGHTS) return UniqueFd();
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(control), sizeof fd);
    return UniqueFd(fd);
  }
  msghdr& header() noexcept { return header_; }

 private:
  iovec part_;
  msghdr header_{};
  alignas(cmsghdr) char space_[CMSG_SPACE(sizeof(int))] = {};
};

bool receive(int control, Message& into) noexcept {
  Envelope envelope(into.worker);
  ssize_t size = 0;
  do {
    size = sys::recvmsg(control, &envelope.header(), MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  into.socket = envelope.take();
  return size > 0;
}

void end(pid_t child) noexcept {
  if (child <= 0) return;
  sys::kill(child, SIGKILL);  // not waited for so far: the number is still its own
  while (sys::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void set_signals() noexcept {
  sigset_t none;
  ::sigemptyset(&none);
  sys::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  struct sigaction action {};
  action.sa_handler = SIG_IGN;
  sys::sigaction(SIGINT, &action, nullptr);
  action.sa_handler = SIG_DFL;
  sys::sigaction(SIGCHLD, &action, nullptr);  // ignored, children would be gone before waitpid()
}

// Killed with its parent. Where that died before this was said, it is somebody else's child.
pid_t fork_worker(Message& message, int control, Function& function) noexcept {
  const pid_t parent = sys::getpid();
  const pid_t child = sys::fork();
  if (child != 0) return child;
  sys::set_parent_death_signal(SIGKILL);
  if (sys::getppid() != parent) sys::exit_at_once(0);
  sys::close(control);
  serve_as_worker(message.socket.get(), function);
}

}  // namespace

UniqueFd start_worker(int control, unsigned worker) noexcept {
  int ends[2];
  if (sys::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return UniqueFd();
  UniqueFd own(ends[0]);
  const UniqueFd other(ends[1]);
  Envelope envelope(worker);
  envelope.put(other.get());
  if (sys::sendmsg(control, &envelope.header(), MSG_NOSIGNAL) < 0) return UniqueFd();
  return own;
}

// Where it cannot fork, the socket's other end finds nobody.
void serve_as_forker(UniqueFd control, Function& function) noexcept {
  set_signals();
  std::vector<pid_t> workers;
  Message message;
  while (receive(control.get(), message)) {
    if (message.worker >= workers.size()) workers.resize(message.worker + 1, 0);
    pid_t& child = workers[message.worker];
    end(child);
    child = message.socket ? fork_worker(message, control.get(), function) : 0;
    message.socket.reset();
  }
  for (const pid_t child : workers) end(child);
  sys::exit_at_once(0);
}

}  // namespace eddy::internal
