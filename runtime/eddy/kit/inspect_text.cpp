#include <eddy/kit/inspect.hpp>

#include <eddy/base/description.hpp>
#include <eddy/core/internal/wait_note.hpp>
#include <eddy/kit/internal/survey.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace eddy::inspect {
using namespace internal;
namespace {

// Tasks, of which each text is fit for a line: a name or a path may have anything in it.
std::vector<TaskInfo> for_lines(std::vector<TaskInfo> all) {
  for (TaskInfo& task : all) {
    task.name = harmless(std::move(task.name));
    task.waits_for = harmless(std::move(task.waits_for));
  }
  return all;
}

std::string state_of(const TaskInfo& task) {
  std::string state = task.status == TaskStatus::waiting ? "waits for " + task.waits_for
                                                         : std::string(to_text(task.status));
  if (task.cancelling > 0) state += ", asked to stop";
  return state;
}

std::string count_of(const std::vector<TaskInfo>& tasks) {
  std::string text = std::to_string(tasks.size()) + (tasks.size() == 1 ? " task" : " tasks");
  for (const auto status : {TaskStatus::running, TaskStatus::ready, TaskStatus::unstarted,
                            TaskStatus::waiting}) {
    const auto count = std::ranges::count(tasks, status, &TaskInfo::status);
    if (count > 0) text += ", " + std::to_string(count) + " " + std::string(to_text(status));
  }
  return text + "\n";
}

class Tree {
 public:
  explicit Tree(const std::vector<TaskInfo>& tasks) : tasks_(tasks), shown_(tasks.size(), false) {
    for (std::size_t i = 0; i < tasks.size(); ++i) places_.emplace(tasks[i].id, i);
    EDDY_ASSERT(places_.size() == tasks.size());
  }

  std::string text() {
    std::vector<bool> below(tasks_.size(), false);
    for (const auto& task : tasks_) {
      for (const auto child : task.children) below[places_.at(child)] = true;
    }
    text_ = count_of(tasks_);
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      if (!below[i]) add_from(i);
    }
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      if (!shown_[i]) add_from(i);  // a circle has no top
    }
    EDDY_ASSERT(std::ranges::find(shown_, false) == shown_.end());
    for (const auto& cycle : cycles(tasks_)) add_cycle(cycle);
    return std::move(text_);
  }

 private:
  struct Place {
    std::size_t task;
    std::size_t depth;
  };

  void add_from(std::size_t top) {
    std::vector<Place> left{{top, 0}};
    while (!left.empty()) {
      const Place place = left.back();
      left.pop_back();
      EDDY_ASSERT(place.task < tasks_.size());
      const TaskInfo& task = tasks_[place.task];
      const bool again = shown_[place.task];
      add(task, std::min(place.depth, deepest) * 2, again);
      if (again) continue;
      shown_[place.task] = true;
      for (std::size_t i = task.children.size(); i-- > 0;) {
        left.push_back({places_.at(task.children[i]), place.depth + 1});
      }
    }
  }

  void add(const TaskInfo& task, std::size_t indent, bool again) {
    text_.append(indent, ' ') += label_of(task.id, task.name);
    if (again) {
      text_ += ": see there\n";
      return;
    }
    text_ += " in " + eddy::to_text(task.where) + ": " + state_of(task) + "\n";
    const std::string before(indent + 4, ' ');
    if (task.frames.size() == 1 && !task.foreign_frames) return;  // that was said
    for (const auto& frame : task.frames) text_ += before + eddy::to_text(frame) + "\n";
    if (task.more_frames > 0) {
      text_ += before + "and " + std::to_string(task.more_frames) + " more\n";
    }
    if (task.foreign_frames) text_ += before + "a coroutine of another library\n";
  }

  void add_cycle(const std::vector<std::uint64_t>& cycle) {
    EDDY_ASSERT(!cycle.empty());
    text_ += "a cycle:";
    for (const auto id : cycle) text_ += " " + label(id) + " waits for";
    text_ += cycle.size() == 1 ? " itself\n" : " " + label(cycle.front()) + "\n";
  }
  std::string label(std::uint64_t id) const {
    const TaskInfo& task = tasks_[places_.at(id)];
    return label_of(task.id, task.name);
  }

  static constexpr std::size_t deepest = 32;  // what lies deeper is not moved in further
  const std::vector<TaskInfo>& tasks_;
  std::map<std::uint64_t, std::size_t> places_;
  std::vector<bool> shown_;
  std::string text_;
};

}  // namespace

std::string table(Loop& loop) {
  std::string text = "ID\tNAME\tCOROUTINE\tSTATE\n";
  for (const TaskInfo& task : for_lines(tasks_without_frames(loop))) {
    text += std::to_string(task.id) + "\t" + (task.name.empty() ? "-" : task.name) + "\t" +
            eddy::to_text(task.where) + "\t" + state_of(task) + "\n";
  }
  return text;
}

std::string dump(Loop& loop) {
  const auto all = for_lines(tasks(loop));
  return Tree(all).text();
}

}  // namespace eddy::inspect
