// A program that is killed at any moment, again and again: what it was told is done is there, what
// was in progress is done or is not, and what is left behind does not stop its next life.
#include "file/policies.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <random>
#include <set>

namespace {

using namespace eddy;

// What a life has begun, and what it was told is done, in memory that outlives it.
struct Said {
  std::atomic<std::uint64_t> begun = 0;
  std::atomic<std::uint64_t> done = 0;
};

class Crashes : public test::EveryPolicy {
 protected:
  Crashes() {
    void* memory = ::mmap(nullptr, 2 * sizeof(Said), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    said = new (memory) Said[2];
  }
  ~Crashes() override { ::munmap(said, 2 * sizeof(Said)); }

  // A process that runs `life`, which never ends, on a loop of its own.
  template <class Life>
  pid_t bear(const Life& life) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Loop loop(test::options({.file_policy = GetParam()}));
    loop.run(life());
    ::_exit(EXIT_FAILURE);
  }

  // Some time after it has begun one to three things more than there were `before` its life.
  void kill_at_random(pid_t child, Said& its, std::uint64_t before) {
    ASSERT_GT(child, 0);
    const std::uint64_t until = before + 1 + random() % 3;
    while (its.begun < until) ASSERT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << "it has ended";
    for (auto moments = random() % 30'000; moments > 0; --moments) its.begun.load();
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << status;
  }

  std::minstd_rand random{12};
  Said* said;
};
INSTANTIATE_TEST_SUITE_P(Policy, Crashes, test::every_policy(), test::name_of_policy);

// Of any length, and another one for each number.
std::string text_of(std::uint64_t number) {
  std::string text = std::to_string(number) + " ";
  text.append(number * 7919 % 12'000, static_cast<char>('a' + number % 26));
  return text + ".";
}

TEST_P(Crashes, OfWriteAtomicLeaveTheOldFileOrTheNewOne) {
  const auto life = [&]() -> Task<> {
    for (std::uint64_t number = said->done + 1;; ++number) {
      said->begun = number;
      co_await write_atomic(path("file"), text_of(number), {.durable = number % 2 == 0});
      said->done = number;
    }
  };
  for (int lived = 1; lived <= 80; ++lived) {
    const std::uint64_t before = said->begun = said->done.load();
    ASSERT_NO_FATAL_FAILURE(kill_at_random(bear(life), *said, before));
    const std::string text = directory.read("file");
    const std::uint64_t done = said->done;
    ASSERT_TRUE(text == text_of(done) || text == text_of(done + 1) || (done == 0 && text.empty()))
        << "neither the old file nor the new one: " << text.substr(0, 20);
    if (text == text_of(done + 1)) said->done = done + 1;
    int left = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path(""))) {
      const std::string name = entry.path().filename();
      if (name == "file") continue;
      EXPECT_TRUE(name.starts_with(".tmp-")) << name;
      ++left;
    }
    EXPECT_LE(left, lived) << "one of each life at the most";
  }
}

TEST_P(Crashes, LeaveEverythingThatWasSynced) {
  const auto life = [&]() -> Task<> {
    File file = co_await open(path("file"), "r+");
    std::uint64_t place = 0;
    for (std::uint64_t number = 1; number <= said->done; ++number) place += text_of(number).size();
    co_await file.seek(static_cast<std::int64_t>(place));
    co_await file.truncate();
    for (std::uint64_t number = said->done + 1;; ++number) {
      said->begun = number;
      co_await file.write(text_of(number));
      co_await file.sync();
      said->done = number;
    }
  };
  directory.write("file", "");
  std::string whole;
  std::uint64_t counted = 0;
  for (int lived = 1; lived <= 30; ++lived) {
    const std::uint64_t before = said->begun = said->done.load();
    ASSERT_NO_FATAL_FAILURE(kill_at_random(bear(life), *said, before));
    while (counted < said->done) whole += text_of(++counted);
    const std::string text = directory.read("file");
    ASSERT_TRUE(text.starts_with(whole)) << "something that was synced is not there";
    ASSERT_TRUE(text_of(counted + 1).starts_with(text.substr(whole.size())));
  }
}

// Two programs append to one file, and are killed: also while the one has not finished a line that
// the other one waits behind.
TEST_P(Crashes, OfAppendLineLeaveEachLineThatWasAcknowledgedWhole) {
  const auto life_of = [&](std::uint64_t who) {
    return [&, who]() -> Task<> {
      for (int count = 0; count < 6; ++count) {
        const std::uint64_t number = ++said[who].begun;
        co_await append_line(path("log"), text_of(2 * number + who));
        said[who].done = number;
      }
      co_await Event().wait();
    };
  };
  std::set<std::uint64_t> in_progress[2];
  for (int lived = 0; lived < 70; lived += 2) {
    const std::uint64_t before[] = {said[0].begun, said[1].begun};
    const pid_t living[] = {bear(life_of(0)), bear(life_of(1))};
    for (const std::size_t who : {0, 1}) {
      ASSERT_NO_FATAL_FAILURE(kill_at_random(living[who], said[who], before[who]));
      if (said[who].begun > said[who].done) in_progress[who].insert(said[who].begun);
    }
  }
  std::map<std::string, int> lines;  // how often each is there
  std::ifstream log(path("log"));
  for (std::string line; std::getline(log, line);) ++lines[line];
  for (const std::size_t who : {0, 1}) {
    for (std::uint64_t number = 1; number <= said[who].begun; ++number) {
      const auto line = lines.find(text_of(2 * number + who));
      const int times = line == lines.end() ? 0 : line->second;
      EXPECT_TRUE(times == 1 || (times == 0 && in_progress[who].contains(number)))
          << "line " << number << " of program " << who << " is there " << times << " times";
      if (times > 0) lines.erase(line);
    }
  }
  EXPECT_LE(lines[""], 70) << "one of each life that found a torn line, where two found the same";
  lines.erase("");
  EXPECT_LE(lines.size(), 70u) << "one torn line of each life";
}

}  // namespace
