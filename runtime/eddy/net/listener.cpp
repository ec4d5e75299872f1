#include <eddy/net/listener.hpp>

#include <eddy/core/as_result.hpp>

#include <linux/io_uring.h>
#include <netinet/tcp.h>

namespace eddy {
using namespace internal;

// Those of a loop, so that it can have the kernel let go of them before it closes.
class internal::Listeners : public LoopService {
 public:
  explicit Listeners(Loop&) noexcept {}
  void add(ListenerState& listener) noexcept { all_.push_back(listener); }
  void stop() noexcept override {
    while (ListenerState* listener = all_.pop_front()) listener->disarm();
  }

 private:
  List<ListenerState> all_;
};

ListenerState::ListenerState(Loop& loop, Socket listening, bool no_delay)
    : CompletionHandler(&on_accept),
      socket(std::move(listening)),
      loop_(loop),
      loop_id_(loop.id()),
      name_(socket.local().format()),
      no_delay_(no_delay && socket.local().is_ip()) {
  waiting_.reserve(most_waiting);
  loop.service<Listeners>().add(*this);
}

ListenerState::~ListenerState() {
  EDDY_VERIFY(!armed_);  // the kernel would complete what is gone
  EDDY_ASSERT(waiters_.empty());
}

// The kernel counts as an owner while it accepts.
void ListenerState::arm() noexcept {
  EDDY_ASSERT(!armed_);
  EDDY_ASSERT(!socket.closed());
  Request request{
      .opcode = IORING_OP_ACCEPT, .fd = socket.fileno(), .op_flags = SOCK_CLOEXEC};
  if (loop_.ring().has(feature_multishot_accept)) request.ioprio = IORING_ACCEPT_MULTISHOT;
  loop_.submit(request, *this);
  armed_ = true;
  retain();
}

void ListenerState::disarm() {
  if (armed_ && Loop::open(loop_id_)) loop_.cancel(*this);
}

// The kernel's accept keeps the address until the kernel is told of the cancel, which otherwise
// would be when the turn ends.
void ListenerState::let_go_at_once() noexcept {
  try {
    static_cast<void>(loop_.ring().enter_now(0));
  } catch (const std::exception&) {  // then the turn's own enter fails as well, and says so
  }
}

void ListenerState::drop() noexcept {
  if (socket.closed()) return;
  const bool open = Loop::open(loop_id_);  // a child of fork() may have dropped it, and its tasks
  const bool held = armed_ && open;
  disarm();
  socket = Socket();
  if (held) let_go_at_once();
  waiting_.clear();
  while (!open && waiters_.pop()) continue;
  while (!waiters_.empty()) deliver(-ECANCELED);
}

void ListenerState::on_accept(CompletionHandler& completion, int result,
                              std::uint32_t flags) noexcept {
  auto& listener = static_cast<ListenerState&>(completion);
  EDDY_ASSERT(listener.armed_);
  const bool last = !(flags & IORING_CQE_F_MORE);
  if (last) listener.armed_ = false;
  if (listener.socket.closed()) {
    if (result >= 0) UniqueFd(result).reset();
  } else if (result != -ECANCELED) {
    listener.deliver(result);
  }
  if (!last) {
    if (listener.waiting_.size() == most_waiting) listener.disarm();
    return;
  }
  if (!listener.waiters_.empty()) listener.arm();
  listener.release();
}

// A connection, or an errno: to the oldest who waits. Nobody is told of an error that nobody waits
// for: it comes again. One more than there is room for is closed.
void ListenerState::deliver(int result) noexcept {
  EDDY_ASSERT(waiters_.empty() || waiting_.empty());
  UniqueFd connection(result);
  if (Accept* waiter = waiters_.pop()) {
    EDDY_ASSERT(!waiter->given_);
    waiter->given_ = std::move(connection);
    waiter->error_ = result < 0 ? -result : 0;
    waiter->wake();
  } else if (connection) {
    try {
      waiting_.push_back(std::move(connection));
    } catch (const std::bad_alloc&) {  // more than `most_waiting`: they came in one batch
    }
  }
}

bool Accept::await_ready() {
  if (listener_->socket.closed()) {  // since accept() was called
    error_ = ECANCELED;
    return true;
  }
  if (listener_->loop_id_ != thread_state.loop_id) {
    throw UsageError("accept() on a listener of another loop");
  }
  if (listener_->waiting_.empty()) return false;
  EDDY_ASSERT(listener_->waiters_.empty());
  given_ = std::move(listener_->waiting_.front());
  listener_->waiting_.erase(listener_->waiting_.begin());
  return true;
}

void Accept::await_suspend(std::coroutine_handle<> frame) {
  require_first_await();
  EDDY_ASSERT(!given_);
  EDDY_ASSERT(listener_->waiting_.empty());
  listener_->waiters_.push_back(*this);
  if (!listener_->armed_) listener_->arm();
  park(frame);
}

Expected<Stream> Accept::await_outcome() {
  if (interrupted()) {
    if (given_ && !listener_->socket.closed()) listener_->deliver(given_.release());
    return std::unexpected(cancelled_failure());
  }
  if (error_) return std::unexpected(Failure::error(error_, "accept", listener_->name_));
  EDDY_ASSERT(given_);
  Socket connection(std::move(given_));
  try {
    if (listener_->no_delay_) connection.set_flag(IPPROTO_TCP, TCP_NODELAY);
    return Stream(std::move(connection));
  } catch (const std::bad_alloc&) {  // it costs this one connection, which is closed
    return std::unexpected(Failure::error(ENOMEM, "accept"));
  } catch (const Error& error) {
    return std::unexpected(no_delay_refused(error.code().value(), connection));
  }
}

// Of this connection alone: whoever serves goes on.
Failure Accept::no_delay_refused(int code, const Socket& connection) noexcept {
  try {
    return Failure::error(code, setting_no_delay, connection.peer_if_any().format());
  } catch (const std::bad_alloc&) {
    return Failure::error(code, setting_no_delay);
  }
}

Socket& Listener::socket() const {
  if (closed()) throw UsageError("a call on a closed listener");
  return state_->socket;
}

Accept Listener::accept() {
  socket();
  return Accept(state_);
}

Address Listener::local() const { return socket().local(); }

Listener listen(const Address& address, ListenOptions options) {
  Socket socket(address.family(), SOCK_STREAM);
  if (options.reuse_address) socket.set_flag(SOL_SOCKET, SO_REUSEADDR);
  if (options.reuse_port) socket.set_flag(SOL_SOCKET, SO_REUSEPORT);
  if (address.family() == AF_INET6) {
    socket.set_flag(IPPROTO_IPV6, IPV6_V6ONLY, options.only_v6);
  }
  socket.bind(address);
  socket.listen(options.backlog);
  Listener listener;
  listener.state_ = Handle(Counted<ListenerState>(
      new ListenerState(Loop::current(), std::move(socket), options.no_delay)));
  return listener;
}

}  // namespace eddy
