#include <eddy/work/to_thread.hpp>

#include <eddy/work/internal/thread_calls.hpp>

namespace eddy {

ThreadPool& default_pool() {
  return Loop::current().service<internal::ThreadCalls>().own_pool();
}

}  // namespace eddy
