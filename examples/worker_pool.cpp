// A pool of workers that share one queue: so many at a time, results as they come, a failure that
// costs one job, and an orderly end.
//
// Run:    examples/run worker_pool [JOBS] [WORKERS]
// Prints: what each job gave, in order, and how many failed.
#include <eddy/eddy.hpp>

#include <cstdlib>
#include <iostream>
#include <map>

using namespace eddy;
using namespace std::chrono_literals;

struct Job {
  int number;
  int input;
};

// Stands in for work that waits; every seventh job fails.
static Task<int> work(Job job) {
  co_await sleep(std::chrono::milliseconds(job.input % 5));
  if (job.number % 7 == 0) throw std::runtime_error("job " + std::to_string(job.number));
  co_return job.input* job.input;
}

static Task<> worker(Queue<Job>& jobs, std::map<int, int>& results, int& failures) {
  for (;;) {
    auto job = co_await as_result(jobs.get());
    if (!job) co_return;  // shut down, and nothing is left
    try {
      const int result = co_await work(*job);
      results[job->number] = result;
    } catch (const std::exception& error) {  // Cancelled is none: it ends the worker
      ++failures;
    }
    jobs.task_done();
  }
}

static Task<> amain(int count, int workers) {
  Queue<Job> jobs(2 * workers);  // the producer is never far ahead
  std::map<int, int> results;
  int failures = 0;
  co_await task_group([&](TaskGroup& group) -> Task<> {
    for (int i = 0; i < workers; ++i) group.spawn(worker(jobs, results, failures));
    for (int i = 1; i <= count; ++i) co_await jobs.put(Job{i, 3 * i});
    co_await jobs.join();
    jobs.shutdown();
  });
  for (const auto& [number, result] : results) std::cout << number << ": " << result << '\n';
  std::cout << failures << " of " << count << " failed\n";
}

int main(int argc, char** argv) {
  run(amain(argc > 1 ? std::atoi(argv[1]) : 10, argc > 2 ? std::atoi(argv[2]) : 3),
      {.handle_sigint = true});
}
