// WaitNote: what a waiter says of itself to who looks in from outside (kit/inspect.hpp).
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace eddy::internal {

class TaskState;

struct WaitNote {
  std::string what;  // "Queue.get of 0/64"
  // The task that has what is waited for. Only to be compared: it may be gone.
  const TaskState* holder = nullptr;
  std::uint64_t holder_number = 0;  // which tells it from one that has its memory since
  // It waits for other tasks: those that have a DoneHook of its.
  bool for_tasks = false;
};

// 'task 3 "reader"'; without a name 'task 3'
inline std::string label_of(std::uint64_t id, std::string_view name) {
  std::string label = "task " + std::to_string(id);
  if (!name.empty()) label.append(" \"").append(name) += '"';
  return label;
}

// "3/64"
inline std::string of_so_many(std::size_t count, std::size_t all) {
  return std::to_string(count) + "/" + std::to_string(all);
}

}  // namespace eddy::internal
