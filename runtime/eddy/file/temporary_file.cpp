// Temporary files and directories, all of which begin with a name that nobody has.
#include <eddy/file/temporary_file.hpp>

#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/fs.hpp>
#include <eddy/file/internal/path.hpp>
#include <eddy/file/internal/temporary_maker.hpp>
#include <eddy/file/internal/temporary_name.hpp>
#include <eddy/file/temporary_directory.hpp>

namespace eddy {
using namespace internal;
namespace {

// As Python's tempfile opens them, whatever the letter says.
FileMode with_flags(FileMode mode, int flags) {
  mode.flags = (mode.flags & O_APPEND) | O_RDWR | O_EXCL | O_CLOEXEC | flags;
  mode.readable = mode.writable = true;
  return mode;
}

// A kernel, or a file system, that does not know O_TMPFILE takes it for a directory that is to be
// written.
bool is_without_unnamed(const Failure& failure) noexcept {
  return failure.is_error(EOPNOTSUPP) || failure.is_error(EISDIR) || failure.is_error(EINVAL);
}

Text checked(std::string_view part) {
  if (part.find('/') != std::string_view::npos) {
    throw UsageError("a temporary name with a slash in '" + std::string(part) + "'");
  }
  return Text(part);
}

}  // namespace

TemporaryMaker::TemporaryMaker(std::string_view directory, std::string_view prefix,
                               std::string_view suffix)
    : directory_(directory.empty() ? gettempdir() : fs::abspath(directory)),
      prefix_(checked(prefix)),
      suffix_(checked(suffix)) {
  path_of(directory_);
  path_of(prefix_);
  path_of(suffix_);
}

Text TemporaryMaker::next_path() const {
  std::string path(directory_.view());
  if (!path.ends_with('/')) path += '/';
  path += prefix_.view();
  path += random_name();
  path += suffix_.view();
  return Text(path);
}

Failure TemporaryMaker::failed(Failure failure) const {
  return named(std::move(failure), "make something temporary in", directory_);
}

// What was made is removed also when opening it fails then.
Task<File> TemporaryMaker::open_new(TemporaryMaker maker, FileMode mode, int buffering,
                                    Counted<TemporaryPath>& made) {
  const OpenOptions options{.buffering = buffering, .permissions = 0600};
  for (int tries = 1;; ++tries) {
    made = Counted<TemporaryPath>(new TemporaryPath(maker.next_path(), TemporaryPath::Kind::file));
    auto file = co_await as_outcome(open_file(made->text(), with_flags(mode, O_CREAT), options));
    if (file) co_return std::move(*file);
    const bool taken = file.error().is_error(EEXIST);
    if (taken) made->keep();
    if (!taken || tries == most_names) co_await fail(maker.failed(std::move(file.error())));
  }
}

Task<File> TemporaryMaker::open_kept(TemporaryMaker maker, FileMode mode, int buffering) {
  Counted<TemporaryPath> path;
  EDDY_TRY(auto file, open_new(maker, mode, buffering, path));
  path->keep();
  co_return std::move(file);
}

Task<NamedTemporaryFile> TemporaryMaker::open_named(TemporaryMaker maker, FileMode mode,
                                                    int buffering, bool delete_on_close,
                                                    bool keep) {
  Counted<TemporaryPath> path;
  EDDY_TRY(auto file, open_new(maker, mode, buffering, path));
  if (keep) path->keep();
  co_return NamedTemporaryFile(std::move(file), std::move(path), delete_on_close);
}

Task<File> TemporaryMaker::open_unnamed(TemporaryMaker maker, FileMode mode, int buffering) {
  const OpenOptions options{.buffering = buffering, .permissions = 0600};
  auto file =
      co_await as_outcome(open_file(maker.directory_, with_flags(mode, O_TMPFILE), options));
  if (file) co_return std::move(*file);
  if (!is_without_unnamed(file.error())) co_await fail(maker.failed(std::move(file.error())));
  Counted<TemporaryPath> path;
  EDDY_TRY(auto named, open_new(maker, mode, buffering, path));
  EDDY_DO(TemporaryPath::remove(path));
  co_return std::move(named);
}

Task<> TemporaryMaker::mkdir_new(TemporaryMaker maker, Counted<TemporaryPath>& made) {
  for (int tries = 1;; ++tries) {
    made = Counted<TemporaryPath>(
        new TemporaryPath(maker.next_path(), TemporaryPath::Kind::directory));
    auto done = co_await as_outcome(fs::mkdir(made->text(), {.permissions = 0700}));
    if (done) co_return;
    made->keep();
    if (!done.error().is_error(EEXIST) || tries == most_names) {
      co_await fail(maker.failed(std::move(done.error())));
    }
  }
}

Task<std::string> TemporaryMaker::mkdir_kept(TemporaryMaker maker) {
  Counted<TemporaryPath> path;
  EDDY_DO(mkdir_new(maker, path));
  std::string text(path->path());
  path->keep();
  co_return text;
}

Task<TemporaryDirectory> TemporaryMaker::open_directory(TemporaryMaker maker, bool keep) {
  Counted<TemporaryPath> path;
  EDDY_DO(mkdir_new(maker, path));
  if (keep) path->keep();
  co_return TemporaryDirectory(std::move(path));
}

// -- what is lent and removed --

static Task<> remove_and_close(Task<> closing, Counted<TemporaryPath> path) {
  auto removed = co_await as_outcome(TemporaryPath::remove(path));
  auto closed = co_await as_outcome(std::move(closing));
  if (!removed && removed.error().is_cancelled()) co_await fail(std::move(removed.error()));
  if (!closed) co_await fail(std::move(closed.error()));
  if (!removed) co_await fail(std::move(removed.error()));
}

static Task<bool> after(Task<> leaving) {
  EDDY_DO(std::move(leaving));
  co_return false;
}

Task<> NamedTemporaryFile::close() {
  if (!path_ || !delete_on_close_) return File::close();
  return remove_and_close(File::close(), path_);
}
Task<> NamedTemporaryFile::enter() { co_return; }
Task<bool> NamedTemporaryFile::exit(std::exception_ptr) {
  if (!path_) return after(File::close());
  return after(remove_and_close(File::close(), path_));
}

static Task<std::string> path_text(Counted<TemporaryPath> path) {
  if (!path) throw UsageError("a temporary directory that is none");
  co_return std::string(path->path());
}

static Task<> remove_if_any(Counted<TemporaryPath> path) {
  if (path) EDDY_DO(TemporaryPath::remove(path));
}

Task<> TemporaryDirectory::close() { return remove_if_any(path_); }
Task<std::string> TemporaryDirectory::enter() { return path_text(path_); }
Task<bool> TemporaryDirectory::exit(std::exception_ptr) { return after(remove_if_any(path_)); }

// -- what a user calls --

std::string gettempdir() {
  for (const char* name : {"TMPDIR", "TEMP", "TMP"}) {
    const char* value = sys::secure_getenv(name);
    if (value && *value) return fs::abspath(value);
  }
  return "/tmp";
}

Task<std::string> mkdtemp(TemporaryOptions options) {
  return TemporaryMaker::mkdir_kept({options.directory, options.prefix, options.suffix});
}
Task<File> mkstemp(TemporaryOptions options) {
  return TemporaryMaker::open_kept({options.directory, options.prefix, options.suffix},
                                   FileMode::parse("w+b"), -1);
}
Task<File> temporary_file(TemporaryFileOptions options) {
  return TemporaryMaker::open_unnamed({options.directory, options.prefix, options.suffix},
                                      FileMode::parse(options.mode), options.buffering);
}
Task<NamedTemporaryFile> named_temporary_file(TemporaryFileOptions options) {
  return TemporaryMaker::open_named({options.directory, options.prefix, options.suffix},
                                    FileMode::parse(options.mode), options.buffering,
                                    options.delete_on_close, options.keep);
}
Task<TemporaryDirectory> temporary_directory(TemporaryDirectoryOptions options) {
  return TemporaryMaker::open_directory({options.directory, options.prefix, options.suffix},
                                        options.keep);
}

}  // namespace eddy
