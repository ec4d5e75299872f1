// DirectoryReader: the entries of an open directory, by getdents64(2) into one block.
//
// The block is all the memory that a directory takes, however many entries it has. Reading it has
// no opcode in the ring: a plain call on a local and quick mount; a thread does it where the policy
// or the mount says that a call may hold the loop.
#pragma once

#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/core/task.hpp>
#include <eddy/file/internal/storage.hpp>

#include <dirent.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace eddy::internal {

// Opens the directory `name` below `directory` with more O_* flags. `name` must stay meanwhile. A
// failure names nothing.
Task<UniqueFd> open_directory_at(int directory, const char* name, int flags, Storage::Mount& mount);

class DirectoryReader {
 public:
  // Some 250 names, which take 20 to 50 us: more at once cost no less each, and would hold the loop
  // for as long as a slow call does, and so send all that is done on the mount to the ring.
  static constexpr std::size_t capacity = 8 * 1024;

  DirectoryReader() = default;
  explicit DirectoryReader(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  int fd() const noexcept { return fd_.get(); }

  // The next of the entries that were read, never "." or ".."; null when all are taken. It lies in
  // the block: valid until the next fill(), or the end of this object.
  const dirent64* take() noexcept {
    while (at_ < end_) {
      EDDY_ASSERT(block_);
      const auto* entry = reinterpret_cast<const dirent64*>(block_->bytes + at_);
      EDDY_ASSERT(entry->d_reclen > 0);
      at_ += entry->d_reclen;
      EDDY_ASSERT(at_ <= end_);
      position_ = entry->d_off;
      if (!is_self_or_parent(entry->d_name)) return entry;
    }
    return nullptr;
  }

  // It is the next one again.
  void untake(const dirent64& entry) noexcept {
    at_ -= entry.d_reclen;
    EDDY_ASSERT(block_ && block_->bytes + at_ == reinterpret_cast<const std::byte*>(&entry));
  }

  // Reads more; false at the end, and where the directory has been removed. A failure names
  // nothing. Cancelled while a thread reads: the next call waits for that.
  // REQUIRES: take() gave null
  Task<bool> fill(Storage::Mount& mount);

  // Gives up the descriptor and what is read; open_again() goes on after what was taken last.
  void close() noexcept {
    fd_.reset();
    block_.reset();
    at_ = end_ = 0;
  }
  void open_again(UniqueFd fd) noexcept;

 private:
  class ReadOnThread;

  struct Block : Pooled {
    alignas(dirent64) std::byte bytes[capacity];
  };

  static bool is_self_or_parent(const char* name) noexcept {
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
  }

  Task<int> read_on_thread(Storage::Mount& mount);

  std::shared_ptr<ReadOnThread> reading_;  // has the two below
  UniqueFd fd_;
  std::unique_ptr<Block> block_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::int64_t position_ = 0;  // of what follows the entry that was taken last
};

}  // namespace eddy::internal
