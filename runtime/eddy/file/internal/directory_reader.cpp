#include <eddy/file/internal/directory_reader.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/sleep.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/file_call.hpp>
#include <eddy/work/internal/blocking_calls.hpp>

#include <linux/io_uring.h>

#include <mutex>

namespace eddy::internal {

Task<UniqueFd> open_directory_at(int directory, const char* name, int flags,
                                 Storage::Mount& mount) {
  flags |= O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  const Request request{.opcode = IORING_OP_OPENAT,
                        .fd = directory,
                        .address = address_of(name),
                        .op_flags = static_cast<std::uint32_t>(flags)};
  const auto call = [directory, name, flags] { return sys::openat(directory, name, flags); };
  const FilePolicy policy = Storage::current().policy();
  EDDY_TRY(auto fd, perform(request, "open", mount, policy, Text(), call));
  EDDY_ASSERT(fd >= 0);
  co_return UniqueFd(fd);
}

// Has the descriptor and the block until the entries are there. Given to threads as often as
// somebody waits for it: one that waited before may have been cancelled while a thread was at it.
class DirectoryReader::ReadOnThread : public BlockingCall {
 public:
  void run() noexcept override {
    const std::lock_guard lock(mutex_);
    while (!done_) {
      result = sys::getdents64(fd.get(), block->bytes, capacity);
      if (result < 0) result = -errno;
      done_ = result != -EINTR;
    }
  }

  UniqueFd fd;
  std::unique_ptr<Block> block;
  ssize_t result = 0;

 private:
  std::mutex mutex_;
  bool done_ = false;
};

Task<int> DirectoryReader::read_on_thread(Storage::Mount& mount) {
  if (!reading_) {
    reading_ = std::make_shared<ReadOnThread>();
    reading_->may_hang(mount.remote);
    reading_->fd = std::move(fd_);
    reading_->block = std::move(block_);
  }
  auto done = co_await as_outcome(WaitForCall(reading_));
  if (!done && done.error().is_cancelled()) co_await fail(std::move(done.error()));
  if (!done) reading_->run();  // there is no thread to be had: here, however long it takes
  const auto call = std::move(reading_);
  fd_ = std::move(call->fd);
  block_ = std::move(call->block);
  if (call->result < 0) {
    co_await fail(Failure::error(static_cast<int>(-call->result), "read"));
  }
  co_return static_cast<int>(call->result);
}

Task<bool> DirectoryReader::fill(Storage::Mount& mount) {
  EDDY_ASSERT(at_ == end_);
  EDDY_ASSERT(fd_ || reading_);
  if (!block_ && !reading_) block_.reset(new Block);
  Storage& storage = Storage::current();
  at_ = end_ = 0;
  Expected<int> got = 0;
  if (!reading_ && storage.inline_allowed(mount, storage.policy())) {
    const auto call = [fd = fd_.get(), into = block_->bytes] {
      return sys::getdents64(fd, into, capacity);
    };
    got = co_await as_outcome(
        perform({.opcode = no_opcode}, "read", mount, storage.policy(), Text(), call));
  } else {
    got = co_await as_outcome(read_on_thread(mount));
  }
  // It has been removed, and so everything in it: the end, as readdir(3) has it.
  if (!got && got.error().is_error(ENOENT)) got = 0;
  if (!got) co_await fail(std::move(got.error()));
  end_ = static_cast<std::size_t>(*got);
  EDDY_ASSERT(end_ <= capacity);
  // What is done with so many entries takes its time too: the others have a turn.
  if (end_ > capacity / 2) EDDY_DO(yield());
  co_return end_ > 0;
}

void DirectoryReader::open_again(UniqueFd fd) noexcept {
  EDDY_ASSERT(fd);
  EDDY_ASSERT(!fd_);
  fd_ = std::move(fd);
  static_cast<void>(sys::lseek(fd_.get(), position_, SEEK_SET));
}

}  // namespace eddy::internal
