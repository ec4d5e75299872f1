#include <eddy/file/internal/name_call.hpp>

#include <eddy/core/try.hpp>
#include <eddy/file/internal/file_call.hpp>
#include <eddy/file/internal/path.hpp>
#include <eddy/work/internal/blocking_calls.hpp>

#include <cstring>

namespace eddy::internal {
namespace {

int call_until_done(const NameVerb& verb, NameArguments& arguments) {
  for (unsigned tries = 1;;) {
    const int result = verb.call(arguments);
    if (result >= 0) return result;
    // Some file systems answer EAGAIN where they could not get a lock.
    if (errno != EINTR && (errno != EAGAIN || ++tries > ring_tries)) return -errno;
  }
}

// Private to the kernel, and leaked by its threads: EINTR.
bool is_restart(int result) noexcept { return result <= -512 && result >= -516; }

bool may_be_tried_again(int result) noexcept {
  return result == -EINTR || result == -EAGAIN || result == -ECANCELED || is_restart(result);
}

}  // namespace

NameArguments::NameArguments(Text first, Text second, std::uint64_t number, std::uint64_t more)
    : path(std::move(first)), other(std::move(second)), number(number), more(more) {
  path_of(path);
  if (!other.empty()) path_of(other);
}

// What a thread does, with arguments of its own: whoever waits for it may leave.
class NameOperation::Job : public BlockingCall {
 public:
  Job(const NameVerb& verb, const NameArguments& arguments) : verb_(verb), arguments_(arguments) {}

  void run() noexcept override {
    try {
      result_ = call_until_done(verb_, arguments_);
    } catch (const std::bad_alloc&) {
      result_ = -ENOMEM;
    }
  }
  int result() const noexcept { return result_; }
  void answer_to(NameArguments& to) noexcept {
    to.other = std::move(arguments_.other);
    std::memcpy(static_cast<void*>(&to.answer), &arguments_.answer, sizeof to.answer);
  }

 private:
  const NameVerb& verb_;
  NameArguments arguments_;
  int result_ = 0;
};

bool NameOperation::await_ready() {
  if (place_ != Place::nowhere) [[unlikely]] throw_awaited_twice();
  if (thread_state.task && thread_state.task->cancel_pending()) return false;
  Storage& storage = Storage::current();
  mount_ = &storage.mount_of(arguments_.path.view());
  const bool asks_more = verb_->waits || !arguments_.other.empty();
  if (asks_more || !storage.inline_allowed(*mount_, storage.policy())) {
    if (find_other_place(storage)) return false;
  }
  const int result = storage.measure(*mount_, [this] { return call_now(); });
  if (result == -EAGAIN && verb_->request) {
    place_ = Place::ring;
    return false;
  }
  EDDY_ASSERT(!job_);
  finish(result);
  place_ = Place::here;
  return !storage.turn_is_over();
}

int NameOperation::call_now() { return call_until_done(*verb_, arguments_); }

// True: it may not be done inline.
bool NameOperation::find_other_place(Storage& storage) {
  const FilePolicy policy = storage.policy();
  bool here = storage.inline_allowed(*mount_, policy) &&
              (!verb_->waits || policy == FilePolicy::inline_);
  if (!arguments_.other.empty()) {
    Storage::Mount& other = storage.mount_of(arguments_.other.view());
    here = here && storage.inline_allowed(other, policy);
    if (other.remote) mount_ = &other;  // whose server may be dead: that counts
  }
  if (here) [[likely]] return false;
  EDDY_ASSERT(policy != FilePolicy::inline_);
  const bool on_ring =
      verb_->request &&
      Loop::current().ring().supports(verb_->request(arguments_).opcode);
  place_ = on_ring ? Place::ring : Place::thread;
  return true;
}

bool NameOperation::await_suspend(std::coroutine_handle<> frame) {
  if (place_ == Place::here) {
    thread_state.task->reschedule(frame);
    return true;
  }
  if (place_ == Place::thread) {
    EDDY_ASSERT(!job_);
    job_ = std::make_shared<Job>(*verb_, arguments_);
    job_->may_hang(mount_->remote);
    waiting_.emplace(wait_for(job_, *this));
    return waiting_->await_suspend(frame);
  }
  if (place_ == Place::ring) {
    if (mount_->remote) [[unlikely]] remote_.begin(Storage::current());
    prepare(verb_->request(arguments_));
  }
  Operation::await_suspend(frame);
  return true;
}

void NameOperation::describe(WaitNote& note) const {
  note.what = std::string(verb_->name) + " '" + std::string(arguments_.path.view()) + "'";
}

// While completions are reaped.
bool NameOperation::proceed(Operation& operation) noexcept {
  auto& call = static_cast<NameOperation&>(operation);
  EDDY_ASSERT(call.place_ == Place::ring);
  int result = call.result();
  if (may_be_tried_again(result)) {
    if (call.tries_ >= ring_tries) return false;
    ++call.tries_;
    return call.submit_again();
  }
  Request request;
  if (!call.verb_->next) return false;
  const bool more = call.verb_->next(call.arguments_, result, request);
  call.finish(result);
  if (!more) return false;
  call.prepare(request);
  if (call.submit_again()) return true;
  call.finish(-ECANCELED);  // it was asked to stop between the two
  return false;
}

Task<int> NameOperation::wait_for(std::shared_ptr<Job> job, NameOperation& call) {
  bool is_no_thread = false;
  try {
    EDDY_DO(WaitForCall(job, call.verb_->changes));
  } catch (const Error&) {
    is_no_thread = true;  // none can be started: then here, however long that takes
  }
  if (is_no_thread) {
    co_return Storage::current().measure(*call.mount_, [&] { return call.call_now(); });
  }
  EDDY_ASSERT(call.place_ == Place::thread);
  job->answer_to(call.arguments_);
  co_return job->result();
}

Expected<int> NameOperation::ended_otherwise() {
  if (waiting_) {
    auto outcome = waiting_->await_outcome();
    if (!outcome) return outcome;
    return ended_with(*outcome);
  }
  if (was_cancelled()) return std::unexpected(cancelled_failure());
  const int code = result();
  if (place_ != Place::ring || !may_be_tried_again(code)) {
    keep_late_cancel();
    return ended_with(code);
  }
  // The ring never did it. Nobody asked it not to: then here, however long that takes.
  if (cancel_requested() || task()->cancel_pending()) return std::unexpected(cancelled_midway());
  return ended_with(Storage::current().measure(*mount_, [this] { return call_now(); }));
}

Expected<int> NameOperation::ended_with(int result) {
  if (result >= 0) return result;
  EDDY_ASSERT(verb_->name == name());
  if (verb_->forgives && verb_->forgives(arguments_, -result)) return result;
  return std::unexpected(failure_of_call(-result, verb_->name, arguments_.path));
}

}  // namespace eddy::internal
