// One loop on each core, all listening on one port: the kernel spreads the connections, and no
// loop knows of another.
//
// Run:    examples/run multi_core [ADDRESS [LOOPS]]      127.0.0.1:7777, one loop for each core
//         nc 127.0.0.1 7777        gives back each line; "who" tells which loop that is
// Prints: where it listens, and after SIGINT or SIGTERM what each loop did.
#include <eddy/eddy.hpp>

#include <csignal>
#include <future>
#include <iostream>
#include <list>
#include <pthread.h>
#include <sched.h>
#include <thread>

using namespace eddy;
using namespace std::chrono_literals;

// Whatever is in here belongs to the thread; stop() alone is called by another.
class Core {
 public:
  Core(int number, int cpu, Address address)
      : number_(number), thread_([this, cpu, address] { work(cpu, address); }) {}

  // Waits until it listens. Throws why it does not.
  void started() { loop_ = starting_.get_future().get(); }
  // No new connections; those that there are may go on for a second. What it did is final then.
  void stop() {
    if (loop_) loop_->post([this] { stopping_.set(); });
    thread_.join();
  }
  std::string report() const {
    return "core " + std::to_string(number_) + ": " + std::to_string(connections_) +
           " connections, " + std::to_string(lines_) + " lines";
  }

 private:
  void work(int cpu, Address address) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    ::pthread_setaffinity_np(::pthread_self(), sizeof only, &only);
    try {
      run(amain(address));
    } catch (...) {
      starting_.set_exception(std::current_exception());
    }
  }

  Task<> amain(Address address) {
    Listener listener = listen(address, {.reuse_port = true});
    starting_.set_value(&Loop::current());
    const auto client = [this](Stream stream) { return converse(std::move(stream)); };
    auto server = spawn(serve(listener, client, {.drain = 1s}));
    co_await stopping_.wait();
    server.cancel();
    static_cast<void>(co_await as_outcome(server));
  }

  Task<> converse(Stream stream) {
    ++connections_;
    const std::string name = "core " + std::to_string(number_) + "\n";
    auto lines = stream.lines();
    std::string line;
    for (;;) {
      const auto got = co_await as_result(lines.next_into(line));
      if (!got || !*got) break;
      const auto sent = co_await as_result(stream.write_all(line == "who\n" ? name : line));
      if (!sent) break;
      ++lines_;
    }
  }

  int number_;
  Event stopping_;
  std::uint64_t connections_ = 0;
  std::uint64_t lines_ = 0;
  std::promise<Loop*> starting_;
  Loop* loop_ = nullptr;
  std::thread thread_;
};

// Those that this process may use.
static std::vector<int> cpus() {
  cpu_set_t set;
  std::vector<int> found;
  if (::sched_getaffinity(0, sizeof set, &set) < 0) throw Error(errno, "sched_getaffinity");
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) found.push_back(cpu);
  }
  return found;
}

static Task<> until_stopped(Address address) {
  Signals signals({SIGINT, SIGTERM});
  std::cout << "listening on " << address.format() << std::endl;
  co_await signals.next();
}

int main(int argc, char** argv) {
  const std::vector<int> usable = cpus();
  const std::size_t count = argc > 2 ? std::stoul(argv[2]) : usable.size();

  // Has the port, whichever that is, from before the first loop listens until after the last one.
  const Address wanted = Address::parse(argc > 1 ? argv[1] : "127.0.0.1:7777");
  Socket port(wanted.family(), SOCK_STREAM);
  port.set_flag(SOL_SOCKET, SO_REUSEPORT);
  port.bind(wanted);

  std::list<Core> cores;
  for (std::size_t i = 0; i < count; ++i) {
    cores.emplace_back(static_cast<int>(i), usable[i % usable.size()], port.local());
  }
  for (Core& core : cores) core.started();
  run(until_stopped(port.local()));
  for (Core& core : cores) core.stop();
  for (const Core& core : cores) std::cout << core.report() << '\n';
}
