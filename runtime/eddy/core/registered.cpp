#include <eddy/core/registered.hpp>

#include <eddy/base/error.hpp>
#include <eddy/core/request.hpp>
#include <eddy/core/ring.hpp>

#include <liburing.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace eddy {
namespace {

int register_on_ring(int fd, unsigned opcode, const void* argument, unsigned count) noexcept {
  return static_cast<int>(::syscall(__NR_io_uring_register, fd, opcode, argument, count));
}

void reserve_table(int ring_fd, unsigned opcode, unsigned places, const char* what) {
  if (places == 0) return;
  io_uring_rsrc_register table{};
  table.nr = places;
  table.flags = IORING_RSRC_REGISTER_SPARSE;  // 5.19
  if (register_on_ring(ring_fd, opcode, &table, sizeof table) < 0) throw Error(errno, what);
}

// Sets one place of a table. 5.13
bool update(int ring_fd, unsigned opcode, unsigned place, const void* value) noexcept {
  io_uring_rsrc_update2 change{};
  change.offset = place;
  change.data = address_of(value);
  change.nr = 1;
  return register_on_ring(ring_fd, opcode, &change, sizeof change) >= 0;
}

std::vector<unsigned> places(unsigned count) {
  std::vector<unsigned> all(count);
  for (unsigned i = 0; i < count; ++i) all[i] = count - 1 - i;
  return all;
}

// The kernel has no larger table than the process may have files.
unsigned file_places(unsigned wanted) noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<unsigned>(std::min<rlim_t>(wanted, limit.rlim_cur));
}

std::optional<unsigned> take(std::vector<unsigned>& places) noexcept {
  if (places.empty()) return std::nullopt;
  const unsigned place = places.back();
  places.pop_back();
  return place;
}

}  // namespace

Registered::Registered(Ring& ring, unsigned files, unsigned buffers)
    : ring_fd_(ring.fd()),
      free_files_(places(file_places(files))),
      free_buffers_(places(buffers)),
      buffers_(buffers, Buffer{nullptr, 0}) {
  reserve_table(ring_fd_, IORING_REGISTER_FILES2, static_cast<unsigned>(free_files_.size()),
                "reserve registered files");
  reserve_table(ring_fd_, IORING_REGISTER_BUFFERS2, buffers, "reserve registered buffers");
}

std::optional<unsigned> Registered::add_file(int fd) {
  const auto place = take(free_files_);
  if (!place) return std::nullopt;
  if (!update(ring_fd_, IORING_REGISTER_FILES_UPDATE2, *place, &fd)) {
    const int error = errno;
    free_files_.push_back(*place);
    throw Error(error, "register a file");
  }
  return place;
}

void Registered::remove_file(unsigned place) noexcept {
  const int none = -1;
  static_cast<void>(update(ring_fd_, IORING_REGISTER_FILES_UPDATE2, place, &none));
  free_files_.push_back(place);
}

std::optional<unsigned> Registered::add_buffer(void* data, std::size_t size) {
  const auto place = take(free_buffers_);
  if (!place) return std::nullopt;
  const iovec area{data, size};
  if (!update(ring_fd_, IORING_REGISTER_BUFFERS_UPDATE, *place, &area)) {
    const int error = errno;
    free_buffers_.push_back(*place);
    throw Error(error, "register a buffer (RLIMIT_MEMLOCK limits them)");
  }
  buffers_[*place] = {static_cast<const std::byte*>(data), size};
  return place;
}

void Registered::remove_buffer(unsigned place) noexcept {
  const iovec none{nullptr, 0};
  static_cast<void>(update(ring_fd_, IORING_REGISTER_BUFFERS_UPDATE, place, &none));
  buffers_[place] = {nullptr, 0};
  free_buffers_.push_back(place);
}

std::optional<unsigned> Registered::find_buffer(const void* data, std::size_t size) const noexcept {
  const auto* begin = static_cast<const std::byte*>(data);
  for (unsigned place = 0; place < buffers_.size(); ++place) {
    const Buffer& buffer = buffers_[place];
    if (begin >= buffer.begin && begin + size <= buffer.begin + buffer.size) return place;
  }
  return std::nullopt;
}

}  // namespace eddy
