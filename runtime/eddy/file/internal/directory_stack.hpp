// DirectoryStack: the directories from the root of a tree down to where somebody is in it.
//
// Each is opened relative to the one before, so that paths may be longer than the kernel takes in
// one piece, and a link that is put in the place of a directory meanwhile leads nobody elsewhere.
// At most `most_open` are open at a time: of deeper trees the outer ones are closed, and opened
// again on the way back, by ".." or by their path. What is found there must be the directory that
// it was (device and inode); otherwise leave() fails with ESTALE.
#pragma once

#include <eddy/base/text.hpp>
#include <eddy/file/directory_entry.hpp>
#include <eddy/file/internal/directory_reader.hpp>
#include <eddy/file/internal/file_id.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eddy::internal {

// As the directory tells it, if it does.
FileType told_type(const dirent64& entry) noexcept;
// Of a file's mode.
FileType type_of_mode(std::uint32_t mode) noexcept;

class DirectoryStack {
 public:
  static constexpr std::size_t most_open = 32;

  // Failures are those of `verb`, a literal, and name the whole path.
  explicit DirectoryStack(std::string_view verb) noexcept : verb_(verb) {}

  // The working directory is the outermost one, and has no part in what path() says.
  void hide_root() noexcept { path_.clear(); }
  // Opens the outermost one, or `name` in the innermost one, with more O_* flags. REQUIRES: both
  // stay meanwhile
  Task<> enter_root(const Text& path, int flags);
  Task<> enter(const char* name, int flags);
  // Back to the one above; not yet when it is cancelled. A failure means that that one could not be
  // opened again: it counts as being at its end.
  Task<> leave();

  // The innermost one's next entry, as DirectoryReader has it. fill() gives false at its end,
  // next() null. type_of() asks the file system where the directory does not tell; cancelled, the
  // entry is the next one again.
  const dirent64* take() noexcept { return top().reader.take(); }
  void untake(const dirent64& entry) noexcept { top().reader.untake(entry); }
  Task<bool> fill();
  Task<const dirent64*> next();
  Task<FileType> type_of(const dirent64& entry);

  bool empty() const noexcept { return levels_.empty(); }
  std::size_t depth() const noexcept { return levels_.size(); }  // 1 in the root
  int fd() const noexcept { return levels_.back().reader.fd(); }
  // The innermost one could not be opened again.
  bool is_lost() const noexcept { return levels_.back().lost; }

  // The innermost one's path, or that of what is in it.
  std::string_view path() const noexcept { return path_; }
  Text path_of(std::string_view name);
  DirectoryEntry entry_of(std::string_view name, FileType type, std::uint64_t inode);
  DirectoryEntry entry_of(const dirent64& entry, FileType type) {
    return entry_of(entry.d_name, type, entry.d_ino);
  }
  DirectoryEntry entry_of(const dirent64& entry) { return entry_of(entry, told_type(entry)); }
  Storage::Mount& mount() const { return Storage::current().mount_of(path_); }

  // The innermost one is one of those above it, too.
  bool is_loop() noexcept;
  // ... or this one.
  bool is_at(FileId id) noexcept { return identify(top()) && *top().id == id; }

 private:
  struct Level {
    DirectoryReader reader;
    std::size_t above = 0;  // how long the path of the one above is
    std::optional<FileId> id = std::nullopt;
    bool lost = false;
  };
  class Longer;

  Level& top() noexcept {
    EDDY_ASSERT(!empty());
    return levels_.back();
  }
  Task<UniqueFd> open(int directory, const char* name, int flags);
  Task<UniqueFd> open_again(int below, FileId id);
  void push(UniqueFd fd, std::size_t above);
  bool close_one() noexcept;
  bool identify(Level& level) noexcept;

  std::string_view verb_;
  std::string path_;
  std::vector<Level> levels_;
  std::size_t first_open_ = 0;  // those before it are closed
};

}  // namespace eddy::internal
