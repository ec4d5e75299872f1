// temporary_directory(): a directory that is gone, with all that is in it, on every way out.
#pragma once

#include <eddy/file/internal/temporary_path.hpp>
#include <eddy/file/temporary_name.hpp>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace eddy {

// Trivially copyable; what it points to need not stay once a call was made with it.
struct TemporaryDirectoryOptions {
  std::string_view directory = {};  // gettempdir() where it is empty
  std::string_view prefix = "tmp";
  std::string_view suffix = {};
  bool keep = false;  // never removed: Python's delete=False
};

// Removed by close(), at the end of with(), or by plain calls when the handle dies; what is not
// there any more is no error. Links in it are removed and never followed. Only a killed program
// leaves it there. A handle that dies in a child after fork() removes nothing.
class TemporaryDirectory {
 public:
  TemporaryDirectory() = default;

  // The path, absolute.
  std::string_view name() const noexcept { return path_ ? path_->path() : std::string_view(); }

  // Idempotent. Cancelled: a part is gone, and the rest goes by the next close(), or at the end.
  Task<> close();
  Task<> cleanup() { return close(); }

  // For with(): lends the path; then removes it.
  Task<std::string> enter();
  Task<bool> exit(std::exception_ptr exception);

 private:
  friend class internal::TemporaryMaker;
  explicit TemporaryDirectory(internal::Counted<internal::TemporaryPath> path) noexcept
      : path_(std::move(path)) {}

  internal::Handle<internal::TemporaryPath> path_;
};

// Only this user may enter it (0700).
Task<TemporaryDirectory> temporary_directory(TemporaryDirectoryOptions options = {});

}  // namespace eddy
