#include <eddy/file/standard_files.hpp>

#include <eddy/file/internal/file_id.hpp>

#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>

namespace eddy {
using namespace internal;
namespace {

// What a File had read ahead of the standard input, which cannot go back: the process has only one.
class LeftOver {
 public:
  // Nobody ends it: Files may be dropped while the process ends.
  static LeftOver& instance() {
    static auto* const left = new LeftOver;
    return *left;
  }

  // False, and nothing kept, where another input stands there by now, or stood there meanwhile.
  bool put(Bytes ahead, unsigned input) {
    const std::lock_guard guard(lock_);
    look();
    if (input != inputs_) return false;
    bytes_ += ahead.text();
    return true;
  }
  // Keeps it without memory.
  void give_to(FileState& file) {
    const std::lock_guard guard(lock_);
    look();
    file.input = inputs_;
    if (file.is_stream()) file.unread(bytes_);
    bytes_.clear();
  }

 private:
  // Whether another stands there since the last time.
  void look() noexcept {
    const auto now = id_of(STDIN_FILENO);
    if (now && std::exchange(input_, now) == now) return;
    ++inputs_;
    bytes_.clear();
  }

  std::mutex lock_;
  std::string bytes_;
  std::optional<FileId> input_;
  unsigned inputs_ = 0;  // so many were seen
};

bool keep(Bytes ahead, unsigned input) noexcept {
  try {
    return LeftOver::instance().put(ahead, input);
  } catch (const std::bad_alloc&) {  // then they are lost
    return true;
  }
}

}  // namespace

File stdin_file() {
  File file = File::adopt(STDIN_FILENO, "r", false);
  FileState& state = FileAccess::of(file);
  EDDY_ASSERT(!state.owned);
  LeftOver::instance().give_to(state);
  state.keep_ahead = &keep;
  return file;
}

File stdout_file() { return File::adopt(STDOUT_FILENO, "w", false, {.buffering = 0}); }
File stderr_file() { return File::adopt(STDERR_FILENO, "w", false, {.buffering = 0}); }

}  // namespace eddy
