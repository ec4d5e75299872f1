#include <eddy/core/internal/registered.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/internal/kernel.hpp>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>

namespace eddy::internal {
namespace {

// How many places there are: none where the kernel has no such tables.
unsigned reserved(int result, unsigned places, const char* what) {
  if (result == -EOPNOTSUPP) return 0;
  if (result < 0) throw Error(-result, what);
  return places;
}

unsigned reserve_files(Kernel& kernel, unsigned places) {
  if (places == 0) return 0;
  return reserved(kernel.reserve_files(places), places, "reserve registered files");
}

unsigned reserve_buffers(Kernel& kernel, unsigned places) {
  if (places == 0) return 0;
  return reserved(kernel.reserve_buffers(places), places, "reserve registered buffers");
}

std::vector<unsigned> places(unsigned count) {
  std::vector<unsigned> all(count);
  for (unsigned i = 0; i < count; ++i) all[i] = count - 1 - i;
  return all;
}

// The kernel has no larger table than the process may have files.
unsigned file_places(unsigned wanted) noexcept {
  rlimit limit{};
  if (sys::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<unsigned>(std::min<rlim_t>(wanted, limit.rlim_cur));
}

std::optional<unsigned> take(std::vector<unsigned>& places) noexcept {
  if (places.empty()) return std::nullopt;
  const unsigned place = places.back();
  places.pop_back();
  return place;
}

}  // namespace

// The tables of all loops, by their ids. Asked only when a place is given back elsewhere than in a
// turn of its own loop.
class Registered::Directory {
 public:
  static void add(Registered& table) noexcept {
    const std::lock_guard lock(mutex_);
    table.next_ = std::exchange(first_, &table);
  }
  static void remove(Registered& table) noexcept {
    const std::lock_guard lock(mutex_);
    Registered** link = &first_;
    while (*link != &table) link = &(*link)->next_;
    *link = table.next_;
  }

  // The table that `place` is to be freed in at once. Otherwise there is none any more, or it hears
  // of the place through `back`, and `held` says so.
  static Registered* find(std::uint64_t loop, unsigned place,
                          std::vector<unsigned> Registered::* back, bool& held) noexcept {
    const std::lock_guard lock(mutex_);
    Registered* table = first_;
    while (table && table->loop_ != loop) table = table->next_;
    if (!table || table->may_tell_the_ring()) return table;
    // After fork() the ring is the parent's, and so is the place.
    if (table->process_ != sys::getpid()) return nullptr;
    EDDY_ASSERT((table->*back).size() < (table->*back).capacity());
    (table->*back).push_back(place);  // has room for all
    table->came_back_.store(true, std::memory_order_release);
    held = true;
    return nullptr;
  }

  static void lock() noexcept { mutex_.lock(); }
  static void unlock() noexcept { mutex_.unlock(); }

  static void take_what_came_back(Registered& table) noexcept {
    const std::lock_guard lock(mutex_);
    table.came_back_.store(false, std::memory_order_relaxed);
    for (const unsigned place : table.files_back_) table.remove_file(place);
    for (const unsigned place : table.buffers_back_) table.remove_buffer(place);
    table.files_back_.clear();
    table.buffers_back_.clear();
  }

 private:
  static inline constinit std::mutex mutex_;
  static inline constinit Registered* first_ = nullptr;
};

Registered::Registered(std::uint64_t loop, Kernel& kernel, unsigned files, unsigned buffers)
    : loop_(loop),
      kernel_(kernel),
      thread_(std::this_thread::get_id()),
      process_(sys::getpid()),
      free_files_(places(reserve_files(kernel, file_places(files)))),
      free_buffers_(places(reserve_buffers(kernel, buffers))),
      buffers_(free_buffers_.size()) {
  files_back_.reserve(free_files_.size());
  buffers_back_.reserve(free_buffers_.size());
  Directory::add(*this);
}

Registered::~Registered() { Directory::remove(*this); }

void Registered::before_fork() noexcept { Directory::lock(); }
void Registered::after_fork() noexcept { Directory::unlock(); }

bool Registered::may_tell_the_ring() const noexcept {
  return thread_ == std::this_thread::get_id() && process_ == sys::getpid();
}

bool Registered::give_back_file(std::uint64_t loop, unsigned place) noexcept {
  bool held = false;
  Registered* table = Directory::find(loop, place, &Registered::files_back_, held);
  if (table) table->remove_file(place);
  return !held;
}

bool Registered::give_back_buffer(std::uint64_t loop, unsigned place) noexcept {
  bool held = false;
  Registered* table = Directory::find(loop, place, &Registered::buffers_back_, held);
  if (table) table->remove_buffer(place);
  return !held;
}

std::optional<unsigned> Registered::add_file(int fd) {
  if (came_back_.load(std::memory_order_acquire)) Directory::take_what_came_back(*this);
  const auto place = take(free_files_);
  if (!place) return std::nullopt;
  const int result = kernel_.set_file(*place, fd);
  if (result < 0) {
    free_files_.push_back(*place);
    throw Error(-result, "register a file");
  }
  return place;
}

void Registered::remove_file(unsigned place) noexcept {
  EDDY_ASSERT(free_files_.size() < free_files_.capacity());
  static_cast<void>(kernel_.set_file(place, -1));
  free_files_.push_back(place);
}

std::optional<unsigned> Registered::add_buffer(std::shared_ptr<void> memory, std::size_t size) {
  if (came_back_.load(std::memory_order_acquire)) Directory::take_what_came_back(*this);
  const auto place = take(free_buffers_);
  if (!place) return std::nullopt;
  const int result = kernel_.set_buffer(*place, memory.get(), size);
  if (result < 0) {
    free_buffers_.push_back(*place);
    throw Error(-result, "register a buffer (RLIMIT_MEMLOCK limits them)");
  }
  EDDY_VERIFY(!buffers_[*place].memory);  // the kernel would still use it
  const auto* begin = static_cast<const std::byte*>(memory.get());
  buffers_[*place] = {begin, size, std::move(memory)};
  return place;
}

void Registered::remove_buffer(unsigned place) noexcept {
  EDDY_ASSERT(place < buffers_.size());
  static_cast<void>(kernel_.set_buffer(place, nullptr, 0));
  buffers_[place] = {};
  free_buffers_.push_back(place);
}

std::optional<unsigned> Registered::find_buffer(const void* data, std::size_t size) const noexcept {
  if (size == 0) return std::nullopt;  // also just behind one, where the kernel refuses it
  const auto* begin = static_cast<const std::byte*>(data);
  for (unsigned place = 0; place < buffers_.size(); ++place) {
    const Buffer& buffer = buffers_[place];
    if (begin >= buffer.begin && begin + size <= buffer.begin + buffer.size) return place;
  }
  return std::nullopt;
}

}  // namespace eddy::internal
