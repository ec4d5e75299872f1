#include <eddy/http/internal/watcher.hpp>

#include <eddy/http/internal/client_state.hpp>

#include <linux/io_uring.h>
#include <poll.h>
#include <sys/stat.h>

#include <utility>

namespace eddy::http::internal {
using namespace eddy::internal;
namespace {

std::uint64_t inode_of(int fd) noexcept {
  struct stat found;
  return ::fstat(fd, &found) == 0 ? found.st_ino : 0;
}

}  // namespace

Watcher::Watcher(Counted<ClientState> client, int fd) noexcept
    : client_(std::move(client)),
      fd_(fd),
      inode_(inode_of(fd)),
      in_(*this, POLLIN),
      out_(*this, POLLOUT) {
  client_->watcher_came();
}

Watcher::~Watcher() {
  EDDY_ASSERT(!in_.in_flight && !out_.in_flight);
  EDDY_ASSERT(!attached_);
  client_->watcher_went(*host);
}

void Watcher::want(short events) noexcept {
  wanted_ = events;
  if (events & POLLIN) connecting_ = false;
  ask();
}

void Watcher::ask() noexcept {
  EDDY_ASSERT(attached_);
  for (Side* side : {&in_, &out_}) {
    if (wanted_ & side->asks_for && !side->in_flight) ask(*side);
  }
}

void Watcher::ask(Side& side) noexcept {
  Loop* loop = client_->loop();
  if (!loop) return;
  side.in_flight = true;
  loop->submit({.opcode = IORING_OP_POLL_ADD,
                .fd = fd_,
                .op_flags = static_cast<std::uint16_t>(side.asks_for)},
               side);
}

bool Watcher::closed_unseen() const noexcept {
  return connecting_ && inode_of(fd_) != inode_;
}

void Watcher::detach() noexcept {
  EDDY_ASSERT(attached_);
  attached_ = false;
  unlink();
  Loop* loop = client_->loop();
  for (Side* side : {&in_, &out_}) {
    if (side->in_flight && loop) loop->cancel(*side);
  }
  if (!in_.in_flight && !out_.in_flight) delete this;
}

void Watcher::Side::answered(CompletionHandler& self, int result, std::uint32_t) noexcept {
  Side& side = static_cast<Side&>(self);
  side.in_flight = false;
  side.owner.answered(side, result);
}

void Watcher::answered(Side& side, int result) noexcept {
  if (!attached_) {
    if (!in_.in_flight && !out_.in_flight) delete this;
    return;
  }
  if (!(wanted_ & side.asks_for)) return;
  ready_ |= side.asks_for == POLLIN ? CURL_CSELECT_IN : CURL_CSELECT_OUT;
  // A poll that fails is told like a socket that does: libcurl finds out what there is.
  if (result < 0 || result & (POLLERR | POLLHUP | POLLNVAL)) ready_ |= CURL_CSELECT_ERR;
  if (!linked()) client_->ready(*this);
}

int Watcher::take_ready() noexcept { return std::exchange(ready_, 0); }

}  // namespace eddy::http::internal
