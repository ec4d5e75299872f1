// Keeps commands running: starts again what has ended, later and later where it ends soon, and puts
// the name of each before every line that it writes.
//
// Run:    examples/run supervisor [--backoff MS] [--grace MS] FILE
//         kill -HUP    reads FILE again: starts what is new, stops what is gone or has changed
//         kill -TERM   stops all (Ctrl-C as well): SIGTERM, and SIGKILL to what is left after the
//                      grace, 5000 ms by default; a command's own children included
// FILE:   a line for each, for /bin/sh; others are empty or begin with #
//             web: exec python3 -m http.server 8000
// Prints: "web | a line of it", and what was started and has ended.
#include <eddy/eddy.hpp>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

using namespace eddy;
using namespace std::chrono_literals;

struct Options {
  std::chrono::milliseconds backoff{200};  // doubled with each restart, up to 10 s
  std::chrono::milliseconds grace{5000};
};

class Service {
 public:
  Service(std::string name, std::string command, const Options& options)
      : name_(std::move(name)), command_(std::move(command)), options_(options) {}

  // Keeps it running until that is cancelled; begins when the one has ended whose place it takes.
  static Task<> supervise(std::shared_ptr<Service> self, std::shared_ptr<Service> before) {
    const auto body = [&]() -> Task<> {
      const auto ended = [&] { return before->ended_.wait(); };
      if (before) co_await try_finally(ended(), ended);  // also when cancelled
      before.reset();
      co_await self->restart_for_ever();
    };
    const auto cleanup = [&]() -> Task<> {
      self->ended_.set();
      co_return;
    };
    co_await try_finally(body, cleanup);
  }

  void started(JoinHandle<> task) { task_ = std::move(task); }
  void stop() { std::exchange(task_, {}).cancel(); }
  bool runs(std::string_view command) const { return task_.valid() && command_ == command; }
  bool stopped() const { return !task_.valid(); }

 private:
  static constexpr Duration most = 10s;  // between two starts, and what is no short life

  Task<> restart_for_ever() {
    Duration wait = options_.backoff;
    for (;;) {
      const Instant begin = Loop::current().now();
      co_await run_once();
      if (Loop::current().now() - begin > most) wait = options_.backoff;
      const auto shown = std::chrono::duration_cast<std::chrono::milliseconds>(wait);
      say(": starts again in " + std::to_string(shown.count()) + " ms");
      co_await sleep(wait);
      wait = std::min(2 * wait, most);
    }
  }

  Task<> run_once() {
    auto child = std::make_shared<Process>();
    try {
      *child = Process::shell(command_, {.input = Stdio::null(),
                                         .output = Stdio::pipe(),
                                         .errors = Stdio::to_output(),
                                         .group = ProcessGroup::own,
                                         .kill_on_drop = true});
    } catch (const Error& error) {
      say(std::string(": ") + error.what());
      co_return;
    }
    say(": started, process " + std::to_string(child->pid()));
    auto printing = spawn(print(name_, child));
    const auto cleanup = [&] { return finish(*child, printing); };
    co_await try_finally(child->wait(), cleanup);
  }

  // It has ended, or shall do so now; and whatever it has started.
  Task<> finish(const Process& child, JoinHandle<> printing) {
    signal_all(child, SIGTERM);
    const auto ended = co_await move_on_after(options_.grace, child.wait());
    if (!ended) child.signal_group(SIGKILL);
    const ExitStatus status = co_await child.wait();
    static_cast<void>(co_await as_outcome(move_on_after(options_.grace, printing)));
    signal_all(child, SIGKILL);
    say(": " + status.text());
  }
  // Once the child has ended its number stays that of its group, for as long as one is in there.
  static void signal_all(const Process& child, int number) {
    if (!child.signal_group(number)) ::kill(-child.pid(), number);
  }

