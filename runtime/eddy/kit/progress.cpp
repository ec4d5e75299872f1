#include <eddy/base/description.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/no_broken_pipe.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/file/internal/file_state.hpp>
#include <eddy/kit/progress.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <new>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/ioctl.h>

namespace eddy {
using namespace internal;

namespace {

std::size_t columns_of(int fd) noexcept {
  winsize size{};
  return sys::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// Nobody waits for it. A pipe that is ready takes 4 KiB, a terminal a line.
void put(int fd, const std::string& text) noexcept {
  pollfd ready{fd, POLLOUT, 0};
  if (sys::poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT)) {
    const NoBrokenPipe guard;
    if (sys::write(fd, text.data(), text.size()) < 0 && errno == EPIPE) guard.take();
  }
}

// As one column each: right for all but wide and combining characters.
std::size_t width_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

// The first `columns` of it, no character cut in two.
void cut(std::string& text, std::size_t columns) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if ((text[at] & 0xC0) != 0x80 && columns-- == 0) break;
  }
  text.resize(at);
}

template <class... Arguments>
std::string format(const char* pattern, Arguments... arguments) {
  std::array<char, 96> text;
  const int size = std::snprintf(text.data(), text.size(), pattern, arguments...);
  EDDY_ASSERT(size >= 0);
  return std::string(text.data(), std::min<std::size_t>(static_cast<std::size_t>(size),
                                                        text.size() - 1));
}

// 01:05, 2:01:05
std::string clock_text(double seconds) {
  const auto whole = static_cast<long long>(std::min(seconds, 1e15));
  if (whole < 3600) return format("%02lld:%02lld", whole / 60, whole % 60);
  return format("%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
}

double seconds(Duration length) noexcept { return std::chrono::duration<double>(length).count(); }

}  // namespace

// The bars of this thread that are on terminals, in the order in which they stand there. The cursor
// is at the beginning of the first one's line.
class Progress::Screen {
 public:
  static Screen& get() noexcept {
    static thread_local Screen screen;
    return screen;
  }
  void add(Progress& bar) {
    bars_.push_back(&bar);
    draw(bar.options_.fd);
  }
  // Its last line goes above the others.
  void remove(Progress& bar) noexcept {
    std::erase(bars_, &bar);
    draw(bar.options_.fd, &bar);
  }
  void draw(int fd, const Progress* last = nullptr) const noexcept {
    try {
      put(fd, drawn(fd, last));
    } catch (const std::bad_alloc&) {  // the next time, if there is one
    }
  }

 private:
  std::string drawn(int fd, const Progress* last) const {
    std::string text;
    if (last) text += row(*last) + '\n';
    std::size_t rows = 0;
    for (const Progress* bar : bars_) {
      if (bar->options_.fd != fd) continue;
      if (rows++ > 0) text += '\n';
      text += row(*bar);
    }
    if (last && rows == 0) text += "\r\x1b[K";
    if (rows > 1) text += format("\x1b[%zuA", rows - 1);
    return text += '\r';
  }
  // One column is left free: a terminal would go to the next line.
  static std::string row(const Progress& bar) {
    const auto wanted = bar.options_.columns;
    const std::size_t columns = wanted > 0 ? wanted : columns_of(bar.options_.fd);
    return '\r' + bar.line(columns - 1) + "\x1b[K";
  }

  std::vector<const Progress*> bars_;
};

Progress::Progress(std::optional<Count> total, std::string_view description,
                   ProgressOptions options)
    : description_(harmless(std::string(description))),
      options_(options),
      loop_(Loop::current().id()),
      started_(Loop::current().clock()),
      measured_(started_),
      last_seen_(started_),
      terminal_(is_tty(options.fd)) {
  if (total) total_ = total->value();
  if (terminal_) Screen::get().add(*this);
}

void Progress::describe(std::string_view description) {
  description_ = harmless(std::string(description));
  changed();
}

Instant Progress::now() const noexcept {
  Loop* loop = Loop::open(loop_);
  return loop ? loop->clock() : last_seen_;
}

void Progress::changed() {
  const Instant at = now();
  last_seen_ = at;
  if (closed_ || time_left(at, measured_) < Duration(options_.interval)) return;
  measure(at);
  if (terminal_) Screen::get().draw(options_.fd);
}

// Of late: what was half a second ago counts for little. As tqdm's smoothing of 0.3.
void Progress::measure(Instant at) noexcept {
  EDDY_ASSERT(at >= measured_);
  const double took = seconds(at - measured_);
  if (took <= 0) return;
  const double latest = (static_cast<double>(done_) - static_cast<double>(measured_done_)) / took;
  const bool first = measured_ == started_;
  rate_ = std::max(0.0, first ? latest : 0.3 * latest + 0.7 * rate_);
  measured_ = at;
  measured_done_ = done_;
}

void Progress::close() noexcept {
  if (std::exchange(closed_, true)) return;
  last_seen_ = now();
  const double took = seconds(last_seen_ - started_);
  rate_ = took > 0 ? static_cast<double>(done_) / took : 0;
  try {
    if (terminal_) return Screen::get().remove(*this);
    put(options_.fd, line(options_.columns > 0 ? options_.columns : 80) + '\n');
  } catch (const std::bad_alloc&) {  // without its last line
  }
}

double Progress::seconds_left() const noexcept {
  const double left = static_cast<double>(*total_) - static_cast<double>(done_);
  return std::max(0.0, left) / rate_;
}

// 12/30 [00:01<00:02, 9.87it/s]
std::string Progress::numbers(Duration elapsed) const {
  std::string text = std::to_string(done_);
  if (total_) text += '/' + std::to_string(*total_);
  if (!total_) text += options_.unit;
  text += " [" + clock_text(seconds(elapsed));
  if (total_) text += '<' + (rate_ > 0 ? clock_text(seconds_left()) : "?");
  if (rate_ <= 0) return text + ", ?" + options_.unit + "/s]";
  const bool slow = rate_ < 1;
  text += format(", %.2f", slow ? 1 / rate_ : rate_);
  if (slow) return text + "s/" + options_.unit + ']';
  return text + options_.unit + "/s]";
}

std::string Progress::bar(std::size_t cells) const {
  static constexpr std::array<const char*, 8> parts{" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  EDDY_ASSERT(total_);
  const double share =
      *total_ > 0 ? static_cast<double>(done_) / static_cast<double>(*total_) : 1.0;
  const auto eighths =
      static_cast<std::size_t>(std::min(1.0, share) * static_cast<double>(cells) * 8);
  const std::size_t full = eighths / 8;
  std::string text;
  for (std::size_t i = 0; i < full; ++i) text += options_.ascii ? "#" : "█";
  if (full < cells) text += options_.ascii ? "-" : parts[eighths % 8];
  if (full < cells) text.append(cells - full - 1, options_.ascii ? '-' : ' ');
  return text;
}

std::string Progress::line(std::size_t columns) const {
  const std::string end = numbers(last_seen_ - started_);
  std::string text = description_.empty() ? "" : description_ + ": ";
  if (total_) {
    const double share =
        *total_ > 0 ? static_cast<double>(done_) / static_cast<double>(*total_) : 1.0;
    text += format("%3.0f%%|", std::floor(100 * share));
    const std::size_t used = width_of(text) + 2 + width_of(end);
    if (used < columns) text += bar(columns - used);
    text += "| ";
  }
  text += end;
  cut(text, columns);
  return text;
}

}  // namespace eddy
