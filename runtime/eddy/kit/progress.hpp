// Progress: a bar on a terminal, as tqdm's: how far it is, how fast it goes, how long it still
// takes.
//
//   Progress bar(files.size(), "hashing");
//   for (const auto& file : files) { co_await hash(file); bar.advance(); }
//
//   hashing:  40%|████      | 12/30 [00:01<00:02, 9.87it/s]
//
// Several stand below each other. One that is closed leaves its last line above those that go on.
// Where the descriptor is no terminal there is nothing but that last line. What is written is never
// waited for: a terminal or a pipe that takes nothing misses that line.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/base/internal/count.hpp>
#include <eddy/core/loop.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eddy {

// Trivially copyable.
struct ProgressOptions {
  int fd = 2;                    // stderr
  const char* unit = "it";       // of what is counted; a literal
  AnyDuration interval = std::chrono::milliseconds(100);  // no line is written more often
  std::size_t columns = 0;       // 0: as many as the terminal has
  bool ascii = false;            // for terminals without UTF-8
};

class Progress {
 public:
  // Shows itself at once. Without a total there is no bar, and no remaining time. Throws UsageError
  // outside of a loop, whose clock it goes by.
  explicit Progress(std::optional<internal::Count> total = std::nullopt,
                    std::string_view description = {}, ProgressOptions options = {});
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { close(); }

  // So much more is done.
  void advance(internal::Count more = 1) { done_ += more.value(), changed(); }
  // So much is done, all in all.
  void set(internal::Count done) { done_ = done.value(), changed(); }
  void describe(std::string_view description);

  // The last line, with the average rate. Idempotent.
  void close() noexcept;

  std::size_t done() const noexcept { return done_; }
  // What it shows, in so many columns.
  std::string line(std::size_t columns) const;

 private:
  class Screen;

  void changed();
  void measure(Instant now) noexcept;
  Instant now() const noexcept;
  double seconds_left() const noexcept;
  std::string numbers(Duration elapsed) const;
  std::string bar(std::size_t cells) const;

  std::string description_;
  std::optional<std::size_t> total_;
  ProgressOptions options_;
  std::uint64_t loop_;
  std::size_t done_ = 0;
  double rate_ = 0;  // in a second; of late, and in the end of all
  Instant started_;
  Instant measured_;
  std::size_t measured_done_ = 0;
  Instant last_seen_;  // for when the loop is gone
  bool terminal_ = false;
  bool closed_ = false;
};

}  // namespace eddy
