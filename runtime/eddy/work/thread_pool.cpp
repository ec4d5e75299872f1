#include <eddy/work/thread_pool.hpp>

#include <utility>

namespace eddy {
using namespace internal;

ThreadPool::ThreadPool(unsigned threads)
    : threads_(std::make_shared<PoolThreads>(threads, "eddy-pool")) {}

// In a child it is left as it was at fork(): a thread that is not there may hold its lock.
ThreadPool::~ThreadPool() {
  EDDY_ASSERT(threads_);
  if (threads_->is_of_another_process()) {
    static_cast<void>(new std::shared_ptr<PoolThreads>(std::move(threads_)));
  } else {
    threads_->join();
  }
}

}  // namespace eddy
