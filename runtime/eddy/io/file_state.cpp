#include <eddy/io/file_state.hpp>

#include <linux/io_uring.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace eddy {

// Linux moves at most this many bytes in one call.
static constexpr std::size_t transfer_max = 0x7ffff000;

FileState::FileState(int fd, bool owned, const FileMode& mode, Text name, std::size_t capacity,
                     FilePolicy policy, Storage::Mount& mount) noexcept
    : fd(fd),
      owned(owned),
      mode(mode),
      name(std::move(name)),
      policy(policy),
      mount(&mount),
      loop_(Loop::current()),
      capacity_(capacity) {}

FileState::~FileState() {
  if (data_) Pool::release(data_, allocated_);
  if (const int rest = release_fd(); rest >= 0) ::close(rest);
}

int FileState::release_fd() noexcept {
  if (place && !loop_.closed()) loop_.registered().remove_file(*place);
  place.reset();
  const int rest = owned ? fd : -1;
  fd = -1;
  return rest;
}

Request FileState::request(std::uint8_t opcode, const void* data, std::size_t size,
                           std::int64_t offset) const {
  Request request;
  request.opcode = opcode;
  request.fd = place ? static_cast<int>(*place) : fd;
  if (place) request.flags = IOSQE_FIXED_FILE;
  request.offset = static_cast<std::uint64_t>(offset);
  request.address = address_of(data);
  request.length = static_cast<std::uint32_t>(std::min(size, transfer_max));
  if (const auto buffer = loop_.registered().find_buffer(data, request.length)) {
    request.opcode = opcode == IORING_OP_READ ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
    request.buffer = static_cast<std::uint16_t>(*buffer);
  }
  return request;
}

FileState::Transfer FileState::read_raw(MutableBytes into) {
  return Transfer(*this, request(IORING_OP_READ, into.data(), into.size(), seeks_ ? raw_ : -1), "read");
}

Task<std::size_t> FileState::write_raw(Bytes from) {
  const bool at_end = mode.append || !seeks_;
  const std::int64_t offset = at_end ? -1 : raw_;
  const std::size_t size = std::min(from.size(), transfer_max);
  for (;;) {
    auto written = co_await as_outcome(FileCall(
        request(IORING_OP_WRITE, from.data(), size, offset), "write", *mount, policy,
        [this, offset, data = from.data(), size] {
          return offset < 0 ? ::write(fd, data, size) : ::pwrite(fd, data, size, offset);
        }));
    if (!written) {
      if (try_again(written.error())) continue;
      if (written.error().is_error() && written.error().code() == ESPIPE && seeks_) {
        seeks_ = false;
        co_return co_await write_raw(from);
      }
      if (written.error().is_cancelled()) co_await fail(std::move(written.error()));
      co_await fail(Failure::error(written.error().code(), "write", name.view()));
    }
    if (mode.append && seeks_) {
      const auto end = ::lseek(fd, 0, SEEK_CUR);  // where the kernel appended to
      if (end >= 0) raw_ = end;
    } else {
      raw_ += *written;
    }
    co_return static_cast<std::size_t>(*written);
  }
}

void FileState::reserve() {
  if (data_) return;
  allocated_ = std::max<std::size_t>(capacity_, 1);
  data_ = static_cast<std::byte*>(Pool::allocate(allocated_));
}

Task<std::size_t> FileState::fill() {
  reserve();
  writing_ = false;
  if (begin_ > 0) {
    std::memmove(data_, data_ + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == allocated_) co_return 0;  // full: whoever looks for more takes some first
  for (;;) {
    auto got = co_await as_outcome(read_raw(MutableBytes(data_ + end_, allocated_ - end_)));
    if (got) {
      end_ += *got;
      co_return *got;
    }
    if (try_again(got.error())) continue;
    if (got.error().is_error() && got.error().code() == ESPIPE && seeks_) {
      seeks_ = false;
      continue;
    }
    if (got.error().is_cancelled()) co_await fail(std::move(got.error()));
    co_await fail(Failure::error(got.error().code(), "read", name.view()));
  }
}

void FileState::drop_ahead() noexcept {
  if (writing_) return;
  if (seeks_) raw_ -= static_cast<std::int64_t>(end_ - begin_);
  if (seeks_) begin_ = end_ = 0;
}

void FileState::unread(Bytes taken) {
  if (taken.empty()) return;
  if (seeks_) {
    raw_ = position() - static_cast<std::int64_t>(taken.size());
    begin_ = end_ = 0;
    return;
  }
  const std::size_t kept = end_ - begin_;
  const std::size_t wanted = std::max(capacity_, taken.size() + kept);
  auto* fresh = static_cast<std::byte*>(Pool::allocate(wanted));
  std::memcpy(fresh, taken.data(), taken.size());
  if (kept > 0) std::memcpy(fresh + taken.size(), data_ + begin_, kept);
  if (data_) Pool::release(data_, allocated_);
  data_ = fresh;
  allocated_ = wanted;
  begin_ = 0;
  end_ = taken.size() + kept;
}

void FileState::append(Bytes bytes) {
  reserve();
  if (!writing_) {
    EDDY_ASSERT(begin_ == end_);
    begin_ = end_ = 0;
    writing_ = true;
  }
  std::memcpy(data_ + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

Task<> FileState::flush() {
  while (dirty()) {
    auto written = co_await as_outcome(write_raw(Bytes(data_, end_)));
    if (!written) co_await fail(std::move(written.error()));
    std::memmove(data_, data_ + *written, end_ - *written);
    end_ -= *written;
  }
  writing_ = false;
}

int FileState::flush_now() noexcept {
  std::size_t done = 0;
  int error = 0;
  while (done < end_) {
    const bool at_end = mode.append || !seeks_;
    const auto written = at_end ? ::write(fd, data_ + done, end_ - done)
                                : ::pwrite(fd, data_ + done, end_ - done, raw_);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      error = errno;
      break;
    }
    done += static_cast<std::size_t>(written);
    raw_ += written;
  }
  std::memmove(data_, data_ + done, end_ - done);
  end_ -= done;
  return error;
}

}  // namespace eddy
