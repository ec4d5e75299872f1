#include <eddy/kit/internal/loop_probe.hpp>

#include <eddy/base/description.hpp>
#include <eddy/kit/internal/function_name.hpp>

#include <cstddef>

namespace eddy::internal {
namespace {

template <class T>
std::uintptr_t address(const T& object) noexcept {
  return reinterpret_cast<std::uintptr_t>(&object);
}

// What std::source_location points to, with GCC and clang alike.
struct PlaceInMemory {
  std::uintptr_t file, function;
  std::uint32_t line, column;
};
static_assert(sizeof(std::source_location) == sizeof(std::uintptr_t));

// A Text is one pointer to a block: the count of its owners, its size, the characters.
static_assert(sizeof(Text) == sizeof(std::uintptr_t));
constexpr std::uintptr_t text_begin = 2 * sizeof(std::size_t);

}  // namespace

LoopProbe::LoopProbe(Loop& loop)
    : loop_(address(loop)),
      thread_state_(address(thread_state)),
      id_at_(address(loop.id_)),
      turns_at_(address(loop.stats_.turns)),
      in_turn_at_(address(loop.in_turn_)),
      id_(loop.id()),
      by_io_uring_(loop.ring().kernel().queues().enter_fd >= 0) {
  loop.check_thread();
  loop.check_open();
  EDDY_ASSERT(id_ != 0);
}

std::optional<LoopLook> LoopProbe::look() {
  std::uint64_t id = 0;
  LoopLook look;
  bool in_turn = false;
  ThreadState thread;
  if (!memory_.read(id_at_, id) || id != id_) return std::nullopt;
  if (!memory_.read(in_turn_at_, in_turn) || !memory_.read(turns_at_, look.turn)) return {};
  if (!in_turn || look.turn == idle_turn_) return LoopLook{};
  if (!memory_.read(thread_state_, thread)) return std::nullopt;
  if (!thread.loop) return LoopLook{};  // it has just ended
  // Of a loop that runs inside of a step of this one, no task is this one's.
  const bool innermost = reinterpret_cast<std::uintptr_t>(thread.loop) == loop_;
  look.task = innermost ? reinterpret_cast<std::uintptr_t>(thread.task) : 0;
  look.busy = true;
  if (!innermost || look.task != 0 || !waits(thread)) return look;
  idle_turn_ = look.turn;
  return LoopLook{};
}

// No task runs: a callback does, or the loop itself. It waits in one system call only.
bool LoopProbe::waits(const ThreadState& thread) const noexcept {
  EDDY_ASSERT(!thread.task);
  if (!activity_.known() || !by_io_uring_) return true;  // nothing tells it from a callback
  const auto call = activity_.blocked_in();
  return call && call->number == enter_call_number && call->arguments[2] > 0;
}

// offsetof of a class with bases: GCC and clang have it, and say that others need not.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

TaskSeen LoopProbe::task(std::uint64_t state) const {
  TaskSeen seen;
  if (state == 0) return seen;
  std::uintptr_t text = 0, place = 0, frame = 0, function = 0;
  memory_.read(state + offsetof(TaskState, id_), seen.id);
  if (memory_.read(state + offsetof(TaskState, name_), text) && text != 0) {
    seen.name = memory_.read_text(text + text_begin);
  }
  if (memory_.read(state + offsetof(TaskState, where_), place)) seen.where = place_of(place);
  // The first word of a frame is the function that resumes it. Where there are assertions, the
  // frame that was resumed is marked in its lowest bit.
  const bool known = memory_.read(state + offsetof(TaskState, point_), frame);
  if (known && memory_.read(frame & ~std::uintptr_t{1}, function)) {
    seen.function = function_name(reinterpret_cast<const void*>(function));
  }
  return seen;
}

#pragma GCC diagnostic pop

std::string LoopProbe::place_of(std::uintptr_t at) const {
  PlaceInMemory place{};
  if (!memory_.read(at, place)) return {};
  return text_of_place(memory_.read_text(place.function, 1000), memory_.read_text(place.file),
                       place.line);
}

}  // namespace eddy::internal
