// The measuring, on top of Google Benchmark, and the table.
#include "harness.hpp"

#include "support/allocations.hpp"

#include <benchmark/benchmark.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>
#include <vector>

namespace bench {
namespace {

std::deque<Row> rows;
bool smoke_run = false;
unsigned forced_rounds = 0;
cpu_set_t all_cpus;
cpu_set_t main_cpu;

double seconds(Clock clock) {
  constexpr clockid_t ids[] = {CLOCK_THREAD_CPUTIME_ID, CLOCK_PROCESS_CPUTIME_ID, CLOCK_MONOTONIC};
  timespec now;
  ::clock_gettime(ids[static_cast<int>(clock)], &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// One name may stand beside several twins.
std::string full_name(const Row& row) { return row.name + " : " + row.twin_name; }

double time_of(const Row& row, const Side& side, std::size_t count) {
  if (row.before) row.before();
  const double start = seconds(row.clock);
  side(count);
  return seconds(row.clock) - start;
}

// Warms up, and finds how many operations fill a round on either side.
std::size_t calibrate(const Row& row) {
  const double wanted = smoke_run ? 1e-4 : row.round_seconds;
  std::size_t count = row.grain;
  for (const Side* side : {&row.eddy, &row.twin}) {
    if (!*side) continue;
    (*side)(count);
    while (time_of(row, *side, count) < wanted) count *= 2;
  }
  return count;
}

struct Spread {
  double median, least, most;
};
Spread spread(std::vector<double> values) {
  std::ranges::sort(values);
  return {values[values.size() / 2], values.front(), values.back()};
}

void measure(benchmark::State& state, const Row& row) {
  const std::size_t count = calibrate(row);
  const auto operations = static_cast<double>(count);
  std::vector<double> own, twin, ratio, more;
  std::size_t allocations = ~std::size_t{0};
  bool twin_first = false;
  for (auto _ : state) {
    double own_time = 0, twin_time = 0;
    for (int turn = 0; turn < 2; ++turn) {
      if ((turn == 0) == twin_first) {
        if (row.twin) twin_time = 1e9 * time_of(row, row.twin, count) / operations;
      } else {
        const std::size_t before = test::allocations();
        own_time = 1e9 * time_of(row, row.eddy, count) / operations;
        allocations = std::min(allocations, test::allocations() - before);
      }
    }
    twin_first = !twin_first;
    own.push_back(own_time);
    twin.push_back(twin_time);
    ratio.push_back(twin_time > 0 ? own_time / twin_time : 0);
    more.push_back(own_time - twin_time);
    state.SetIterationTime(1e-9 * own_time);
  }
  const auto put = [&state](const std::string& name, const Spread& spread) {
    state.counters[name] = spread.median;
    state.counters[name + "_min"] = spread.least;
    state.counters[name + "_max"] = spread.most;
  };
  put("ns", spread(own));
  if (row.twin) {
    put("twin_ns", spread(twin));
    put("ratio", spread(ratio));
    put("more", spread(more));
  }
  state.counters["allocs"] = static_cast<double>(allocations) / operations;
}

std::string number(double value) {
  char text[32];
  const int digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// One line of a Markdown table per row.
class Table : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const auto row = std::ranges::find(rows, run.run_name.function_name, full_name);
      if (run.error_occurred) {
        std::printf("| %s | failed: %s |\n", row->name.c_str(), run.error_message.c_str());
      } else {
        print(*row, run.counters);
      }
    }
    std::fflush(stdout);
  }

 private:
  static void print(const Row& row, const benchmark::UserCounters& counters) {
    const auto value = [&counters](const std::string& name) {
      const auto found = counters.find(name);
      return found == counters.end() ? 0.0 : found->second.value;
    };
    const auto spread = [&value](const std::string& name) {
      return number(value(name)) + " (" + number(value(name + "_min")) + " to " +
             number(value(name + "_max")) + ")";
    };
    std::string goal, reached;
    const auto judge = [&](const std::string& name, const std::string& unit) {
      goal = unit;
      reached = value(name) <= row.goal.limit ? "yes" : "**no**";
    };
    switch (row.goal.kind) {
      case Goal::Kind::none: break;
      case Goal::Kind::time: judge("ns", number(row.goal.limit) + " ns"); break;
      case Goal::Kind::on_top: judge("more", "+" + number(row.goal.limit) + " ns"); break;
      case Goal::Kind::ratio: judge("ratio", number(row.goal.limit) + "x"); break;
    }
    std::printf("| %s | %s | %s | %s | %s | %s | %s | %s |\n", row.name.c_str(),
                spread("ns").c_str(), row.twin_name.c_str(),
                row.twin ? spread("twin_ns").c_str() : "",
                row.twin ? number(value("ratio")).c_str() : "", goal.c_str(), reached.c_str(),
                value("allocs") == 0 ? "0" : number(value("allocs")).c_str());
  }
};

void pin() {
  ::sched_getaffinity(0, sizeof all_cpus, &all_cpus);
  CPU_ZERO(&main_cpu);
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0; --cpu) {
    if (!CPU_ISSET(cpu, &all_cpus)) continue;
    CPU_SET(cpu, &main_cpu);  // the last one: the first serves most interrupts
    break;
  }
  ::sched_setaffinity(0, sizeof main_cpu, &main_cpu);
}

}  // namespace

void add(Row row) { rows.push_back(std::move(row)); }
bool smoke() { return smoke_run; }
void unpin() { ::sched_setaffinity(0, sizeof all_cpus, &all_cpus); }
void move_away() {
  cpu_set_t others;
  CPU_XOR(&others, &all_cpus, &main_cpu);
  ::sched_setaffinity(0, sizeof others, &others);  // fails on a single CPU: stay where it is
}

}  // namespace bench

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--smoke") == 0) {
      bench::smoke_run = true;
      bench::forced_rounds = 2;
    } else if (std::strncmp(argv[i], "--rounds=", 9) == 0) {
      bench::forced_rounds = static_cast<unsigned>(std::atoi(argv[i] + 9));
    } else {
      continue;
    }
    std::copy(argv + i + 1, argv + argc + 1, argv + i);
    --argc;
    --i;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  bench::pin();
  add_rows();
  for (const bench::Row& row : bench::rows) {
    benchmark::RegisterBenchmark(bench::full_name(row).c_str(), bench::measure, row)
        ->UseManualTime()
        ->Iterations(bench::forced_rounds ? bench::forced_rounds : row.rounds);
  }
  bench::Table table;
  benchmark::RunSpecifiedBenchmarks(&table);
}
