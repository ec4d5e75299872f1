// A reference of asyncio's patterns in eddy's words: concurrency, limits, locks, queues, context
// variables, generators and a circuit breaker. What asks by HTTP is patterns_reference_http.cpp,
// and what asks a database users_db.cpp.
//
// Run:    examples/run patterns_reference
// Prints: a header per section, and below it what the Python program of that section prints.
#include <eddy/eddy.hpp>

#include <cerrno>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

using namespace eddy;
using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

namespace {

void section(std::string_view title) { std::cout << "== " << title << '\n'; }

// Trivial to copy, and printed as Python prints its dictionary.
struct User {
  explicit User(int id) : id(id) {}
  int id;
};
std::ostream& operator<<(std::ostream& out, const User& user) {
  return out << "{'id': '" << user.id << "', 'name': 'User " << user.id << "'}";
}

Task<User> fetch_user(int id) {
  co_await sleep(id == 0 ? Duration(1h) : id * 1ms);
  if (id > 100) throw Error(ENOENT, "fetch", std::to_string(id));
  co_return User(id);
}

Task<> basics() {
  section("Basic Async/Await");
  std::cout << co_await fetch_user(12) << '\n';
}

std::vector<Task<User>> fetch_each(const std::vector<int>& ids) {
  std::vector<Task<User>> tasks;
  for (const int id : ids) tasks.push_back(fetch_user(id));
  return tasks;
}

Task<> gather_tasks() {
  section("gather - Run Multiple Tasks");
  const std::vector<int> ids{3, 1, 2};
  for (const User& user : co_await gather(fetch_each(ids))) std::cout << user << '\n';
  const std::vector<int> shaky{1, 404, 2};
  for (const auto& outcome : co_await gather_settled(fetch_each(shaky))) {
    if (outcome) {
      std::cout << outcome.value() << '\n';
    } else {
      std::cout << Failure::from(outcome.exception()).error_code().message() << '\n';
    }
  }
}

Task<> task_groups() {
  section("TaskGroup - Structured Concurrency");
  std::vector<JoinHandle<User>> tasks;
  co_await task_group([&](TaskGroup& group) -> Task<> {
    for (const int id : {1, 2}) tasks.push_back(group.spawn(fetch_user(id)));
    co_return;
  });
  for (const auto& task : tasks) std::cout << task.result() << '\n';
}

Task<> results_as_they_arrive() {
  section("as_completed - Process Results as They Arrive");
  std::vector<JoinHandle<User>> tasks;
  for (const int id : {3, 1, 2}) tasks.push_back(spawn(fetch_user(id)));
  auto completed = as_completed(tasks);
  while (auto task = co_await completed.next()) {
    const User user = co_await *task;
    std::cout << "Completed: " << user.id << '\n';
  }
}

// What a web framework would turn into a response.
class HttpError : public std::runtime_error {
 public:
  HttpError(int status, const std::string& detail)
      : std::runtime_error(std::to_string(status) + " " + detail) {}
};

Task<User> fetch_with_timeout(int id, Duration limit) {
  const auto user = co_await as_result(timeout(limit, fetch_user(id)));
  if (!user) throw HttpError(504, "Request timed out");
  co_return *user;
}

Task<> timeouts() {
  section("Timeouts");
  try {
    std::cout << co_await fetch_with_timeout(5, 10ms) << '\n';
    co_await fetch_with_timeout(0, 10ms);
  } catch (const HttpError& error) {
    std::cout << error.what() << '\n';
  }
}

Task<> locks() {
  section("Locks");
  Lock lock;
  int value = 0;
  const auto increment = [&]() -> Task<> {
    auto guard = co_await lock.scoped();
    const int current = value;
    co_await sleep(1ms);  // work
    value = current + 1;
  };
  std::vector<Task<>> tasks;
  for (int i = 0; i < 10; ++i) tasks.push_back(increment());
  co_await gather(std::move(tasks));
  std::cout << "counter: " << value << '\n';

  // The lock of the original is not safe to cancel and starves its writers; this one is in eddy.
  RwLock shared;
  int version = 0;
  const auto read = [&](int number) -> Task<> {
    auto guard = co_await shared.read();
    co_await sleep(1ms);
    std::cout << "reader " << number << " sees version " << version << '\n';
  };
  const auto write = [&]() -> Task<> {
    auto guard = co_await shared.write();
    co_await sleep(1ms);
    ++version;
  };
  co_await gather(read(1), read(2), write(), read(3));
}

Task<> queues() {
  section("Queues");
  Queue<std::string> queue(10);
  int produced = 0, consumed = 0;
  const auto producer = [&]() -> Task<> {
    for (int i = 0; i < 20; ++i) {
      co_await queue.put("item_" + std::to_string(i));
      ++produced;
    }
  };
  const auto consumer = [&]() -> Task<> {
    while (const auto item = co_await as_result(queue.get())) {
      co_await sleep(1ms);
      ++consumed;
      queue.task_done();
    }
  };
  auto consumers = spawn([&]() -> Task<> { co_await gather(consumer(), consumer(), consumer()); });
  co_await producer();
  queue.shutdown();  // one call, however many consumers there are
  co_await consumers;
  std::cout << produced << " produced, " << consumed << " consumed\n";
}

ContextVar<std::string> request_id("request_id", "");
ContextVar<std::string> current_user("current_user", "nobody");

void log_action(std::string_view action) {
  std::cout << '[' << request_id.get() << "] User " << current_user.get() << ": " << action << '\n';
}

Task<> context_variables() {
  section("Context Variables");
  const auto handle = [](std::string id, std::string user) -> Task<> {
    const auto here = request_id.set(id);  // until this scope ends, in this task and its children
    const auto who = current_user.set(user);
    co_await sleep(1ms);
    co_await spawn([]() -> Task<> {
      log_action("saved");  // a child task has a copy
      co_return;
    });
  };
  co_await gather(spawn(handle("r1", "ann")), spawn(handle("r2", "bob")));
  log_action("outside");
}

Generator<std::vector<User>> paginate_users(int per_page) {
  for (int page = 0; page < 3; ++page) {  // the third is empty
    co_await sleep(1ms);
    std::vector<User> users;
    for (int i = 1; page < 2 && i <= per_page; ++i) users.push_back(User(page * per_page + i));
    if (users.empty()) co_return;
    co_yield users;
  }
}

// A class with next() is an iterator as good as a generator.
class UserIterator {
 public:
  explicit UserIterator(std::vector<int> ids) : ids_(std::move(ids)) {}
  Task<std::optional<User>> next() {
    if (index_ == ids_.size()) co_return std::nullopt;
    const User user = co_await fetch_user(ids_[index_++]);
    co_return std::optional<User>(user);
  }

