// What inspect tells of tasks, for texts that need not all of it.
#pragma once

#include <eddy/kit/inspect.hpp>

#include <vector>

namespace eddy::internal {

// As inspect::tasks(), without what takes most of its time.
std::vector<inspect::TaskInfo> tasks_without_frames(Loop& loop);

}  // namespace eddy::internal