  static Task<> print(std::string name, std::shared_ptr<Process> child) {
    constexpr std::size_t longest = 4096;  // what is longer comes in pieces
    std::string line;
    while (co_await child->output().readline_into(line, longest)) {
      if (line.ends_with('\n')) line.pop_back();
      std::printf("%s | %s\n", name.c_str(), line.c_str());
    }
  }
  void say(const std::string& text) const { std::printf("%s%s\n", name_.c_str(), text.c_str()); }

  std::string name_;
  std::string command_;
  Options options_;
  Event ended_;
  JoinHandle<> task_;
};

using Commands = std::map<std::string, std::string>;  // by their names

static Task<Commands> read_commands(std::string file) {
  Commands commands;
  std::istringstream lines(co_await read_text(file));
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.empty() || line.starts_with('#')) continue;
    const auto colon = line.find(": ");
    const auto where = file + ":" + std::to_string(number) + ": ";
    if (colon == line.npos || colon == 0) throw std::runtime_error(where + "no 'NAME: COMMAND'");
    const std::string name = line.substr(0, colon);
    const bool added = commands.emplace(name, line.substr(colon + 2)).second;
    if (!added) throw std::runtime_error(where + "there is a '" + name + "' already");
  }
  co_return commands;
}

class Supervisor {
 public:
  explicit Supervisor(const Options& options) : options_(options) {}

  // From now on these run, and no others.
  void keep(const Commands& commands, TaskGroup& group) {
    for (const auto& [name, service] : services_) {
      if (!service->stopped() && !commands.contains(name)) service->stop();
    }
    for (const auto& [name, command] : commands) {
      std::shared_ptr<Service>& service = services_[name];
      if (service && service->runs(command)) continue;
      if (service && !service->stopped()) service->stop();
      const auto next = std::make_shared<Service>(name, command, options_);
      auto before = std::exchange(service, next);
      next->started(group.spawn(Service::supervise(next, std::move(before)), {.eager = true}));
    }
  }

 private:
  Options options_;
  std::map<std::string, std::shared_ptr<Service>> services_;  // those that were stopped, too
};

static Task<> amain(std::string file, Options options) {
  Signals signals({SIGINT, SIGTERM, SIGHUP});
  Supervisor supervisor(options);
  const Commands first = co_await read_commands(file);
  co_await task_group([&](TaskGroup& group) -> Task<> {
    supervisor.keep(first, group);
    for (;;) {
      const int number = co_await signals.next();
      if (number != SIGHUP) break;
      try {
        const Commands commands = co_await read_commands(file);
        supervisor.keep(commands, group);
      } catch (const std::exception& error) {  // Cancelled is none
        std::fprintf(stderr, "supervisor: %s\n", error.what());
      }
    }
    supervisor.keep({}, group);
  });
}

static bool read_number(const char* text, std::chrono::milliseconds& into) {
  long number = 0;
  const char* end = text + std::string_view(text).size();
  const auto [stopped, error] = std::from_chars(text, end, number);
  into = std::chrono::milliseconds(number);
  return stopped == end && error == std::errc() && number >= 0;
}

int main(int count, char** arguments) {
  const char* usage = "usage: supervisor [--backoff MS] [--grace MS] FILE\n";
  Options options;
  int at = 1;
  for (; at + 1 < count; at += 2) {
    const std::string_view word = arguments[at];
    auto* value = word == "--backoff" ? &options.backoff
                  : word == "--grace" ? &options.grace
                                      : nullptr;
    if (!value || !read_number(arguments[at + 1], *value)) return std::fputs(usage, stderr), 2;
  }
  if (at == count) return std::fputs(usage, stderr), 2;
  if (arguments[at] == std::string_view("--help")) return std::fputs(usage, stdout), 0;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::signal(SIGPIPE, SIG_IGN);  // the children are not to be left alone because nobody listens
  try {
    run(amain(arguments[at], options));
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "supervisor: %s\n", error.what()), 1;
  }
}