 private:
  std::vector<int> ids_;
  std::size_t index_ = 0;
};

Task<> generators() {
  section("Async Generators");
  auto pages = paginate_users(2);
  while (auto page = co_await pages.next()) {
    for (const User& user : *page) std::cout << "page user " << user.id << '\n';
  }
  const std::vector<int> ids{7, 8};
  UserIterator users(ids);
  while (auto user = co_await users.next()) std::cout << *user << '\n';
}

Task<std::string> unreliable(int& calls, int failures) {
  co_await sleep(1ms);
  if (++calls <= failures) throw Error(ECONNRESET, "fetch", "url");
  co_return "fetched";
}

// Closed, open, half open. Unlike the original it takes a callable, so that an open breaker leaves
// no coroutine behind that nobody awaits.
class CircuitBreaker {
 public:
  CircuitBreaker(int threshold, Duration reset) : threshold_(threshold), reset_(reset) {}

  template <class F>
  Task<std::string> call(F& operation) {
    if (failures_ >= threshold_ && Loop::current().now() < opened_ + reset_) {
      throw std::runtime_error("Circuit breaker is open");
    }
    auto result = co_await as_result(operation());
    if (!result) {
      if (++failures_ >= threshold_) opened_ = Loop::current().now();
      throw std::system_error(result.error(), "fetch");
    }
    failures_ = 0;
    co_return *result;
  }

 private:
  int threshold_;
  Duration reset_;
  int failures_ = 0;
  Instant opened_{};
};

Task<> error_handling() {
  section("Error Handling");
  CircuitBreaker breaker(2, 10ms);
  int broken = 0;
  const auto operation = [&] { return unreliable(broken, 2); };
  for (int i = 0; i < 4; ++i) {
    try {
      const std::string answer = co_await breaker.call(operation);
      std::cout << answer << '\n';
    } catch (const std::exception& error) {
      std::cout << error.what() << '\n';
    }
    if (i == 2) co_await sleep(20ms);
  }
}

Task<> amain() {
  co_await basics();
  co_await gather_tasks();
  co_await task_groups();
  co_await results_as_they_arrive();
  co_await timeouts();
  co_await locks();
  co_await queues();
  co_await context_variables();
  co_await generators();
  co_await error_handling();
}

}  // namespace

// On virtual time sleeps come in exact order and take no time: the same text in every run.
int main() { run(amain(), {.virtual_time = true}); }
