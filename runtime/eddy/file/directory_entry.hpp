// DirectoryEntry: a name in a directory, and what is known of it without asking once more.
// DirectoryEntries: one after the other; what scandir(), walk() and glob() give.
#pragma once

#include <eddy/base/internal/pool.hpp>
#include <eddy/base/text.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/core/task.hpp>
#include <eddy/file/fs.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace eddy {

enum class FileType : std::uint8_t {
  unknown,  // it vanished before its file system was asked
  file,
  directory,
  symlink,
  fifo,
  socket,
  block_device,
  character_device,
};

class DirectoryEntry {
 public:
  // For the library. The name ends the path, but for a slash.
  DirectoryEntry(Text path, std::size_t name_size, FileType type, std::uint64_t inode) noexcept
      : path_(std::move(path)),
        inode_(inode),
        name_at_(path_.view().size() - path_.view().ends_with('/') - name_size),
        name_size_(static_cast<std::uint16_t>(name_size)),
        type_(type) {}

  // The directory's path as it was given, and the name; any bytes but "/" and zero. As long as
  // this object.
  std::string_view path() const noexcept { return path_.view(); }
  std::string_view name() const noexcept { return path().substr(name_at_, name_size_); }

  // Of the entry itself: of a symbolic link, not of what it leads to. Told by the directory where
  // its file system does that; otherwise it has been asked for.
  FileType type() const noexcept { return type_; }
  bool is_file() const noexcept { return type_ == FileType::file; }
  bool is_dir() const noexcept { return type_ == FileType::directory; }
  bool is_symlink() const noexcept { return type_ == FileType::symlink; }
  std::uint64_t inode() const noexcept { return inode_; }

  // As fs::stat and fs::lstat of the path.
  fs::Call<FileStat> stat() const;
  fs::Call<FileStat> lstat() const;

 private:
  Text path_;
  std::uint64_t inode_;
  std::size_t name_at_;
  std::uint16_t name_size_;
  FileType type_;
};

namespace internal {

// Where entries come from.
class EntrySource : public Pooled {
 public:
  EntrySource() = default;
  EntrySource(const EntrySource&) = delete;
  EntrySource& operator=(const EntrySource&) = delete;
  virtual ~EntrySource() = default;

  // The next entry, or none at the end, when that takes no call. False: advance() gives it.
  virtual bool take(std::optional<DirectoryEntry>& into) = 0;
  virtual Task<std::optional<DirectoryEntry>> advance() = 0;

  bool awaited = false;
};

[[noreturn]] void refuse_next(const EntrySource* source);

class [[nodiscard]] NextEntry : public Raises<NextEntry, std::optional<DirectoryEntry>> {
 public:
  explicit NextEntry(EntrySource* source) noexcept : source_(source) {}

  bool await_ready() {
    if (!source_ || source_->awaited) [[unlikely]] refuse_next(source_);
    if (source_->take(entry_)) return true;
    advance_.emplace(source_->advance());
    return advance_->await_ready();
  }
  bool await_suspend(std::coroutine_handle<> frame) {
    source_->awaited = true;
    return advance_->await_suspend(frame);
  }
  Expected<std::optional<DirectoryEntry>> await_outcome() {
    if (!advance_) return std::move(entry_);
    source_->awaited = false;
    return advance_->await_outcome();
  }

 private:
  EntrySource* source_;
  std::optional<DirectoryEntry> entry_;
  std::optional<Task<std::optional<DirectoryEntry>>> advance_;
};

}  // namespace internal

// Lazy, as a Generator: nothing is opened before the first next(), and no more is read than is
// asked for. What it holds, descriptors and memory, does not grow with the number of entries, and
// goes with this object, at any time. Entries that come or go meanwhile may be given or not. While
// next() is awaited it may be moved, and must not die.
class [[nodiscard]] DirectoryEntries {
 public:
  explicit DirectoryEntries(std::unique_ptr<internal::EntrySource> source) noexcept
      : source_(std::move(source)) {}
  DirectoryEntries(DirectoryEntries&&) noexcept = default;
  DirectoryEntries& operator=(DirectoryEntries&& other) noexcept {
    EDDY_VERIFY(!is_awaited());
    source_ = std::move(other.source_);
    return *this;
  }
  ~DirectoryEntries() { EDDY_VERIFY(!is_awaited()); }  // a task would go on in what is gone

  // The next one, or none at the end. It suspends only for the file system, and for a turn of the
  // others once in a while; entries that are read already it gives without a frame. Cancelled:
  // no entry is lost. One consumer at a time: UsageError. ∅
  internal::NextEntry next() noexcept { return internal::NextEntry(source_.get()); }

 protected:
  internal::EntrySource& source() const noexcept { return *source_; }

 private:
  bool is_awaited() const noexcept { return source_ && source_->awaited; }

  std::unique_ptr<internal::EntrySource> source_;
};

}  // namespace eddy
