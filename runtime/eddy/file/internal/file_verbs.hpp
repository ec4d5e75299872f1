// What File does at once where its buffer alone can do it (see AtOnce). What takes more is a Task:
// a private function of File with the verb's name.
#pragma once

#include <eddy/bytes/internal/line_verbs.hpp>
#include <eddy/core/internal/at_once.hpp>
#include <eddy/file/internal/file_state.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace eddy::internal {

class FileVerbs {
  class OnFile {
   protected:
    explicit OnFile(Counted<FileState> file) noexcept : file_(std::move(file)) {}

    // What is read ahead and may be taken; nothing where that needs a Task.
    Bytes ahead() const noexcept { return file_ ? file_->ahead_at_once() : Bytes(); }
    // REQUIRES: ahead() has so many, and at least one
    std::size_t take(MutableBytes into) noexcept {
      std::memcpy(into.data(), file_->ahead().data(), into.size());
      file_->consume(into.size());
      return into.size();
    }

    Counted<FileState> file_;
  };

 public:
  class ReadInto : protected OnFile {
   public:
    using value_type = std::size_t;
    ReadInto(Counted<FileState> file, MutableBytes into) noexcept
        : OnFile(std::move(file)), into_(into) {}
    bool ready() const noexcept { return !into_.empty() && into_.size() <= ahead().size(); }
    std::size_t now() noexcept { return take(into_); }
    Task<std::size_t> task();

   protected:
    MutableBytes into_;
  };

  class ReadExactly : public ReadInto {
   public:
    using value_type = void;
    using ReadInto::ReadInto;
    void now() noexcept { take(into_); }
    Task<> task();
  };

  class ReadSome : public ReadInto {
   public:
    using ReadInto::ReadInto;
    bool ready() const noexcept { return !into_.empty() && !ahead().empty(); }
    std::size_t now() noexcept {
      return take(MutableBytes(into_.data(), std::min(into_.size(), file_->ahead().size())));
    }
    Task<std::size_t> task();
  };

  // What the verbs that give a line read of a file.
  class Lines : protected OnFile {
   public:
    explicit Lines(Counted<FileState> file) noexcept : OnFile(std::move(file)) {}
    using OnFile::ahead;
    void consume(std::size_t count) noexcept { file_->consume(count); }
    static std::size_t limit() noexcept { return std::numeric_limits<std::size_t>::max(); }
    Task<std::string> readline() &&;
    Task<std::optional<std::string>> next_line() &&;
    Task<bool> readline_into(std::string& line) &&;
  };

  class Write : protected OnFile {
   public:
    using value_type = std::size_t;
    Write(Counted<FileState> file, Bytes bytes) noexcept
        : OnFile(std::move(file)), bytes_(bytes) {}
    bool ready() const noexcept { return file_ && file_->appends_at_once(bytes_.size()); }
    std::size_t now() noexcept {
      file_->append(bytes_);
      return bytes_.size();
    }
    Task<std::size_t> task();

   private:
    Bytes bytes_;
  };
};

}  // namespace eddy::internal
