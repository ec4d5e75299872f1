#include <eddy/kit/inspect.hpp>

#include <eddy/core/internal/frame_chain.hpp>
#include <eddy/core/internal/wait_note.hpp>
#include <eddy/flow/gather.hpp>
#include <eddy/flow/internal/done_queue.hpp>
#include <eddy/flow/internal/select_waiter.hpp>
#include <eddy/flow/task_group.hpp>
#include <eddy/kit/internal/survey.hpp>
#include <eddy/sync/internal/holder.hpp>

#include <algorithm>
#include <map>
#include <unordered_map>

namespace eddy::inspect {
using namespace internal;
namespace {

// The task that is told of an end, where a task is.
const TaskState* told_by(const DoneHook& hook) noexcept {
  if (const TaskState* task = JoinWaiter::waiting_at(hook)) return task;
  if (const TaskState* task = GatherWaiter::Hook::waiting_at(hook)) return task;
  if (const TaskState* task = SelectWaiter::Child::waiting_at(hook)) return task;
  if (const TaskState* task = DoneQueue::waiting_at(hook)) return task;
  return group_above(hook);
}

std::string label(const TaskInfo& info) { return label_of(info.id, info.name); }

TaskStatus status_of(const TaskState& task) noexcept {
  if (task.in_step()) return TaskStatus::running;
  if (task.waiter()) return TaskStatus::waiting;
  return task.unstarted() ? TaskStatus::unstarted : TaskStatus::ready;
}

class Survey {
 public:
  // No `frames`: then nothing is said of them.
  Survey(Loop& loop, const FrameReader* frames) : frames_(frames), states_(loop.tasks()) {
    std::ranges::sort(states_, {}, &TaskState::id);
    infos_.reserve(states_.size());
    for (TaskState* task : states_) {
      places_.emplace(task, infos_.size());
      infos_.push_back(info_of(*task));
    }
  }

  std::vector<TaskInfo> take() {
    EDDY_ASSERT(infos_.size() == states_.size());
    waits_for_tasks_.assign(states_.size(), false);
    for (std::size_t i = 0; i < states_.size(); ++i) note_wait(i);
    for (std::size_t i = 0; i < states_.size(); ++i) note_parents(i);
    return std::move(infos_);
  }

 private:
  TaskInfo info_of(TaskState& task) const {
    FrameChain chain;
    chain.whole = true;
    if (frames_) chain = frames_->read(task, TaskInfo::most_frames);
    const TaskStatus status = status_of(task);
    return {.id = task.id(),
            .name = std::string(task.given_name().view()),
            .where = task.where(),
            .status = status,
            .cancelling = task.cancelling(),
            .waits_for = {},
            .waits_on = {},
            .children = {},
            .frames = std::move(chain.innermost),
            .more_frames = chain.more,
            .foreign_frames = !chain.whole && status != TaskStatus::running};
  }

  // None for one that is gone, even if another has its memory by now.
  const TaskInfo* find_holder(const WaitNote& note) const {
    const auto found = places_.find(note.holder);
    if (found == places_.end()) return nullptr;
    const TaskState& task = *states_[found->second];
    return Holder::number_of(task) == note.holder_number ? &infos_[found->second] : nullptr;
  }

  void note_wait(std::size_t index) {
    const Waiter* waiter = states_[index]->waiter();
    if (!waiter) return;
    EDDY_ASSERT(infos_[index].status == TaskStatus::waiting);
    WaitNote note;
    waiter->describe(note);
    TaskInfo& info = infos_[index];
    EDDY_ASSERT(info.waits_for.empty());
    info.waits_for = note.what.empty() ? "something" : std::move(note.what);
    waits_for_tasks_[index] = note.for_tasks;
    if (!note.holder) return;
    const TaskInfo* holder = find_holder(note);
    info.waits_for += " held by " + (holder ? label(*holder) : "a task that has ended");
    if (holder) info.waits_on.push_back(holder->id);
  }

  void note_parents(std::size_t index) {
    EDDY_ASSERT(waits_for_tasks_.size() == states_.size());
    auto& hooks = states_[index]->done_hooks();
    for (DoneHook* hook = hooks.front(); hook; hook = hooks.after(*hook)) {
      const auto found = places_.find(told_by(*hook));
      if (found == places_.end()) continue;
      TaskInfo& parent = infos_[found->second];
      add(parent.children, infos_[index].id);
      if (waits_for_tasks_[found->second]) add(parent.waits_on, infos_[index].id);
    }
  }
  static void add(std::vector<std::uint64_t>& to, std::uint64_t id) {
    if (to.empty() || to.back() != id) to.push_back(id);  // a handle may stand twice in a gather()
  }

  const FrameReader* frames_;
  std::vector<TaskState*> states_;
  std::vector<TaskInfo> infos_;
  std::unordered_map<const TaskState*, std::size_t> places_;
  std::vector<bool> waits_for_tasks_;
};

}  // namespace

std::string_view to_text(TaskStatus status) noexcept {
  switch (status) {
    case TaskStatus::unstarted: return "not started";
    case TaskStatus::ready: return "ready";
    case TaskStatus::running: return "running";
    case TaskStatus::waiting: return "waiting";
  }
  return "";
}

std::vector<TaskInfo> tasks(Loop& loop) {
  loop.check_thread();
  const FrameReader frames;
  return Survey(loop, &frames).take();
}

// Depth first, without recursion: a chain of tasks may be long.
std::vector<std::vector<std::uint64_t>> cycles(const std::vector<TaskInfo>& tasks) {
  enum class Seen : std::uint8_t { no, on_path, done };
  struct Step {
    std::size_t task;
    std::size_t next = 0;
  };
  std::map<std::uint64_t, std::size_t> places;
  for (std::size_t i = 0; i < tasks.size(); ++i) places.emplace(tasks[i].id, i);
  std::vector<Seen> seen(tasks.size(), Seen::no);
  std::vector<std::vector<std::uint64_t>> found;
  std::vector<Step> path;
  for (std::size_t start = 0; start < tasks.size(); ++start) {
    if (seen[start] != Seen::no) continue;
    path.push_back({start});
    seen[start] = Seen::on_path;
    while (!path.empty()) {
      Step& step = path.back();
      if (step.next == tasks[step.task].waits_on.size()) {
        seen[step.task] = Seen::done;
        path.pop_back();
        continue;
      }
      const auto place = places.find(tasks[step.task].waits_on[step.next++]);
      if (place == places.end()) continue;
      const std::size_t next = place->second;
      if (seen[next] == Seen::no) {
        seen[next] = Seen::on_path;
        path.push_back({next});
      } else if (seen[next] == Seen::on_path) {
        auto from = std::ranges::find(path, next, &Step::task);
        EDDY_ASSERT(from != path.end());
        auto& cycle = found.emplace_back();
        for (; from != path.end(); ++from) cycle.push_back(tasks[from->task].id);
      }
    }
  }
  return found;
}

}  // namespace eddy::inspect

std::vector<eddy::inspect::TaskInfo> eddy::internal::tasks_without_frames(Loop& loop) {
  loop.check_thread();
  return inspect::Survey(loop, nullptr).take();
}
