#include "sweeps/play.hpp"

#include "support/directory.hpp"

#include <signal.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>

namespace test {
namespace {

std::string running;
unsigned long combinations = 0;

void say(const char* what) noexcept {
  static_cast<void>(!::write(2, what, std::char_traits<char>::length(what)));
}

// What the program was at when it hung or crashed.
void tell(int number) {
  say(number == SIGALRM ? "\nhangs: " : "\ncrashes: ");
  say(running.c_str());
  say("\n");
  ::signal(number, SIG_DFL);
  ::raise(number == SIGALRM ? SIGABRT : number);
}

class Report : public testing::Environment {
 public:
  void SetUp() override {
    ::signal(SIGALRM, &tell);
    ::signal(SIGABRT, &tell);
#if !defined(__SANITIZE_ADDRESS__)
    ::signal(SIGSEGV, &tell);
#endif
  }
  void TearDown() override {
    ::alarm(0);
    std::printf("sweeps: %lu combinations of %zu rows\n", combinations, awaitables().size());
  }
};
const testing::Environment* const report = testing::AddGlobalTestEnvironment(new Report);

}  // namespace

void begin_combination(const std::string& row, const std::string& position) {
  running = row + ", " + position;
  ++combinations;
  ::alarm(20);
}
const std::string& combination() { return running; }

LoopOptions options_of(const Row& row) {
  LoopOptions options;
  options.virtual_time = !row.traits.real_time;
  options.submission_entries = 32;
  options.completion_entries = 64;
  if (row.traits.policy) options.file_policy = *row.traits.policy;
  return options;
}

void fail_on_reports(Loop& loop) {
  loop.on_exception([](const ExceptionReport& told) {
    ADD_FAILURE() << running << ": unexpected report: " << told.message << " [" << told.task
                  << "]";
  });
}

Task<> watch(World& world, Seen& seen) {
  static std::size_t ends = 0;
  seen.began = true;
  Expected<void> outcome;
  std::optional<Task<>> call;
  try {
    call.emplace(world.call());
  } catch (...) {
    outcome = std::unexpected(Failure::current());
  }
  if (call) outcome = co_await as_outcome(std::move(*call));
  call.reset();
  seen.ended = true;
  seen.place = ++ends;
  if (!outcome && outcome.error().is_cancelled()) {
    ++seen.delivered;
  } else if (!outcome) {
    seen.error = std::move(outcome.error());
  }
  auto after = co_await as_outcome(yield());
  if (!after) ++seen.delivered;
}

Play::Play(Loop& loop, const Row& row)
    : loop_(loop),
      row_(row),
      in_flight_(loop.stats().in_flight),
      descriptors_(open_descriptors()),
      world_(row.world()) {
  loop_.run(world_->begin());
}

Play::~Play() = default;

void Play::start(Task<> (*how)(World&, Seen&)) { handle_ = loop_.spawn(how(*world_, seen_)); }

void Play::wake() {
  if (std::exchange(woken_, true)) return;
  if (row_.traits.comes == Comes::by_time) {
    loop_.turn(1h);
  } else {
    world_->wake();
  }
}

void Play::warm_up(Loop& loop, const Row& row) {
  begin_combination(row.name, "played to its end");
  Play play(loop, row);
  play.start();
  for (int turn = 0; turn < 2; ++turn) play.turn();
  play.wake();
  if (!play.finish()) return;
  play.expect_no_error();
  loop.run(play.world().check(false));
}

void Play::expect_no_error() const {
  if (!seen_.error || may_fail_) return;
  ADD_FAILURE() << combination() << ": failed with " << text_of(*seen_.error);
}

bool Play::finish() {
  if (never_woken() && handle_.cancelling() == 0) handle_.cancel();
  return turn_until(loop_, "it never ends", [this] { return done(); });
}

void Play::clean_up() {
  if (!done()) return;
  expect_no_error();
  wake();
  loop_.run(world_->check(seen_.error.has_value()));
  world_.reset();
  turn_until(loop_, "something goes on after it", [this] {
    const Stats stats = loop_.stats();
    return stats.tasks == 0 && stats.in_flight <= in_flight_;
  });
  const Stats stats = loop_.stats();
  EXPECT_EQ(stats.timers, 0u) << combination();
  EXPECT_EQ(stats.queued, 0u) << combination();
  // Fewer are no fault: a thread that an earlier call left behind had a file open in the beginning.
  EXPECT_LE(open_descriptors_in_the_end(descriptors_, [this] { loop_.turn(); }), descriptors_)
      << combination() << ": a descriptor was left open";
}

std::string text_of(const Failure& failure) {
  try {
    failure.raise();
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (...) {
    return "something that is no std::exception";
  }
}

std::vector<Row> rows_where(bool (*wanted)(const Traits& traits)) {
  std::vector<Row> rows;
  for (const Row& row : awaitables()) {
    if (wanted(row.traits)) rows.push_back(row);
  }
  return rows;
}

std::string name_of_row(const testing::TestParamInfo<Row>& info) {
  std::string name = info.param.name;
  for (char& letter : name) {
    if (!std::isalnum(static_cast<unsigned char>(letter))) letter = '_';
  }
  return name;
}

}  // namespace test
