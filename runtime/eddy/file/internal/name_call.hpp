// NameCall: one call on a name in the file system, without a coroutine frame.
//
// Inline it completes without suspending, as FileCall does. On the ring it goes on while
// completions are reaped: what the ring refused to do, and the second step of what takes two. What
// the ring does not know, and may not be done inline either, a thread does (BlockingCalls).
#pragma once

#include <eddy/base/text.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/operation.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/file/internal/storage.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace eddy::internal {

// What a call is about, and where its answer goes.
struct NameArguments {
  // Of the kernel's. Not copied: before the call there is none, and it is large.
  struct Answer {
    Answer() noexcept {}
    Answer(const Answer&) noexcept {}
    Answer& operator=(const Answer&) = delete;
    union {
      struct statx stat;
      struct statvfs system;
    };
  };

  NameArguments(Text path, Text other, std::uint64_t number, std::uint64_t more);

  Text path;   // what errors name
  Text other;  // the second name; or a text that is the answer
  std::uint64_t number;
  std::uint64_t more;
  Answer answer;
};

// What is done to a name: one constant for each verb.
struct NameVerb {
  std::string_view name;
  // By a plain call, or some: -1 and errno where that fails. May be called on another thread.
  int (*call)(NameArguments&);
  // By the ring, which has its address in return; null: the ring does not know it.
  Request (*request)(NameArguments&) = nullptr;
  // After a completion: the request of a second step; `result` may become another.
  bool (*next)(NameArguments&, int& result, Request&) = nullptr;
  // What is no failure, but an answer as well.
  bool (*forgives)(const NameArguments&, int code) = nullptr;
  // A cancelled call that a thread has begun is waited for, so that what was done is told.
  bool changes = false;
  // Perhaps for somebody to give up a lease: inline only where nothing else may be.
  bool waits = false;
};

// The same with what it gives; of an error that is forgiven `result` is the negative one.
template <class T>
struct NameVerbOf : NameVerb {
  T (*value)(NameArguments&, int result) = nullptr;
};
template <>
struct NameVerbOf<void> : NameVerb {};

class NameOperation : public Operation {
 public:
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> frame);

 protected:
  NameOperation(const NameVerb& verb, Text path, Text other, std::uint64_t number,
                std::uint64_t more)
      : Operation(verb.name, &proceed, kind<&NameOperation::describe, &cancel>),
        verb_(&verb),
        arguments_(std::move(path), std::move(other), number, more) {}

  // What the kernel returned, or the negative error where that is forgiven.
  Expected<int> ended() {
    if (result() < 0 || job_) [[unlikely]] return ended_otherwise();
    keep_late_cancel();
    return result();
  }
  const NameVerb& verb() const noexcept { return *verb_; }
  NameArguments& arguments() noexcept { return arguments_; }

 private:
  enum class Place : std::uint8_t { nowhere, here, ring, thread };
  class Job;

  static bool proceed(Operation& operation) noexcept;
  void describe(WaitNote& note) const;
  static Task<int> wait_for(std::shared_ptr<Job> job, NameOperation& call);
  int call_now();
  bool find_other_place(Storage& storage);
  Expected<int> ended_otherwise();
  Expected<int> ended_with(int result);

  const NameVerb* verb_;
  Storage::Mount* mount_ = nullptr;
  Place place_ = Place::nowhere;
  std::uint8_t tries_ = 1;
  NameArguments arguments_;
  Storage::RemoteCall remote_;
  std::shared_ptr<Job> job_;
  std::optional<Task<int>> waiting_;
};

}  // namespace eddy::internal
