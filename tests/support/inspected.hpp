// What inspect says of a task, by its name.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/kit/inspect.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace test {

inline const eddy::inspect::TaskInfo& named(const std::vector<eddy::inspect::TaskInfo>& tasks,
                                            std::string_view name) {
  for (const auto& task : tasks) {
    if (task.name == name) return task;
  }
  throw std::runtime_error("no task has the name " + std::string(name));
}

// What a task of that name waits for, once everybody has come to a wait.
inline std::string wait_of(std::string_view name) {
  return named(eddy::inspect::tasks(), name).waits_for;
}

// Ends what a test left waiting.
template <class T>
eddy::Task<> end(eddy::JoinHandle<T> task) {
  task.cancel();
  static_cast<void>(co_await as_outcome(task));
}

}  // namespace test
