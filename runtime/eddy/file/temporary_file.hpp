// temporary_file(), named_temporary_file(): files that are gone on every way out: by close(), at
// the end of with(), by a cancel, by an exception, and when the handle dies.
#pragma once

#include <eddy/file/file.hpp>
#include <eddy/file/internal/temporary_path.hpp>
#include <eddy/file/temporary_name.hpp>

#include <exception>
#include <string_view>
#include <utility>

namespace eddy {

// Trivially copyable; what it points to need not stay once a call was made with it.
struct TemporaryFileOptions {
  std::string_view directory = {};  // gettempdir() where it is empty
  std::string_view prefix = "tmp";
  std::string_view suffix = {};
  std::string_view mode = "w+b";  // always opened to read and to write
  int buffering = -1;
  // Of a file with a name. False: close() leaves it, and the end of with(), or of the handle,
  // removes it.
  bool delete_on_close = true;
  bool keep = false;  // never removed: Python's delete=False
};

// A file without a name (O_TMPFILE; where the file system has none such, its name is removed at
// once): the kernel takes it back when it is closed, also when the program is killed. Its name() is
// the directory. Errors are those of open(), with the directory.
Task<File> temporary_file(TemporaryFileOptions options = {});

// A File with a name that others can open it by: name() is its path. Only this user may (0600).
// Removed as the options say; what was removed by others, or renamed, is no error. As the last
// resort the destructor removes it by a plain call; only a killed program leaves it there. One that
// runs in a child after fork() removes nothing.
class NamedTemporaryFile : public File {
 public:
  NamedTemporaryFile() = default;

  // The path, also of one that is closed.
  std::string_view path() const noexcept { return path_ ? path_->path() : std::string_view(); }

  // As that of a File; removes it before.
  Task<> close();

  // For with(): lends itself; then closes and removes it.
  Task<> enter();
  Task<bool> exit(std::exception_ptr exception);

 private:
  friend class internal::TemporaryMaker;
  NamedTemporaryFile(File file, internal::Counted<internal::TemporaryPath> path,
                     bool delete_on_close) noexcept
      : File(std::move(file)), path_(std::move(path)), delete_on_close_(delete_on_close) {}

  internal::Handle<internal::TemporaryPath> path_;
  bool delete_on_close_ = true;
};

Task<NamedTemporaryFile> named_temporary_file(TemporaryFileOptions options = {});

}  // namespace eddy
