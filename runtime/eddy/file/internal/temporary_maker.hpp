// TemporaryMaker: makes what is temporary, under a name that nobody has.
#pragma once

#include <eddy/file/file.hpp>
#include <eddy/file/internal/temporary_path.hpp>

#include <string>
#include <string_view>

namespace eddy {
class NamedTemporaryFile;
class TemporaryDirectory;
}  // namespace eddy

namespace eddy::internal {

class TemporaryMaker {
 public:
  // Throws UsageError for a name that cannot be.
  TemporaryMaker(std::string_view directory, std::string_view prefix, std::string_view suffix);

  static Task<File> open_unnamed(TemporaryMaker maker, FileMode mode, int buffering);
  static Task<File> open_kept(TemporaryMaker maker, FileMode mode, int buffering);
  static Task<NamedTemporaryFile> open_named(TemporaryMaker maker, FileMode mode, int buffering,
                                             bool delete_on_close, bool keep);
  static Task<std::string> mkdir_kept(TemporaryMaker maker);
  static Task<TemporaryDirectory> open_directory(TemporaryMaker maker, bool keep);

 private:
  static Task<File> open_new(TemporaryMaker maker, FileMode mode, int buffering,
                             Counted<TemporaryPath>& made);
  static Task<> mkdir_new(TemporaryMaker maker, Counted<TemporaryPath>& made);
  Text next_path() const;
  Failure failed(Failure failure) const;

  Text directory_;  // absolute
  Text prefix_;
  Text suffix_;
};

}  // namespace eddy::internal
