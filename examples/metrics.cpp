// A loop's numbers for Prometheus: GET /metrics in its text format.
//
// Run:    examples/run metrics [ADDRESS]      127.0.0.1:9464, [::]:9464 ...
//         curl 127.0.0.1:9464/metrics
// Prints: where it listens.
//
// What it serves is its own loop, which has little else to do. `numbers()` is all that another
// program needs of it.
#include <eddy/eddy.hpp>

#include <charconv>
#include <iostream>

using namespace eddy;
using namespace std::chrono_literals;

constexpr std::size_t line_max = 8 * 1024;
constexpr std::size_t connections_max = 16;
constexpr double nanosecond = 1e-9;

// -- the text format --

static void add_number(std::string& text, double value) {
  char digits[32];
  const auto end = std::to_chars(digits, std::end(digits), value).ptr;
  text.append(digits, end);
}

static void add_head(std::string& text, std::string_view name, std::string_view type,
                     std::string_view help) {
  text.append("# HELP ").append(name).append(" ").append(help).append("\n");
  text.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

static void add_sample(std::string& text, std::string_view name, std::string_view labels,
                       double value) {
  text.append(name).append(labels).append(" ");
  add_number(text, value);
  text.append("\n");
}

static void add_counter(std::string& text, std::string_view name, double value,
                        std::string_view help) {
  add_head(text, name, "counter", help);
  add_sample(text, name, "", value);
}

static void add_gauge(std::string& text, std::string_view name, double value,
                      std::string_view help) {
  add_head(text, name, "gauge", help);
  add_sample(text, name, "", value);
}

// The same buckets whatever was seen, so that one scrape can be compared with the next. What is
// smaller than the first is in the first.
struct Buckets {
  std::size_t first;
  std::size_t last;
  double unit;  // of what was counted, in that of the metric
};
constexpr Buckets times{10, 33, nanosecond};  // 1 us to 8.6 s
constexpr Buckets lengths{0, 16, 1};          // 1 to 65536

static void add_histogram(std::string& text, const std::string& name, const Histogram& histogram,
                          const Buckets& buckets, std::string_view help) {
  add_head(text, name, "histogram", help);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket <= buckets.last; ++bucket) {
    seen += histogram.in_bucket(bucket);
    if (bucket < buckets.first) continue;
    std::string bound = "{le=\"";
    add_number(bound, static_cast<double>(Histogram::upper_bound(bucket)) * buckets.unit);
    add_sample(text, name + "_bucket", bound + "\"}", static_cast<double>(seen));
  }
  add_sample(text, name + "_bucket", "{le=\"+Inf\"}", static_cast<double>(histogram.count()));
  add_sample(text, name + "_sum", "", static_cast<double>(histogram.sum()) * buckets.unit);
  add_sample(text, name + "_count", "", static_cast<double>(histogram.count()));
}

// -- the numbers --

static void add_tasks(std::string& text, const TaskCounts& tasks) {
  add_head(text, "eddy_tasks", "gauge", "Tasks that are not done.");
  add_sample(text, "eddy_tasks", "{state=\"running\"}", static_cast<double>(tasks.running));
  add_sample(text, "eddy_tasks", "{state=\"ready\"}", static_cast<double>(tasks.ready));
  add_sample(text, "eddy_tasks", "{state=\"waiting\"}", static_cast<double>(tasks.waiting));
}

static void add_counters(std::string& text, const Stats& stats) {
  const auto add = [&text](std::string_view name, std::uint64_t value, std::string_view help) {
    add_counter(text, name, static_cast<double>(value), help);
  };
  add("eddy_turns_total", stats.turns, "Turns of the loop.");
  add("eddy_steps_total", stats.steps, "Times that a task or a callback ran.");
  add("eddy_enters_total", stats.enters, "System calls of the ring.");
  add("eddy_requests_total", stats.submitted, "Requests to the ring.");
  add("eddy_completions_total", stats.completed, "Completions of the ring.");
  add("eddy_posts_total", stats.posts, "Callbacks from other threads.");
  add("eddy_inline_file_calls_total", stats.inline_calls, "File operations as plain calls.");
  add("eddy_slow_file_calls_total", stats.slow_calls, "Of them, those that held the loop.");
  add("eddy_plain_sends_total", stats.plain_sends, "Sends as plain calls.");
}

static void add_gauges(std::string& text, const Stats& stats) {
  const auto add = [&text](std::string_view name, std::size_t value, std::string_view help) {
    add_gauge(text, name, static_cast<double>(value), help);
  };
  add("eddy_operations_in_flight", stats.in_flight, "Operations that the kernel has.");
  add("eddy_operations_queued", stats.queued, "Operations that wait for a place in the ring.");
  add("eddy_timers", stats.timers, "Timers that are armed.");
}

static std::string numbers(Loop& loop) {
  const Stats stats = loop.stats();
  std::string text;
  add_tasks(text, loop.count_tasks());
  add_counters(text, stats);
  add_gauges(text, stats);
  add_histogram(text, "eddy_step_seconds", stats.step_ns, times, "How long a step held the loop.");
  add_histogram(text, "eddy_turn_seconds", stats.turn_ns, times, "How long a turn held the loop.");
  add_histogram(text, "eddy_queue_length", stats.queue_length, lengths,
                "Tasks and callbacks that were ready when a turn began.");
  return text;
}

// -- as much HTTP as that takes --

static std::string answer(std::string_view status, std::string_view type, std::string_view body) {
  std::string text("HTTP/1.1 ");
  text.append(status).append("\r\nContent-Type: ").append(type);
  text.append("\r\nContent-Length: ").append(std::to_string(body.size()));
  return text.append("\r\nConnection: close\r\n\r\n").append(body);
}

static std::string answer_to(std::string_view request) {
  if (request == "GET /metrics HTTP/1.1" || request == "GET /metrics HTTP/1.0") {
    return answer("200 OK", "text/plain; version=0.0.4; charset=utf-8", numbers(Loop::current()));
  }
  if (request.starts_with("GET ")) return answer("404 Not Found", "text/plain", "see /metrics\n");
  return answer("405 Method Not Allowed", "text/plain", "only GET\n");
}

static std::string_view without_end(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

static Task<> exchange(Stream& stream) {
  const std::string request = co_await stream.readline(line_max);
  for (;;) {  // its fields say nothing that matters here
    const std::string field = co_await stream.readline(line_max);
    if (field.empty()) co_return;
    if (without_end(field).empty()) break;
  }
  const std::string response = answer_to(without_end(request));
  co_await stream.write_all(response);
}

// Who is too slow, or leaves, is his own affair.
static Task<> connection(Stream stream) {
  const auto done = co_await as_result(timeout(10s, exchange(stream)));
  if (done) co_await stream.close();
}

static Task<> amain(Address address) {
  Listener listener = listen(address);
  std::cout << "listening on " << listener.local().format() << std::endl;
  co_await serve(listener, &connection, {.limit = connections_max});
}

int main(int argc, char** argv) {
  run(amain(Address::parse(argc > 1 ? argv[1] : "127.0.0.1:9464")),
      {.handle_sigint = true, .histograms = true});
}
