#include <eddy/file/append_line.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/file.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/internal/final_sync.hpp>
#include <eddy/file/internal/thread_call.hpp>

#include <linux/io_uring.h>

#include <array>

namespace eddy {
using namespace internal;
namespace {

constexpr std::string_view verb = "append a line to";
constexpr char line_end = '\n';

// What is moved by one call at most.
constexpr std::size_t longest_line = 0x7ffff000 - 2;

// To be read as well: what stands at the end matters. A log that may only be written is believed to
// end with a "\n".
Task<File> open_log(Text path, unsigned permissions) {
  const OpenOptions options{.buffering = 0, .permissions = permissions};
  constexpr int flags = O_APPEND | O_CREAT;
  auto file = co_await as_outcome(open(path, OpenFlags{O_RDWR | flags}, options));
  if (!file && file.error().is_error(EACCES)) {
    file = co_await as_outcome(open(path, OpenFlags{O_WRONLY | flags}, options));
  }
  if (!file) co_await fail(std::move(file.error()));
  if (!FileAccess::of(*file).seeks()) co_await fail(Failure::error(EINVAL, verb, path));
  co_return std::move(*file);
}

// True: what ends at `size` is no line.
Task<bool> is_torn_at(File& file, std::uint64_t size) {
  if (size == 0) co_return false;
  char last = line_end;
  EDDY_TRY(auto got, file.read_at(MutableBytes(&last, 1), size - 1));
  co_return got > 0 && last != line_end;
}

// Waits for whoever is in the middle of appending, where the file system does not show his line as
// a whole: what looks for data takes the lock that a write holds (ext4, btrfs, tmpfs; of xfs
// reading does). Whatever it says, the file tells.
Task<> wait_for_others(FileState& file, std::uint64_t size) {
  const auto call = [fd = file.fd, place = static_cast<off_t>(size) - 1] {
    return sys::lseek(fd, place, SEEK_DATA) < 0 ? -1 : 0;
  };
  auto waited =
      co_await as_outcome(perform_plainly(verb, *file.mount, file.policy, file.name,
                                  call));
  if (!waited && !waited.error().is_error()) co_await fail(std::move(waited.error()));
}

// The end of the file, as far as it was seen.
struct End {
  std::uint64_t place;
  bool torn = false;  // a part of a line stands there, and nobody is about to complete it
};

Task<End> find_end(File& file) {
  FileState& state = FileAccess::of(file);
  End end{static_cast<std::uint64_t>(state.position())};  // where it was when it was opened
  while (state.mode.readable) {
    EDDY_TRY(auto torn, is_torn_at(file, end.place));
    if (!torn) break;
    EDDY_DO(wait_for_others(state, end.place));
    EDDY_TRY(auto now, state.end());
    end.torn = static_cast<std::uint64_t>(now) == end.place;
    if (static_cast<std::uint64_t>(now) <= end.place) break;
    end.place = static_cast<std::uint64_t>(now);
  }
  co_return end;
}

// Whether what was written last, `size` bytes, begins a line. It does not where another program was
// killed in the middle of its own after this one had looked. By plain calls: what stands before it
// is in the cache, and no cancel may come in between.
bool begins_a_line(const FileState& file, std::size_t size, const End& seen) {
  const off_t place = sys::lseek(file.fd, 0, SEEK_CUR) - static_cast<off_t>(size);
  if (seen.torn || place <= 0 || static_cast<std::uint64_t>(place) == seen.place) return true;
  char before = line_end;
  return sys::pread(file.fd, &before, 1, place - 1) != 1 || before == line_end;
}

// Says why there was no room for all of it, by ending what there was room for.
Failure cut_short(int fd, const Text& path) {
  const auto ended = sys::write(fd, &line_end, 1);
  return Failure::error(ended < 0 ? errno : EIO, "append more than a part of a line to", path);
}

// By a thread of the kernel's from the start where it is done on the ring: that would first write
// what it can without waiting, and the rest by another write.
Task<std::size_t> write_line(FileState& file, Bytes line, bool torn) {
  std::array<iovec, 3> parts;
  int count = 0;
  std::size_t size = 0;
  const auto add = [&](const void* bytes, std::size_t length) {
    parts[static_cast<std::size_t>(count++)] = {const_cast<void*>(bytes), length};
    size += length;
  };
  if (torn) add(&line_end, 1);
  if (!line.empty()) add(line.data(), line.size());
  if (line.empty() || !line.text().ends_with(line_end)) add(&line_end, 1);
  EDDY_ASSERT(size <= longest_line + 2);
  const Request request{.opcode = IORING_OP_WRITEV,
                        .flags = IOSQE_ASYNC,
                        .fd = file.fd,
                        .offset = ~std::uint64_t{0},
                        .address = address_of(parts.data()),
                        .length = static_cast<std::uint32_t>(count)};
  const auto call = [fd = file.fd, from = parts.data(), count] {
    return sys::writev(fd, from, count);
  };
  EDDY_TRY(auto written, perform(request, verb, *file.mount, file.policy, file.name, call));
  EDDY_ASSERT(static_cast<std::size_t>(written) <= size);
  if (static_cast<std::size_t>(written) < size) co_await fail(cut_short(file.fd, file.name));
  co_return size;
}

}  // namespace

Task<> append_line(Text path, Bytes line, AppendLineOptions options) {
  if (line.size() > longest_line) co_await fail(Failure::error(EINVAL, verb, path));
  EDDY_TRY(auto file, open_log(path, options.permissions));
  FileState& state = FileAccess::of(file);
  EDDY_TRY(auto end, find_end(file));
  ParentDirectory directory;
  // Whoever made it may have died before its name was safe: so whose line is the first.
  const bool first = options.durable && state.position() == 0;
  if (first) {  // where the file is, which a link may have led to
    EDDY_TRY(const std::string real, fs::realpath(path));
    EDDY_DO(open_directory_of(real, directory));
  }
  if (directory.whole_system) {
    const int code = use_instead(directory, state.fd);
    if (code) co_await fail(Failure::error(code, verb, path));
  }
  Task<> closing = file.close();  // has its memory before there is no way back
  for (;;) {
    EDDY_TRY(auto size, write_line(state, line, end.torn));
    if (begins_a_line(state, size, end)) break;
  }
  if (options.durable) {
    Expected<int> safe = co_await as_outcome(FinalSync(state.fd, *state.mount));
    if (safe && directory.whole_system) {
      safe = co_await as_outcome(sync_whole_system(directory));
    } else if (safe && first) {
      safe = co_await as_outcome(FinalSync(directory.fd.get(), *directory.mount));
    }
    // Some file systems cannot sync a directory, nor a device (EINVAL).
    if (!safe && safe.error().code() != EINVAL) {
      co_await fail(named(std::move(safe.error()), "sync after appending a line to", path));
    }
  }
  // On a remote file system it is only now that some errors are told.
  auto closed = co_await as_outcome(std::move(closing));
  if (closed) co_return;
  if (!closed.error().is_cancelled()) co_await fail(std::move(closed.error()));
  thread_state.task->keep_cancel_pending();
}

}  // namespace eddy
